"""The rows of the worklist, a page at a time, and how many there are of each kind.

Overdue rows come first, the gravest risk before the others; then whatever is due next.
The page of rows is found in the reviews alone, and only those rows are then read whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from operator import and_
from typing import Any, cast
from uuid import UUID

from django.contrib.auth.models import User
from django.core import signing
from django.db.models import (
    Case,
    Count,
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

from milestones.clock import DAY, WEEK
from screening.admin.worklist_choices import (
    OPEN,
    Choice,
    Filter,
    Wanted,
    blind_to,
)
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


def chosen(wanted: Wanted, views: Sequence[Choice], filters: Sequence[Filter]) -> Q:
    """Put the view, the filters and the search into one condition.

    A search looks in all of the person's reviews, for a whole case or job id.
    """
    by_name = {each.name: each for each in filters}
    narrowing = [
        choice.keeps
        for name, value in wanted.filters
        if (choice := by_name[name].chosen(value))
    ]
    if wanted.search:
        found = Q(job__case__case_id=wanted.search)
        with suppress(ValueError):
            found |= Q(job_id=UUID(wanted.search))
        return reduce(and_, narrowing, found)
    view = next(each for each in views if each.value == wanted.view)
    return reduce(and_, narrowing, view.keeps)


# --- How many ------------------------------


def counts_of(
    reviews: QuerySet[Review],
    wanted: Wanted,
    views: Sequence[Choice],
    filters: Sequence[Filter],
    now: datetime,
) -> dict[str, int]:
    """Count the open reviews once through: views, groups, and each choice of a filter.

    Keys are ``view:mine``, ``group:overdue`` of what is shown, ``lead:overdue`` of what
    needs the person, ``risk:refer``, ``total``. A choice is counted among what the view
    and the other filters keep. What is signed is not open, and is counted apart.
    """
    of_view = [view for view in views if view.value != "signed"]
    asked = {f"view:{view.value}": view.keeps for view in of_view}
    here = chosen(wanted, views, filters)
    asked["total"] = here
    needs_me = views[0].keeps
    for name, due in _due_in(now).items():
        asked |= {f"group:{name}": here & due, f"lead:{name}": needs_me & due}
    for each in filters:
        others = chosen(wanted.having(each.name, ""), views, filters)
        asked[f"{each.name}:"] = others
        asked |= {
            f"{each.name}:{choice.value}": others & choice.keeps
            for choice in each.choices
        }
    # A name of its own for each: the keys are no identifiers.
    names = {key: f"count_{n}" for n, key in enumerate(asked)}
    found = reviews.filter(OPEN).aggregate(
        **{names[key]: Count("pk", filter=keeps) for key, keeps in asked.items()}
    )
    counts = {key: int(found[name]) for key, name in names.items()}
    signed = next(view for view in views if view.value == "signed")
    counts["view:signed"] = reviews.filter(signed.keeps).count()
    return counts


def _due_in(now: datetime) -> Mapping[str, Q]:
    return {
        "overdue": Q(due_at__lte=now),
        "day": Q(due_at__gt=now, due_at__lte=now + DAY),
        "week": Q(due_at__gt=now + DAY, due_at__lte=now + WEEK),
        "later": Q(due_at__gt=now + WEEK) | Q(due_at=None),
    }


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
