"""What verifying finds: plain words, a place, and nothing of what an event says."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MOST_SHOWN = 20
"""How many findings are kept of each kind, and shown in all. All are counted."""


class Kind(StrEnum):
    """What can be wrong with the log. docs/audit-verify.md says what to do."""

    LEAF_MISSING = "leaf_missing"
    LEAF_BELOW_ZERO = "leaf_below_zero"
    LEAF_HASH = "leaf_hash"
    EVENT_MISSING = "event_missing"
    EVENT_UNREADABLE = "event_unreadable"
    TEXT_MALFORMED = "text_malformed"
    COLUMN_DIFFERS = "column_differs"
    NODE_MISSING = "node_missing"
    NODE_DIFFERS = "node_differs"
    NODE_FOREIGN = "node_foreign"
    CHECKPOINT_REFUSED = "checkpoint_refused"
    CHECKPOINT_DIFFERS = "checkpoint_differs"
    CHECKPOINT_MISSING = "checkpoint_missing"
    ROOT_DIFFERS = "root_differs"
    LOG_SHORTENED = "log_shortened"
    LEAVES_UNSIGNED = "leaves_unsigned"
    PIN_BEYOND = "pin_beyond"
    PIN_DIFFERS = "pin_differs"
    PIN_FORGOTTEN = "pin_forgotten"
    EVENT_LEFT_OUT = "event_left_out"
    UNSEALED = "unsealed"
    PENDING_SEALED = "pending_sealed"
    PENDING_WITHOUT_EVENT = "pending_without_event"


WORDS = {
    Kind.LEAF_MISSING: "a place of the tree has no leaf",
    Kind.LEAF_BELOW_ZERO: "a leaf has a place below zero",
    Kind.LEAF_HASH: "the hash of a leaf is not that of its event's text",
    Kind.EVENT_MISSING: "a leaf has no event",
    Kind.EVENT_UNREADABLE: "an event holds what its columns cannot",
    Kind.TEXT_MALFORMED: "the text of an event is not as the log writes it",
    Kind.COLUMN_DIFFERS: "an event says one thing in its text and another beside it",
    Kind.NODE_MISSING: "a node of the tree is not stored",
    Kind.NODE_DIFFERS: "a stored node is not the hash over its leaves",
    Kind.NODE_FOREIGN: "a node is stored that the tree has not",
    Kind.CHECKPOINT_REFUSED: "a checkpoint is not signed by a key that is believed",
    Kind.CHECKPOINT_DIFFERS: "a checkpoint says one thing in its note, another beside",
    Kind.CHECKPOINT_MISSING: "checkpoints are gone that an earlier check counted",
    Kind.ROOT_DIFFERS: "the log has not the root that a checkpoint has",
    Kind.LOG_SHORTENED: "the log is shorter than it was",
    Kind.LEAVES_UNSIGNED: "no checkpoint covers the last leaves",
    Kind.PIN_BEYOND: "the log is shorter than the checkpoint kept outside",
    Kind.PIN_DIFFERS: "the log is another than that of the checkpoint kept outside",
    Kind.PIN_FORGOTTEN: "the checkpoint kept outside is not among those stored",
    Kind.EVENT_LEFT_OUT: "an event has no leaf, and does not wait for one",
    Kind.UNSEALED: "an event waits to be sealed for over a minute",
    Kind.PENDING_SEALED: "an event waits to be sealed, and has a leaf",
    Kind.PENDING_WITHOUT_EVENT: "something waits to be sealed that is no event",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is wrong.

    What is wrong stands at ``index``, or from there on before ``until``. ``event`` is
    the number of a row, for what has no place in the tree. ``more`` names columns, or
    says why a note is refused.
    """

    kind: str
    words: str
    index: int | None = None
    until: int | None = None
    event: int | None = None
    size: int | None = None
    job: str = ""
    more: str = ""

    def place(self) -> tuple[int, int]:
        """Return what to sort by: the surest first bad index, then what has none."""
        if self.index is None or self.until is None:
            return (2**64, 0)
        return (self.until, -self.index)

    def fields(self) -> dict[str, Any]:
        """Return what is known, for machines."""
        names = ("kind", "words", "index", "until", "event", "size", "job", "more")
        values = {name: getattr(self, name) for name in names}
        return {
            name: value for name, value in values.items() if value not in {None, ""}
        }

    def __str__(self) -> str:
        said = self.words
        if self.index is not None and self.until == self.index + 1:
            said = f"index {self.index}: {said}"
        elif self.index is not None:
            said = f"index {self.index} or later, before {self.until}: {said}"
        if self.event is not None:
            said += f" (event {self.event})"
        if self.size is not None:
            said += f" (checkpoint of {self.size})"
        if self.job:
            said += f" (job {self.job})"
        return f"{said}: {self.more}" if self.more else said


def found(kind: Kind, **where: Any) -> Finding:
    """Make a finding about the log itself."""
    return Finding(kind=str(kind), words=WORDS[kind], **where)


def found_at(kind: Kind, index: int, **where: Any) -> Finding:
    """Make a finding about exactly one place of the tree."""
    return found(kind, index=index, until=index + 1, **where)


@dataclass(slots=True)
class Findings:
    """All of them counted, the first of each kind kept."""

    counts: Counter[str] = field(default_factory=Counter)
    kept: dict[str, list[Finding]] = field(default_factory=lambda: defaultdict(list))
    first: Finding | None = None

    def add(self, finding: Finding) -> None:
        """Note one."""
        self.counts[finding.kind] += 1
        if len(self.kept[finding.kind]) < MOST_SHOWN:
            self.kept[finding.kind].append(finding)
        if finding.index is not None and (
            self.first is None or finding.place() < self.first.place()
        ):
            self.first = finding

    def count_more(self, kind: str, number: int) -> None:
        """Count some that are not shown."""
        if number > 0:
            self.counts[kind] += number

    @property
    def total(self) -> int:
        """How many there are."""
        return self.counts.total()

    @property
    def first_index(self) -> int | None:
        """The first bad index of the tree, or as near below it as can be known."""
        return self.first.index if self.first else None

    def shown(self) -> list[Finding]:
        """Return some of each kind, not more in all than a screen holds."""
        turns = [
            (turn, *each.place(), kind, each)
            for kind, kept in self.kept.items()
            for turn, each in enumerate(kept)
        ]
        turns.sort(key=lambda each: each[:4])
        chosen = [each[-1] for each in turns[:MOST_SHOWN]]
        return sorted(chosen, key=Finding.place)
