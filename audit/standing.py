"""How the log stands: what is sealed, what waits, and what the last check found."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Min, Subquery
from django.db.models.functions import Now
from django.utils import timezone

from audit.actions import Action
from audit.models import Audit, Checkpoint, Pending
from audit.proofs.notes import Note, NoteRefused

LONGEST = timedelta(seconds=60)
"""Whatever waits longer to be sealed waits for somebody to look."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """What a whole check of the log found, as its event has it."""

    at: datetime
    by: str
    host: str
    is_whole: bool
    size: int
    begin: int
    checkpoints: int
    pinned: int
    counts: dict[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """The log at one moment."""

    last: Checkpoint | None
    keys: tuple[str, ...]
    """The keys that signed the last checkpoint: name and id."""

    waiting: int
    oldest: datetime | None
    verified: Verified | None

    @property
    def waits_since(self) -> timedelta:
        """Return for how long the oldest event has waited to be sealed."""
        return timezone.now() - self.oldest if self.oldest else timedelta()

    @property
    def is_late(self) -> bool:
        """Say whether sealing has stopped, by all that can be seen from here."""
        return self.waits_since > LONGEST

    @property
    def is_good(self) -> bool:
        """Say whether all that can be seen from here is as it should be."""
        checked = self.verified is not None and self.verified.is_whole
        return checked and self.last is not None and not self.is_late

    @property
    def waits_in_words(self) -> str:
        """Say for how long the oldest event has waited."""
        seconds = max(0, int(self.waits_since.total_seconds()))
        if seconds < 120:
            return f"{seconds} s"
        minutes, hours = seconds // 60, seconds // 3600
        return f"{minutes} min" if hours < 2 else f"{hours} h"


def standing() -> Standing:
    """Read how the log stands, in four queries."""
    last = Checkpoint.objects.first()
    pending = Pending.objects.aggregate(number=Count("pk"), first=Min("pk"))
    first = Audit.objects.filter(pk=pending["first"]) if pending["number"] else None
    return Standing(
        last=last,
        keys=_keys(last.note) if last else (),
        waiting=pending["number"],
        oldest=None
        if first is None
        else first.values_list("occurred_at", flat=True).first(),
        verified=last_verified(),
    )


def oldest_waiting() -> timedelta:
    """Return for how long the oldest event has waited to be sealed, in one query."""
    first = Pending.objects.order_by("pk").values("pk")[:1]
    event = Audit.objects.filter(pk=Subquery(first)).order_by()
    waited = event.values_list(Now() - F("occurred_at"), flat=True).first()
    return max(waited or timedelta(), timedelta())


def last_verified() -> Verified | None:
    """Return what the last check found; None if there was none yet."""
    checks = Audit.objects.filter(action=Action.AUDIT_VERIFIED).order_by("-pk")
    event = checks.first()
    if event is None:
        return None
    told: dict[str, Any] = event.detail
    return Verified(
        at=event.occurred_at,
        by=event.actor,
        host=str(json.loads(event.canonical)["source"]["host"]),
        is_whole=told["whole"],
        size=told["size"],
        begin=told["from"],
        checkpoints=told["checkpoints"],
        pinned=told["pinned"],
        counts=told["counts"],
    )


def _keys(note: str) -> tuple[str, ...]:
    try:
        signatures = Note.parse(note).signatures
    except NoteRefused:
        return ()
    return tuple(f"{each.name}+{each.key_id.hex()}" for each in signatures)
