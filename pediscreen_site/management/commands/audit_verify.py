"""``manage.py audit_verify``: is the audit log whole, and is it complete?

It is here and not in the package audit since whether each job has its events is asked
by the packages that know what a job is.
"""

from __future__ import annotations

import gc
import json
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, transaction

from audit.actions import Action
from audit.management.asking import BROKEN, CouldNotRun, known_keys, text_of
from audit.proofs.merkle import LARGEST_SIZE
from audit.services import Event, record
from audit.verification import PinRefused, Verdict, pinned, verify
from routing.completeness import GAPS as OF_TASKS
from screening.completeness import GAPS as OF_JOBS

GAPS = (*OF_JOBS, *OF_TASKS)
BAR = 30


def index_of(text: str) -> int:
    """Read an index of the tree.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not text.isdecimal() or int(text) > LARGEST_SIZE:
        raise ArgumentTypeError("an index is a whole number from 0 on")
    return int(text)


class Command(BaseCommand):
    """Ends with 0 if the log is whole, with 1 if not, with 2 if it was not verified."""

    help = "Verify the audit log: every event, the tree, its checkpoints, and outside."
    # A wrong key would end with 1, which says that the log is broken.
    requires_system_checks: Any = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--from",
            dest="begin",
            type=index_of,
            default=0,
            metavar="N",
            help="leave out the events before this index, which were verified earlier",
        )
        parser.add_argument(
            "--checkpoint",
            metavar="FILE",
            help="signed notes that were kept outside: AUDIT_CHECKPOINT_FILE, or one",
        )
        parser.add_argument("--json", action="store_true", help="for machines")

    def handle(
        self, *, begin: int, checkpoint: str | None, json: bool, **options: Any
    ) -> None:
        """Verify, say what came of it, and record that it was done.

        Raises:
            CommandError: the log is broken, or could not be verified.
        """
        keys = known_keys()
        try:
            pins = pinned(text_of(checkpoint), keys) if checkpoint else []
        except PinRefused as exc:
            raise CouldNotRun(
                f"{checkpoint} is no checkpoint of this log: {exc}."
            ) from exc
        shown = self._bar if self.stderr.isatty() else _nothing
        # Millions of small objects follow: let nobody look through all of the software
        # for garbage again and again.
        gc.freeze()
        try:
            verdict = verify(
                keys=keys, begin=begin, pins=pins, gaps=GAPS, progress=shown
            )
            _remember(verdict)
        except DatabaseError as exc:
            raise CouldNotRun(
                f"The database cannot be read ({type(exc).__name__})."
            ) from exc
        finally:
            gc.unfreeze()
        self._tell(verdict, as_json=json)
        if not verdict.is_whole:
            raise CommandError(
                f"The audit log is broken: {verdict.findings.total:,} findings. "
                "See docs/audit-verify.md.",
                returncode=BROKEN,
            )

    def _tell(self, verdict: Verdict, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(verdict.fields(), indent=2))
            return
        for finding in verdict.findings.shown():
            self.stdout.write(str(finding))
        unshown = verdict.findings.total - len(verdict.findings.shown())
        if unshown:
            self.stdout.write(f"and {unshown:,} more")
        if verdict.findings.first_index is not None:
            self.stdout.write(f"First bad index: {verdict.findings.first_index}")
        self.stdout.write(
            f"{'Whole' if verdict.is_whole else 'BROKEN'}: events {verdict.begin:,} to "
            f"{verdict.size:,}, {verdict.checkpoints:,} checkpoints, "
            f"{verdict.pins:,} kept outside, {verdict.waiting:,} waiting."
        )

    def _bar(self, done: int, of: int) -> None:
        of = max(done, of, 1)
        full = "#" * (BAR * done // of)
        self.stderr.write(
            f"\r[{full:<{BAR}}] {done:,} of {of:,} events",
            style_func=str,
            ending="\n" if done == of else "",
        )


def _nothing(done: int, of: int) -> None:
    """Show no progress."""


@transaction.atomic(durable=True)
def _remember(verdict: Verdict) -> None:
    told = verdict.fields()
    names = ("whole", "from", "size", "checkpoints", "pinned", "waiting", "counts")
    record(
        [
            Event(
                action=Action.AUDIT_VERIFIED,
                actor="system:audit_verify",
                detail={name: told[name] for name in names},
            )
        ]
    )
