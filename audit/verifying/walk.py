"""From leaf to leaf through the log, growing the tree anew beside the stored one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from audit.keyring import Believed
from audit.models import Audit, Checkpoint, Leaf
from audit.proofs.checkpoints import Checkpoint as Signed
from audit.proofs.merkle import HASH_BYTES, LARGEST_SIZE, CompactRange
from audit.proofs.merkle import Node as Made
from audit.verifying.checkpoints import as_bytes, problem, stored_from
from audit.verifying.events import Stored, problems, rows
from audit.verifying.findings import Findings, Kind, found, found_at
from audit.verifying.nodes import Nodes

AT_ONCE = 2000

Step = tuple[int, bytes | memoryview, int]
"""A stored leaf: its place, its hash and its event's number."""


class Walk:
    """One way through the log. ``tree`` is what is believed of it to begin with.

    The tree grows by the stored hashes, and each is compared with its event: so a text
    that was changed is found where it stands, and a hash that was changed as well by
    the nodes and the roots that it no longer leads to.
    """

    def __init__(
        self,
        findings: Findings,
        *,
        keys: Sequence[Believed],
        tree: CompactRange,
        pins: Sequence[Signed] = (),
        progress: Callable[[int], None] = lambda done: None,
    ) -> None:
        self.findings = findings
        self.keys = keys
        self.begin = self.next = tree.size
        self.tree: CompactRange | None = tree
        self.nodes = Nodes(findings)
        self.progress = progress
        self.checkpoints = 0
        self.good = self.good_pin = 0
        self.stored = stored_from(tree.size or None)
        self.pins = iter(pins)
        self.checkpoint: Checkpoint | None = next(self.stored, None)
        self.pin: Signed | None = next(self.pins, None)
        self.stop = self.signed = self.latest = self.whole = 0

    def go(self) -> None:
        """Walk to the end; what is wrong is added to the findings."""
        self._mark()
        for leaves in self._leaves():
            self._chunk(leaves)
            self.progress(self.next - self.begin)
        self._end()

    def _leaves(self) -> Iterator[list[Step]]:
        """Read leaves in the order of their places, some at a time."""
        ordered = Leaf.objects.order_by("tree_index")
        ordered_steps = ordered.values_list("tree_index", "hash", "event_id")
        if not self.begin:
            below = ordered.filter(tree_index__lt=0).count()
            if below:
                self.findings.add(found(Kind.LEAF_BELOW_ZERO))
                self.findings.count_more(Kind.LEAF_BELOW_ZERO, below - 1)
        while leaves := list(ordered_steps.filter(tree_index__gte=self.next)[:AT_ONCE]):
            yield leaves

    def _chunk(self, leaves: Sequence[Step]) -> None:
        first, last = leaves[0][0], leaves[-1][0]
        events = rows(Audit.objects.filter(leaf__tree_index__range=(first, last)))
        begin = self.next
        made: list[Made] = []
        for index, hashed, pk in leaves:
            if index != self.next:
                self._gap(index)
            wrong = self._event(index, as_bytes(hashed), pk, events)
            self.next = index + 1
            if self.tree is not None:
                made += self.tree.append(wrong)
            if self.next >= self.stop:
                self._mark()
        if made or self.tree is not None:
            end = self.tree.size if self.tree is not None else self.whole
            self.nodes.compare(made, begin, end)

    def _event(
        self, index: int, held: bytes, pk: int, events: dict[int, Stored | None]
    ) -> bytes:
        """Check one leaf and its event; return the hash that the tree grows by."""
        if pk not in events:
            self.findings.add(found_at(Kind.EVENT_MISSING, index, event=pk))
            return held if len(held) == HASH_BYTES else bytes(HASH_BYTES)
        row = events[pk]
        for kind, more in problems(row):
            self.findings.add(found_at(kind, index, event=pk, more=more))
        expected = row.leaf_hash() if row is not None else bytes(HASH_BYTES)
        if row is not None and held != expected:
            self.findings.add(found_at(Kind.LEAF_HASH, index, event=pk))
        return held if len(held) == HASH_BYTES else expected

    def _gap(self, index: int) -> None:
        """Note that leaves are missing: of the rest no root can be known."""
        self.findings.add(
            found(Kind.LEAF_MISSING, index=self.next, until=self.next + 1)
        )
        self.findings.count_more(Kind.LEAF_MISSING, index - self.next - 1)
        if self.tree is not None:
            self.whole = self.tree.size
        self.tree = None

    # --- Roots --------------------------------------------------------------------

    def _mark(self) -> None:
        """Check the checkpoints of the size that the log has here."""
        while self.checkpoint is not None and self.checkpoint.size <= self.next:
            self._check(self.checkpoint)
            self.checkpoint = next(self.stored, None)
        while self.pin is not None and self.pin.size <= self.next:
            self._check_pin(self.pin)
            self.pin = next(self.pins, None)
        waiting = [each.size for each in (self.checkpoint, self.pin) if each]
        self.stop = min(waiting, default=LARGEST_SIZE)

    def _check(self, row: Checkpoint) -> None:
        self.checkpoints += 1
        self.latest = row.size
        self.signed = max(self.signed, row.size)
        where = {
            "index": self.good,
            "until": max(row.size, self.good + 1),
            "size": row.size,
        }
        wrong = problem(row, self.keys)
        if wrong:
            kind, more = wrong
            self.findings.add(found(kind, more=more, **where))
        if self.tree is None or row.size > self.next:
            return
        if row.size != self.tree.size or as_bytes(row.root) != self.tree.root():
            self.findings.add(found(Kind.ROOT_DIFFERS, **where))
        elif not wrong:
            self.good = row.size

    def _check_pin(self, pin: Signed) -> None:
        if self.tree is None or pin.size < self.begin:
            return
        if pin.root != self.tree.root():
            until = max(pin.size, self.good_pin + 1)
            self.findings.add(
                found(Kind.PIN_DIFFERS, index=self.good_pin, until=until, size=pin.size)
            )
            return
        self.good_pin = pin.size
        if pin.size != self.latest:
            self.findings.add(found(Kind.PIN_FORGOTTEN, size=pin.size))

    def _end(self) -> None:
        """Check what the log has not reached, and what it has beyond."""
        rest = [] if self.checkpoint is None else [self.checkpoint]
        for row in chain(rest, self.stored):
            self._check(row)
            self._shortened(Kind.LOG_SHORTENED, row.size)
        for pin in chain([] if self.pin is None else [self.pin], self.pins):
            self._shortened(Kind.PIN_BEYOND, pin.size)
        if self.signed < self.next:
            index = min(max(self.signed, self.begin), self.next - 1)
            self.findings.add(found(Kind.LEAVES_UNSIGNED, index=index, until=self.next))
        if self.tree is not None:
            self.nodes.count_foreign(self.tree.size)

    def _shortened(self, kind: Kind, size: int) -> None:
        self.findings.add(found(kind, index=self.next, until=size, size=size))
