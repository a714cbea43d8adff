"""Sealing: what waits is given its place in the tree, and the tree is signed.

One transaction a batch. Dying in the middle of it means that nothing happened. Of two
that seal at once one has the lock; should both ever think so, the second finds the
places taken by the keys of the tables, and nothing of it is stored.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence

from django.db import OperationalError, connection, transaction

from audit.models import Audit, Checkpoint, Leaf, Node, Pending
from audit.proofs.checkpoints import Checkpoint as Signed
from audit.proofs.keys import SignerKey
from audit.proofs.merkle import CompactRange, Place, Stretch, cover, leaf_hash
from audit.tree import hashes_at

logger = logging.getLogger(__name__)

LOCK = 0x5EA1
BATCH = 1000
NO_TEXT = "Could not decode to UTF-8"
"""What SQLite says of such a column. The database is there all the same."""


class LogBroken(Exception):
    """The stored tree is not what was signed: nothing more is sealed. See the runbook.

    The message says what is wrong, and quotes no event.
    """


def seal_all(signers: Sequence[SignerKey], *, seconds: float) -> Checkpoint | None:
    """Seal batches until none is left or the time is up; return the last checkpoint.

    None means that nothing waited, or that another process seals just now.

    Raises:
        LogBroken: see there.
    """
    until = time.monotonic() + seconds
    last = None
    while (sealed := seal(signers)) is not None:
        last = sealed
        if time.monotonic() >= until:
            break
    return last


@transaction.atomic(durable=True)
def seal(signers: Sequence[SignerKey], *, most: int = BATCH) -> Checkpoint | None:
    """Seal up to so many events: leaves, nodes and a checkpoint signed by each key.

    The first key is that of the log, whose name it has. Returns the checkpoint stored,
    or None if nothing waits or another process seals just now.

    Raises:
        LogBroken: see there. Nothing is stored.
    """
    if not _alone():
        return None
    ids = list(Pending.objects.order_by("pk").values_list("pk", flat=True)[:most])
    if not ids:
        return None
    tree = grown_from(Checkpoint.objects.first())
    leaves, nodes = [], []
    for pk, canonical in _texts(ids):
        hashed = leaf_hash(canonical.encode())
        leaves.append(Leaf(tree_index=tree.size, event_id=pk, hash=hashed))
        nodes += tree.append(hashed)
    if len(leaves) != len(ids):
        raise LogBroken("an event that waits to be sealed is not there")
    Leaf.objects.bulk_create(leaves)
    Node.objects.bulk_create(
        Node(level=node.level, position=node.position, hash=node.hash) for node in nodes
    )
    Pending.objects.filter(pk__in=ids).delete()
    root = tree.root()
    note = Signed(signers[0].name, tree.size, root).signed(signers)
    return Checkpoint.objects.create(size=tree.size, root=root, note=note)


def _texts(ids: Sequence[int]) -> list[tuple[int, str]]:
    """Read the texts of events, by their numbers.

    Raises:
        LogBroken: one is no text, which SQLite may hold.
    """
    events = Audit.objects.filter(pk__in=ids).order_by("pk")
    try:
        return list(events.values_list("pk", "canonical"))
    except OperationalError as exc:
        if NO_TEXT not in str(exc):
            raise
        raise LogBroken("an event that waits to be sealed is no text") from None


def grown_from(latest: Checkpoint | None) -> CompactRange:
    """Return the tree as it was last signed, to go on from there.

    Raises:
        LogBroken: the tables hold more or less than was signed, or another root.
    """
    last = Leaf.objects.order_by("-tree_index").values_list("tree_index", flat=True)
    stored = last[0] + 1 if last else 0
    size = latest.size if latest else 0
    if stored != size:
        raise LogBroken(
            f"the tree has {stored} leaves, and its last checkpoint is of {size}"
        )
    try:
        found = hashes_at(cover(Stretch(0, size)))
    except KeyError:
        raise LogBroken("a node of the tree is not there") from None
    tree = CompactRange.load(size, lambda *place: found[Place(*place)])
    if latest and tree.root() != bytes(latest.root):
        raise LogBroken(f"the tree of {size} leaves has not the root that was signed")
    return tree


def waiting() -> Iterable[int]:
    """Return the ids of the events that are not sealed yet, oldest first."""
    return Pending.objects.order_by("pk").values_list("pk", flat=True)


def _alone() -> bool:
    """Take the lock until the transaction ends, or say that somebody has it.

    SQLite lets but one process write: its transactions begin by taking its own lock.
    """
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])
