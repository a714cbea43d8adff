"""Naming one case on the command line."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.management.base import CommandError

from screening.models import Case
from screening.services.erasure import tombstone_of
from screening.services.evidence import erased_words


def add_case(parser: ArgumentParser) -> None:
    """Declare the two arguments."""
    parser.add_argument("clinic", metavar="CLINIC", help="a clinic, by its slug")
    parser.add_argument("case", metavar="CASE", help="the clinic's own identifier")


def named_case(clinic: str, case_id: str) -> Case:
    """Return the case with its clinic.

    Raises:
        CommandError: there is none, or it was erased.
    """
    cases = Case.objects.select_related("clinic")
    found = cases.filter(clinic__slug=clinic, case_id=case_id).first()
    if found is None:
        stone = tombstone_of(clinic, case_id)
        raise CommandError(erased_words(stone) if stone else "There is no such case.")
    return found
