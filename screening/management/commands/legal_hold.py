"""``manage.py legal_hold CLINIC CASE --reason R | --lift``: nothing of it may go."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from screening.errors import ScreeningError
from screening.management.cases import add_case, named_case
from screening.services.legal_hold import lift_hold, place_hold

ACTOR = "system:legal_hold"


class Command(BaseCommand):
    """Place a legal hold on a case, or lift it. Both are events of the audit log."""

    help = "Place a legal hold on a case, or lift it: a held case is never erased."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        add_case(parser)
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--reason", default="", help="a file number: never a name")
        what.add_argument("--lift", action="store_true", help="let it go again")

    def handle(
        self, *, clinic: str, case: str, reason: str, lift: bool, **options: Any
    ) -> None:
        """Place or lift it.

        Raises:
            CommandError: there is no such case, or a hold stands already, or none.
        """
        found = named_case(clinic, case)
        try:
            if lift:
                lift_hold(found, actor=ACTOR)
            else:
                place_hold(found, actor=ACTOR, reason=reason)
        except ScreeningError as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write("Lifted." if lift else "Held: nothing of it is erased.")
