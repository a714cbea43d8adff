"""The rows of the worklist, a page at a time.

Overdue rows come first, the gravest risk before the others; then whatever is due next.
The page of rows is found in the reviews alone, and only those rows are then read whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from django.contrib.auth.models import User
from django.core import signing
from django.db.models import (
    Case,
    DateTimeField,
    F,
    IntegerField,
    Prefetch,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from screening.admin.worklist_choices import blind_to
from screening.models import Clinic, Review, Risk
from screening.services.sight import reviews_readable_by

PER_PAGE = 50
SALT = "worklist-cursor"
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
NOT_OVERDUE = 9
GRAVEST = {Risk.REFER: 0, Risk.UNCLASSIFIED: 1, Risk.DISCUSS: 2, Risk.MONITOR: 3}
GROUPS = {
    "overdue": "Overdue",
    "day": "Due within 24 hours",
    "week": "Due this week",
    "later": "Due later",
}
READERS = [f"second_read__{who}" for who in ("first_reader", "reader", "adjudicator")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One page of rows, in order, and the cursor of the next if there is one."""

    reviews: Sequence[Review]
    following: str


# --- Which ------------------------------


def clinics_of(user: Any) -> list[Clinic]:
    """List the clinics whose reviews the person may see."""
    if user.is_superuser:
        return list(Clinic.objects.all())
    return list(Clinic.objects.filter(members=user))


def seen_in(clinics: Sequence[Clinic], user: Any) -> QuerySet[Review]:
    """Return the reviews of these clinics that the person may read."""
    reviews = Review.objects.filter(clinic__in=[clinic.pk for clinic in clinics])
    return reviews_readable_by(user, reviews)


# --- A page of them ------------------------------


def page_of_rows(
    reviews: QuerySet[Review], user: Any, now: datetime, *, signed: bool, cursor: str
) -> Page:
    """Read the rows after the cursor, and say where the next page begins.

    A cursor that is not ours begins anew.
    """
    ordered = _by_signature(reviews) if signed else _by_urgency(reviews, user, now)
    after = _read(cursor)
    if after is not None:
        ordered = ordered.filter(_behind(*after, signed=signed))
    keys = list(ordered.values_list("rank", "moment", "pk")[: PER_PAGE + 1])
    shown, rest = keys[:PER_PAGE], keys[PER_PAGE:]
    whole = {review.pk: review for review in _whole([pk for _, _, pk in shown])}
    return Page(
        reviews=[whole[pk] for _, _, pk in shown if pk in whole],
        following=_write(*shown[-1]) if rest else "",
    )


def _whole(pks: Sequence[int]) -> QuerySet[Review]:
    """Read rows with what is shown of them, without the child's words."""
    return (
        Review.objects.filter(pk__in=pks)
        .select_related("job__case", "clinic", "assignee", "second_read")
        .prefetch_related(Prefetch("had_by", queryset=User.objects.only("pk")))
        .defer("job__payload", "job__route")
    )


def _by_urgency(reviews: QuerySet[Review], user: Any, now: datetime) -> Any:
    is_blind = When(blind_to(user), then=Value(GRAVEST[Risk.UNCLASSIFIED]))
    overdue = [When(Q(risk=risk), then=Value(rank)) for risk, rank in GRAVEST.items()]
    rank = Case(
        When(Q(due_at__gt=now) | Q(due_at=None), then=Value(NOT_OVERDUE)),
        is_blind,
        *overdue,
        default=Value(len(GRAVEST)),
        output_field=IntegerField(),
    )
    never = Value(NEVER, output_field=DateTimeField())
    annotated = reviews.annotate(rank=rank, moment=Coalesce("due_at", never))
    return annotated.order_by("rank", "moment", "pk")


def _by_signature(reviews: QuerySet[Review]) -> Any:
    rank = Value(0, output_field=IntegerField())
    annotated = reviews.annotate(rank=rank, moment=F("signed_off_at"))
    return annotated.order_by("-signed_off_at", "-pk")


def _behind(rank: int, moment: datetime, pk: int, *, signed: bool) -> Q:
    if signed:
        same = Q(signed_off_at=moment, pk__lt=pk)
        return Q(signed_off_at__lt=moment) | same
    same_rank = Q(moment__gt=moment) | Q(moment=moment, pk__gt=pk)
    return Q(rank__gt=rank) | (Q(rank=rank) & same_rank)


def _write(rank: int, moment: datetime, pk: int) -> str:
    return signing.dumps([rank, moment.isoformat(), pk], salt=SALT)


def _read(cursor: str) -> tuple[int, datetime, int] | None:
    if not cursor:
        return None
    try:
        rank, moment, pk = signing.loads(cursor, salt=SALT)
    except signing.BadSignature:
        return None
    return cast("tuple[int, datetime, int]", (rank, datetime.fromisoformat(moment), pk))
