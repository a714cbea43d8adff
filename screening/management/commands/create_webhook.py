"""``manage.py create_webhook [URL]``: add an endpoint and print its secret, once."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from screening.errors import ScreeningError
from screening.models import Clinic
from screening.services.keys import DEFAULT_CLINIC
from screening.services.webhooks.endpoints import ALL_EVENTS, add_endpoint


class Command(BaseCommand):
    """The secret is printed alone on the last line, and can never be shown again."""

    help = "Add a webhook endpoint, or without a URL a secret for callbacks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "url",
            nargs="?",
            default="",
            help="where to tell; left out: what submissions name as callback_url",
        )
        parser.add_argument(
            "--clinic", default=DEFAULT_CLINIC, metavar="SLUG", help="whose it is"
        )
        parser.add_argument(
            "--event",
            action="append",
            choices=ALL_EVENTS,
            help="may be given several times; default: all",
        )

    def handle(
        self, *, url: str, clinic: str, event: list[str] | None, **options: Any
    ) -> None:
        """Add the endpoint.

        Raises:
            CommandError: there is no such clinic, the URL is not allowed, or the clinic
                has it already.
        """
        owner = Clinic.objects.filter(slug=clinic).first()
        if owner is None:
            raise CommandError("There is no clinic of this slug.")
        try:
            _, secret = add_endpoint(
                clinic=owner,
                url=url,
                events=event or ALL_EVENTS,
                actor="system:create_webhook",
            )
        except ScreeningError as exc:
            raise CommandError(str(exc)) from exc
        self.stderr.write("Keep this secret: it is not stored, and not shown again.")
        self.stdout.write(secret)
