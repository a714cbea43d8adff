"""``manage.py audit_consistency OLD [NEW]``: that the log has only been added to."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, transaction

from audit.actions import Action
from audit.keyring import Believed, opened
from audit.management.asking import (
    BROKEN,
    CouldNotRun,
    known_keys,
    text_of,
    write_out,
)
from audit.models import Checkpoint
from audit.proofs.checkpoints import Checkpoint as Signed
from audit.proofs.notes import NoteRefused
from audit.proving import NotProven, prove_growth
from audit.services import Event, record

MOST_DIGITS = 19


class Command(BaseCommand):
    """Ends with 0 and a proof, with 1 if there is none, with 2 if it was not made."""

    help = "Write the proof that the log has only grown between two checkpoints."
    requires_system_checks: Any = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        what = "the size of a stored checkpoint, or a file with a signed note"
        parser.add_argument("old", help=what)
        parser.add_argument("new", nargs="?", help=f"{what}; left out: the newest")
        parser.add_argument("--out", metavar="FILE", help="write it into a new file")

    def handle(
        self, *, old: str, new: str | None, out: str | None, **options: Any
    ) -> None:
        """Prove, and record that it was handed out.

        Raises:
            CommandError: the log is another one, or a checkpoint is not known.
        """
        keys = known_keys()
        try:
            before, after = _checkpoint(old, keys), _checkpoint(new, keys)
            text = prove_growth(before, after)
            _remember(before[0], after[0])
        except NotProven as exc:
            raise CommandError(f"Not proven: {exc}.", returncode=BROKEN) from exc
        except DatabaseError as exc:
            raise CouldNotRun(
                f"The database cannot be read ({type(exc).__name__})."
            ) from exc
        if out:
            write_out(out, text)
        else:
            self.stdout.write(text)


@transaction.atomic(durable=True)
def _remember(before: Signed, after: Signed) -> None:
    record(
        [
            Event(
                action=Action.AUDIT_PROVEN,
                actor="system:audit_consistency",
                detail={"from": before.size, "size": after.size},
            )
        ]
    )


def _checkpoint(asked: str | None, keys: list[Believed]) -> tuple[Signed, str]:
    if asked is None or (asked.isdecimal() and len(asked) <= MOST_DIGITS):
        stored = Checkpoint.objects.all()
        row = (stored.filter(size=int(asked)) if asked else stored).first()
        if row is None:
            raise CouldNotRun(f"No checkpoint of size {asked or 'any'} is stored.")
        note = row.note
    else:
        note = f"{text_of(asked).rstrip(chr(10))}\n"
    try:
        return opened(note, keys), note
    except NoteRefused as exc:
        raise CouldNotRun(f"{asked or 'The newest'} is no checkpoint: {exc}.") from exc
