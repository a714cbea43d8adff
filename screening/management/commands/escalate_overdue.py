"""``manage.py escalate_overdue``: one pass of what a worker does every few minutes."""

from __future__ import annotations

import os
import socket
from typing import Any

from django.core.management.base import BaseCommand

from screening.services.escalation import escalate_overdue


class Command(BaseCommand):
    """Safe to run at any time, and by several machines at once."""

    help = "Bring open reviews that are past their due time to the supervisors."

    def handle(self, **options: Any) -> None:
        """Escalate all that there are, and say how many."""
        host = socket.gethostname().split(".")[0]
        count = escalate_overdue(actor=f"system:{host}-{os.getpid()}")
        reviews = "1 review" if count == 1 else f"{count} reviews"
        self.stdout.write(f"{reviews} escalated")
