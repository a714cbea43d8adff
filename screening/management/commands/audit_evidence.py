"""``manage.py audit_evidence CASE|JOB --out FILE``: what the log can prove of it."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from audit.models import Audit
from screening.errors import ScreeningError
from screening.models import Case, Clinic, Job
from screening.services.erasure import tombstone_of
from screening.services.evidence import erased_words, export_evidence

ACTOR = "system:audit_evidence"


class Command(BaseCommand):
    """Write the evidence of a case, or of one job, to a new file of its owner's alone.

    It holds what was said of a child. That it was taken is an event of the audit log.
    """

    help = "Write the evidence of a case or a job: check it with audit/check.py."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "which", metavar="CASE|JOB", help="a case's identifier, or a job's id"
        )
        parser.add_argument("--out", required=True, metavar="FILE", help="a new file")
        parser.add_argument(
            "--clinic", metavar="SLUG", help="whose case, if several have one of it"
        )

    def handle(
        self, *, which: str, out: str, clinic: str | None, **options: Any
    ) -> None:
        """Export it.

        Raises:
            CommandError: there is no such case, there are several, the log is not
                sealed, or the file is there already.
        """
        job = _job(which)
        case = job.case if job is not None else _case(which, clinic)
        try:
            made = os.open(out, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except OSError as exc:
            raise CommandError(f"{out} cannot be made ({type(exc).__name__}).") from exc
        with os.fdopen(made, "wb") as file:
            try:
                file.write(export_evidence(case, actor=ACTOR, job=job))
            except ScreeningError as exc:
                os.unlink(out)
                raise CommandError(str(exc)) from exc
        self.stdout.write(
            f"Written to {out}. It holds what was said of a child. Check it with:\n"
            f"  python audit/check.py {out} --key NAME+ID+KEY"
        )


def _job(which: str) -> Job | None:
    try:
        wanted = UUID(which)
    except ValueError:
        return None
    return Job.objects.select_related("case__clinic").filter(pk=wanted).first()


def _case(which: str, clinic: str | None) -> Case:
    found = Case.objects.select_related("clinic").filter(case_id=which)
    if clinic is not None:
        found = found.filter(clinic__slug=clinic)
    cases = list(found[:2])
    if not cases:
        raise CommandError(_gone(which, clinic) or "There is no such case or job.")
    if len(cases) > 1:
        raise CommandError("Several clinics have such a case: name one with --clinic.")
    return cases[0]


def _gone(which: str, clinic: str | None) -> str:
    """Say that it was erased, if it was: a case, or a job by the log's events."""
    named = (
        Audit.objects.filter(job_id=which) if _is_id(which) else Audit.objects.none()
    )
    names = [(event.clinic, event.case_id) for event in named.order_by("pk")[:1]]
    slugs = [clinic] if clinic else Clinic.objects.values_list("slug", flat=True)
    for name in names or [(slug, which) for slug in slugs]:
        stone = tombstone_of(*name)
        if stone is not None:
            return erased_words(stone)
    return ""


def _is_id(which: str) -> bool:
    try:
        UUID(which)
    except ValueError:
        return False
    return True
