"""Checkpoints against their notes: those that are stored, and those kept outside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audit.keyring import Believed, opened
from audit.models import Checkpoint
from audit.proofs.checkpoints import Checkpoint as Signed
from audit.proofs.notes import NoteRefused
from audit.verifying.findings import Kind

AT_ONCE = 1000
BYTES = (bytes, memoryview, bytearray)


class PinRefused(Exception):
    """What was kept outside is no checkpoint of this log; the message says why."""


def stored_from(size: int | None) -> Iterator[Checkpoint]:
    """Read the stored checkpoints by size; None begins with the least."""
    # When one was made is of no account, and may be no time.
    ordered = Checkpoint.objects.defer("created_at").order_by("size")
    checkpoints = ordered
    if size is not None:
        checkpoints = checkpoints.filter(size__gte=size)
    while found := list(checkpoints[:AT_ONCE]):
        yield from found
        checkpoints = ordered.filter(size__gt=found[-1].size)


def problem(row: Checkpoint, keys: Sequence[Believed]) -> tuple[Kind, str] | None:
    """Say what is wrong with a stored checkpoint, whatever the tree says."""
    try:
        signed = opened(row.note, keys)
    except (NoteRefused, TypeError) as exc:
        return Kind.CHECKPOINT_REFUSED, (
            str(exc) if isinstance(exc, NoteRefused) else "the note is not a text"
        )
    if (signed.size, signed.root) != (row.size, as_bytes(row.root)):
        return Kind.CHECKPOINT_DIFFERS, ""
    return None


def pinned(text: str, keys: Sequence[Believed]) -> list[Signed]:
    """Read one signed note or many, as AUDIT_CHECKPOINT_FILE has them, by size.

    Raises:
        PinRefused: it is none, or one of them is not signed by a key that is believed.
    """
    parts = text.rstrip("\n").split("\n\n")
    if len(parts) % 2:
        raise PinRefused("it is not made of signed notes")
    found = set()
    for head, signatures in zip(parts[::2], parts[1::2], strict=True):
        try:
            found.add(opened(f"{head}\n\n{signatures}\n", keys))
        except NoteRefused as exc:
            raise PinRefused(str(exc)) from exc
    return sorted(found, key=lambda each: (each.size, each.root))


def as_bytes(value: object) -> bytes:
    """Return what a column of bytes holds; nothing if it holds something else."""
    return bytes(value) if isinstance(value, BYTES) else b""
