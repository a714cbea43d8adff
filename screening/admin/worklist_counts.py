"""How many open reviews each view, each group and each choice of the worklist keeps.

The database looks at each review once, writes the conditions that it fits as the bits
of a number, and counts equal numbers. What several conditions keep together is then
told by their bits: as conditions within conditions, Django would take longer to write
them than PostgreSQL to count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import reduce
from itertools import chain
from operator import add, and_, or_
from typing import Any

from django.db.models import BigIntegerField, Case, Count, Q, QuerySet, Value, When

from milestones.clock import DAY, WEEK
from screening.admin.worklist_choices import OPEN, Choice, Filter, Wanted, narrowing
from screening.models import Review

BITS = 62
"""So many conditions go into one number, of 64 bits in both databases."""


def counts_of(
    reviews: QuerySet[Review],
    wanted: Wanted,
    views: Sequence[Choice],
    filters: Sequence[Filter],
    now: datetime,
) -> dict[str, int]:
    """Count the open reviews once through: views, groups, and each choice of a filter.

    Keys are ``view:mine``, ``group:overdue`` of what is shown, ``lead:overdue`` of what
    needs the person, ``risk:refer``, and ``risk:`` for any. A choice is counted among
    what the view and the other filters keep. What is signed is not open, and is counted
    apart.
    """
    asked = {f"view:{view.value}": view.keeps for view in views}
    here, needs_me = narrowing(wanted, views, filters), views[0].keeps
    for name, due in _due_in(now).items():
        asked[f"group:{name}"] = [*here, due]
        asked[f"lead:{name}"] = [*needs_me, due]
    for each in filters:
        others = narrowing(wanted.having(each.name, ""), views, filters)
        asked[f"{each.name}:"] = others
        for choice in each.choices:
            asked[f"{each.name}:{choice.value}"] = [*others, *choice.keeps]
    counts = _count(reviews.filter(OPEN), asked)
    signed = reduce(and_, asked["view:signed"])
    counts["view:signed"] = reviews.filter(signed).count()
    return counts


def _due_in(now: datetime) -> Mapping[str, Q]:
    return {
        "overdue": Q(due_at__lte=now),
        "day": Q(due_at__gt=now, due_at__lte=now + DAY),
        "week": Q(due_at__gt=now + DAY, due_at__lte=now + WEEK),
        "later": Q(due_at__gt=now + WEEK) | Q(due_at=None),
    }


# --- Bits ------------------------------


def _count(
    reviews: QuerySet[Review], asked: Mapping[str, Sequence[Q]]
) -> dict[str, int]:
    """Count for each thing asked the reviews that meet all of its conditions."""
    distinct = dict.fromkeys(chain.from_iterable(asked.values()))
    bit = {condition: 1 << at for at, condition in enumerate(distinct)}
    found = [
        (sum(number << BITS * n for n, number in enumerate(numbers)), count)
        for *numbers, count in _numbers(reviews, list(bit))
    ]
    counts = {}
    for key, conditions in asked.items():
        needed = reduce(or_, (bit[condition] for condition in conditions))
        counts[key] = sum(count for bits, count in found if bits & needed == needed)
    return counts


def _numbers(
    reviews: QuerySet[Review], conditions: Sequence[Q]
) -> QuerySet[Review, Any]:
    """Write the conditions that each review fits as bits, and count equal reviews."""
    numbers = {
        f"bits_{at}": reduce(add, map(_bit, range(BITS), conditions[at : at + BITS]))
        for at in range(0, len(conditions), BITS)
    }
    rows = reviews.order_by().annotate(**numbers).values_list(*numbers)
    return rows.annotate(count=Count("pk"))


def _bit(at: int, condition: Q) -> Case:
    number = BigIntegerField()
    bit = Value(1 << at, output_field=number)
    return Case(
        When(condition, then=bit),
        default=Value(0, output_field=number),
        output_field=number,
    )
