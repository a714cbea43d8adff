"""Sessions: ended one by one, or all of a person's at once."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from audit.actions import Action
from audit.services import Event, record
from people.models import Session


def end_sessions(person: User, *, but: str | None = None) -> int:
    """End every session of a person, inside the caller's transaction.

    ``but`` is the key of one that goes on: the own one of who changes the own password.
    """
    found, _ = Session.objects.filter(person=person).exclude(session_key=but).delete()
    return found


def session_ended(user: Any, *, why: str) -> None:
    """Write down that a session is over. One transaction."""
    with transaction.atomic(durable=True):
        record(
            [
                Event(
                    action=Action.SESSION_ENDED,
                    actor=f"user:{user.pk}",
                    detail={"why": why},
                )
            ]
        )
