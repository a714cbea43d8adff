"""Rolling up: from signatures to counts, day by day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Min
from django.db.models.fields.json import KeyTextTransform
from django.utils import timezone

from agreement.ages import band_of
from agreement.makers import plain_name, prompt_of
from agreement.models import BY, RollUp, Tally
from audit.actions import Action
from audit.services import Event, record
from screening.models import Signature
from screening.results import RISING, UNCLASSIFIED
from screening.services.reconciliation import lead, step_down

DUTY = "agreement"
LED_FOR_SECONDS = 900.0
CHUNK = 500
DAY = timedelta(days=1)
LOOK_BACK = 2 * DAY
"""What was signed around midnight may have been stored after the last run had begun."""

READ = {
    "signed": KeyTextTransform("risk", "content"),
    "adapter_id": KeyTextTransform("adapter_id", "review__job__result"),
    "age": KeyTextTransform("age_months", "review__job__payload"),
}
ROW = (
    *("review__job__clinic_id", "review__job__model_id", "review__job__model_risk"),
    *("review__job__rules_risk", "review__job__route", *READ),
)


NAMES = ("day", "clinic_id", *BY[2:])


@dataclass(frozen=True, kw_only=True, slots=True)
class RolledUp:
    """What one run did."""

    first_day: date
    last_day: date
    cases: int


def roll_up(*, actor: str, since: date | None = None) -> RolledUp | None:
    """Count what was signed, each day anew, from a day on until today.

    Without that day: from two days before the end of the last run on, or from the
    first signature on. One transaction a day replaces the day's tallies, so that a
    second run changes nothing; the last one stores the run and its audit event.
    Returns nothing where another process is at it, or has taken it over.
    """
    if not lead(DUTY, holder=actor, seconds=LED_FOR_SECONDS):
        return None
    try:
        today = timezone.localdate()
        first = day = min(since or _begin_with() or today, today)
        cases = 0
        while day <= today:
            if not lead(DUTY, holder=actor, seconds=LED_FOR_SECONDS):
                return None
            cases += _roll_up_day(day)
            day += DAY
        _store_run(first, today, cases, actor)
    finally:
        step_down(DUTY, holder=actor)
    return RolledUp(first_day=first, last_day=today, cases=cases)


def _begin_with() -> date | None:
    last = RollUp.objects.order_by("-last_day").first()
    if last is not None:
        return last.last_day - LOOK_BACK
    earliest = Signature.objects.aggregate(Min("signed_at"))["signed_at__min"]
    return timezone.localdate(earliest) if earliest else None


@transaction.atomic(durable=True)
def _roll_up_day(day: date) -> int:
    """Replace the tallies of one day; return how many reports were signed on it."""
    counts = Counter(_kinds_of(day))
    Tally.objects.filter(day=day).delete()
    Tally.objects.bulk_create(
        (
            Tally(**dict(zip(NAMES, (day, *kind), strict=True)), cases=number)
            for kind, number in sorted(counts.items())
        ),
        batch_size=CHUNK,
    )
    return counts.total()


def _kinds_of(day: date) -> Iterator[tuple[Any, ...]]:
    """Read the signatures of a day, and say of each what is compared."""
    begin = timezone.make_aware(datetime.combine(day, time.min))
    end = timezone.make_aware(datetime.combine(day + DAY, time.min))
    rows = (
        Signature.objects.filter(signed_at__gte=begin, signed_at__lt=end)
        .annotate(**READ)
        .values_list(*ROW)
        .iterator(chunk_size=CHUNK)
    )
    for clinic, model, draft, rules, route, signed, adapter, age in rows:
        if signed not in RISING:
            continue
        yield (
            clinic,
            plain_name(model),
            plain_name(adapter),
            prompt_of(route),
            band_of(age),
            draft if draft in RISING else UNCLASSIFIED,
            rules if rules in RISING else "",
            signed,
        )


@transaction.atomic(durable=True)
def _store_run(first: date, last: date, cases: int, actor: str) -> None:
    RollUp.objects.create(first_day=first, last_day=last, cases=cases)
    record(
        [
            Event(
                action=Action.AGREEMENT_ROLLED_UP,
                actor=actor,
                detail={
                    "first_day": first.isoformat(),
                    "last_day": last.isoformat(),
                    "cases": cases,
                },
            )
        ]
    )
