"""``manage.py audit_prove EVENT_ID``: show to others that an event is in the log."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, transaction
from django.db.models import QuerySet

from audit.actions import Action
from audit.management.asking import BROKEN, CouldNotRun, write_out
from audit.models import Audit
from audit.proving import NotProven, NotSealed, Proof, prove_events
from audit.services import Event, record


class Command(BaseCommand):
    """Ends with 0 and a proof, with 1 if the log is broken, with 2 if there is none."""

    help = "Write the proof that an event, or each of a job, is in the signed log."
    requires_system_checks: Any = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        one = parser.add_mutually_exclusive_group(required=True)
        one.add_argument("event_id", nargs="?", type=UUID, help="the event's id")
        one.add_argument("--job", type=UUID, metavar="ID", help="all events of a job")
        parser.add_argument(
            "--out", help="a new file; with --job a folder, one file for each event"
        )

    def handle(
        self,
        *,
        event_id: UUID | None,
        job: UUID | None,
        out: str | None,
        **options: Any,
    ) -> None:
        """Prove, and record that it was handed out.

        Raises:
            CommandError: the log is broken, or there is nothing to prove.
        """
        if job and not out:
            raise CouldNotRun("--job needs --out FOLDER: each event is a file.")
        asked = {"job_id": job} if job else {"event_id": event_id}
        try:
            events = Audit.objects.filter(**asked)
            proofs = prove_events(events)
            if not proofs:
                raise CouldNotRun("The log has no such event.")
            _remember(len(proofs), job, events)
        except NotSealed as exc:
            raise CouldNotRun(str(exc)) from exc
        except NotProven as exc:
            raise CommandError(
                f"The log is broken: {exc}. Run audit_verify.", returncode=BROKEN
            ) from exc
        except DatabaseError as exc:
            raise CouldNotRun(
                f"The database cannot be read ({type(exc).__name__})."
            ) from exc
        if job and out:
            self._write_all(Path(out), proofs)
        elif out:
            write_out(out, proofs[0].text)
        else:
            self.stdout.write(proofs[0].text)

    def _write_all(self, folder: Path, proofs: list[Proof]) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise CouldNotRun(
                f"{folder} cannot be made ({type(exc).__name__})."
            ) from exc
        for proof in proofs:
            name = str(folder / f"event-{proof.index}.json")
            write_out(name, proof.text)
            self.stdout.write(name)


@transaction.atomic(durable=True)
def _remember(number: int, job: UUID | None, events: QuerySet[Audit]) -> None:
    # Whoever asks who looked at a case is to find this too.
    of_case = events.exclude(case_id="").values("clinic", "case_id")
    case = of_case.first() or {"clinic": "", "case_id": ""}
    record(
        [
            Event(
                action=Action.AUDIT_PROVEN,
                actor="system:audit_prove",
                job_id=job,
                clinic=case["clinic"],
                case_id=case["case_id"],
                detail={"events": number},
            )
        ]
    )
