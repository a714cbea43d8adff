"""What each person of a clinic did in a week: to be looked over by somebody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import ExtractHour, ExtractIsoWeekDay
from django.utils import timezone

from audit.actions import Action
from audit.models import Audit
from audit.services import id_before
from screening.models import Clinic
from screening.services.sight import clinics_seen_by
from screening.services.trail import MOST, REFUSALS, events_seen_by

DAYS = 7
HOURS = (7, 19)
"""From when to when a day is a working day; Saturday and Sunday are none."""

SATURDAY = 6
NOBODY = "user:unknown"
LOG_INS = (Action.LOGIN_FAILED, Action.LOGIN_CLOSED)
COUNTED = {
    "opened": Q(action__in=[Action.RECORD_OPENED, Action.REPORT_READ]),
    "exported": Q(action__in=[Action.LIST_EXPORTED, Action.EVIDENCE_EXPORTED]),
    "refused": Q(action__in=[each for each in REFUSALS if each not in LOG_INS]),
    "log_ins": Q(action__in=LOG_INS),
    "events": Q(),
    "late": Q(hour__lt=HOURS[0]) | Q(hour__gte=HOURS[1]) | Q(day__gte=SATURDAY),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Week:
    """What one person did in the week."""

    actor: str
    name: str
    opened: int = 0
    exported: int = 0
    refused: int = 0
    log_ins: int = 0
    events: int = 0
    late: int = 0

    @property
    def late_share(self) -> int | None:
        """Return how many per cent were out of hours; None if there was nothing."""
        return round(100 * self.late / self.events) if self.events else None


def begin_of_week() -> datetime:
    """Return when the week began: today and the six days before it."""
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=DAYS - 1)


def weeks_of(user: User, *, after: int = 0) -> list[Week]:
    """Count what each person of the clinics did; `MOST` + 1 say that there are more.

    Who is not known stands first on the first page, for who may see log-ins.
    """
    people = list(_people(user)[after : after + MOST + 1])
    names = {
        f"user:{person.pk}": person.get_full_name() or person.get_username()
        for person in people
    }
    if not after and may_see_log_ins(user):
        names = {NOBODY: "Nobody known", **names}
    counted = {row["actor"]: row for row in _counts(user, list(names))}
    return [
        Week(name=name, **counted.get(actor, {"actor": actor}))
        for actor, name in names.items()
    ]


def may_see_log_ins(user: User) -> bool:
    """Say whether a person sees log-ins and exports of lists: they are of no clinic."""
    return user.has_perm("screening.view_events_of_no_clinic")


def _people(user: User) -> QuerySet[User]:
    people = User.objects.order_by("last_name", "first_name", "username", "pk")
    if user.is_superuser:
        return people
    own = clinics_seen_by(user, Clinic.objects.all())
    return people.filter(clinics__in=own).distinct()


def _counts(user: User, actors: Sequence[str]) -> Any:
    begin = begin_of_week()
    # No index has the time. Ids grow with it, and each actor's are in order.
    events = Audit.objects.filter(
        actor__in=actors, pk__gt=id_before(begin), occurred_at__gte=begin
    )
    return (
        events_seen_by(user, events)
        .order_by()
        .annotate(hour=ExtractHour("occurred_at"), day=ExtractIsoWeekDay("occurred_at"))
        .values("actor")
        .annotate(**{name: Count("pk", filter=what) for name, what in COUNTED.items()})
    )
