"""Events taken out of the log, line by line: each export is an event of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from audit.actions import Action
from audit.entries import written_time
from audit.fhir import audit_event
from audit.models import Audit
from audit.services import Event, record

FHIR, NDJSON = "fhir", "ndjson"
CHUNK = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """Which events: from a time on, before another, of one case or of all."""

    since: datetime | None = None
    before: datetime | None = None
    case_id: str = ""
    clinic: str = ""

    def events(self) -> QuerySet[Audit]:
        """Return the events, oldest first."""
        found = Audit.objects.order_by("id")
        if self.since is not None:
            found = found.filter(occurred_at__gte=self.since)
        if self.before is not None:
            found = found.filter(occurred_at__lt=self.before)
        if self.clinic:
            found = found.filter(clinic=self.clinic)
        return found.filter(case_id=self.case_id) if self.case_id else found


def export_events(period: Period, *, form: str, actor: str) -> Iterator[str]:
    """Yield the events as lines, each as its text or as a FHIR AuditEvent.

    An audit event names who takes them, which and in which form; it is not among them.
    """
    last = Audit.objects.order_by("-id").values_list("pk", flat=True).first() or 0
    detail = {
        "form": form,
        **({"from": written_time(period.since)} if period.since else {}),
        **({"before": written_time(period.before)} if period.before else {}),
    }
    with transaction.atomic(durable=True):
        record(
            [
                Event(
                    action=Action.AUDIT_EXPORTED,
                    actor=actor,
                    clinic=period.clinic,
                    case_id=period.case_id,
                    detail=detail,
                )
            ]
        )
    words = dict(Action.choices)
    texts = period.events().filter(pk__lte=last).values_list("canonical", flat=True)
    for text in texts.iterator(chunk_size=CHUNK):
        if form == NDJSON:
            yield text
        else:
            resource = audit_event(json.loads(text), words)
            yield json.dumps(resource, ensure_ascii=False, separators=(",", ":"))
