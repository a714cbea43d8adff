"""``manage.py route_explain JOB``: why a job went where it went."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from screening.models import Job


class Command(BaseCommand):
    """Reads what was kept with each attempt; nothing is decided anew."""

    help = "Say for each attempt of a job which targets were considered, and why."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("job", help="the job's id")

    def handle(self, *, job: str, **options: Any) -> None:
        """Print the decisions and tries, attempt by attempt.

        Raises:
            CommandError: there is no such job.
        """
        try:
            found = Job.objects.only("status", "target", "route").get(pk=UUID(job))
        except (ValueError, Job.DoesNotExist):
            raise CommandError("There is no such job.") from None
        if not found.route:
            self.stdout.write("No model server has been asked yet.")
        for decision in found.route:
            self._explain(decision)
        self.stdout.write(
            f"Now {found.status}, answered by {found.target or 'nobody'}."
        )

    def _explain(self, decision: dict[str, Any]) -> None:
        version = decision.get("policy_version", "none applied")
        self.stdout.write(f"Attempt {decision['attempt']}, policy {version}")
        for candidate in decision.get("candidates", []):
            self.stdout.write(
                f"  may go to {candidate['target']}: {candidate['reason']}"
            )
        for left_out in decision.get("excluded", []):
            self.stdout.write(f"  not to {left_out['target']}: {left_out['reason']}")
        for tried in decision["tries"]:
            took = f"{tried['milliseconds']} ms"
            self.stdout.write(f"  {tried['target']}: {tried['outcome']}, {took}")
