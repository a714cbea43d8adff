"""Doors: counting wrong tries, and keeping shut for a while after too many."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import salted_hmac

from audit.actions import Action
from audit.services import Event, record
from people.backoff import FORGOTTEN_AFTER, closed_seconds, counted
from people.models import Door

logger = logging.getLogger(__name__)

SALT = "people.door"


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """A door to pass: what kind, of whom, and how many wrong tries it bears."""

    kind: str
    whose: str
    most: int

    @property
    def key(self) -> str:
        """Return what the door is stored under: no name and no address."""
        digest = salted_hmac(SALT, f"{self.kind}:{self.whose}", algorithm="sha256")
        return f"{self.kind}:{digest.hexdigest()}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """What came of knocking: whether one may try, and how many tries are left after."""

    is_open: bool
    tries_left: int
    closed_seconds: int = 0
    closed_kind: str = ""


def knock(ways: list[Way]) -> Passage:
    """Count a try as wrong before it is looked at, so that none is free.

    Tries made at the same moment queue here. While any of the doors is shut nothing is
    counted: otherwise whoever goes on trying would keep a person out for good. One
    transaction.
    """
    now = timezone.now()
    with transaction.atomic(durable=True):
        doors = _locked(ways, now)
        if any(d.closed_until and d.closed_until > now for d in doors.values()):
            return Passage(is_open=False, tries_left=0)
        left, longest, kind = [], 0, ""
        for way in ways:
            door = doors[way.key]
            door.failures = 1 + counted(
                door.failures, failed_at=door.failed_at, now=now
            )
            door.failed_at = now
            shut = closed_seconds(door.failures, most=way.most)
            door.closed_until = now + timedelta(seconds=shut) if shut else None
            door.save()
            left.append(max(way.most - door.failures, 0))
            if shut > longest:
                longest, kind = shut, way.kind
    return Passage(
        is_open=True, tries_left=min(left), closed_seconds=longest, closed_kind=kind
    )


def pass_through(own: Way, others: list[Way]) -> None:
    """Take the try back, which was right: forget the own door's count, inside the
    caller's transaction. Who comes in as somebody does not clear a whole address.
    """
    Door.objects.filter(key=own.key).delete()
    Door.objects.filter(key__in=[way.key for way in others], failures__gt=0).update(
        failures=F("failures") - 1, closed_until=None
    )
    Door.objects.filter(failed_at__lt=timezone.now() - FORGOTTEN_AFTER).delete()


def closing(passage: Passage, *, actor: str) -> list[Event]:
    """Return the event of a door that has shut, if one has."""
    if not passage.closed_seconds:
        return []
    logger.warning(
        "A door is shut after wrong tries (%s, %s s)",
        passage.closed_kind,
        passage.closed_seconds,
    )
    detail = {"door": passage.closed_kind, "seconds": passage.closed_seconds}
    return [Event(action=Action.LOGIN_CLOSED, actor=actor, detail=detail)]


def refuse(passage: Passage, events: list[Event], *, actor: str) -> None:
    """Record what was refused, and the door that shut by it. One transaction."""
    with transaction.atomic(durable=True):
        record([*events, *closing(passage, actor=actor)])


def _locked(ways: list[Way], now: datetime) -> dict[str, Door]:
    """Lock the doors, in one order; make those that are new."""
    keys = sorted(way.key for way in ways)
    Door.objects.bulk_create(
        [Door(key=key, failed_at=now) for key in keys], ignore_conflicts=True
    )
    found = Door.objects.select_for_update().filter(key__in=keys).order_by("key")
    return {door.key: door for door in found}
