"""Reading the tallies: a handful of grouped queries, however many cases there are."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.contrib.auth.models import User
from django.db.models import F, QuerySet, Sum, Value
from django.db.models.functions import Concat, TruncWeek

from agreement.ages import BANDS
from agreement.figures import Agreement, Said
from agreement.makers import words_of_model, words_of_prompt
from agreement.models import SAID, RollUp, Tally
from agreement.periods import Period

MOST_GROUPS = 20
"""The most groups of one kind that are told apart; the others are one group."""

BETWEEN = "|"
"""Stands in no plain name."""

KINDS = {
    "model": Concat("model", Value(BETWEEN), "adapter"),
    "prompt": F("prompt"),
    "age": F("age_band"),
    "clinic": F("clinic__name"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """The cases that have one thing in common."""

    key: str
    name: str
    agreement: Agreement


def tallies_seen_by(user: User) -> QuerySet[Tally]:
    """Keep the tallies of the person's clinics."""
    tallies = Tally.objects.order_by()
    if user.is_superuser:
        return tallies
    return tallies.filter(clinic__members=user)


def within(tallies: QuerySet[Tally], period: Period) -> QuerySet[Tally]:
    """Keep the tallies of a period."""
    return tallies.filter(day__gte=period.first, day__lte=period.last)


def by_week(tallies: QuerySet[Tally]) -> dict[date, Counter[Said]]:
    """Count what was said, week by week."""
    rows = (
        tallies.annotate(week=TruncWeek("day"))
        .values_list("week", *SAID)
        .annotate(number=Sum("cases"))
    )
    found: dict[date, Counter[Said]] = defaultdict(Counter)
    for week, draft, rules, signed, number in rows:
        found[week][draft, rules, signed] += number
    return found


def by_group(tallies: QuerySet[Tally]) -> dict[str, list[Group]]:
    """Count what was said, group by group of every kind, in one query.

    Ages come in their order, all others the largest first.
    """
    parts = [
        tallies.annotate(kind=Value(kind), key=key)
        .values_list("kind", "key", *SAID)
        .annotate(number=Sum("cases"))
        for kind, key in KINDS.items()
    ]
    said: dict[str, dict[str, Counter[Said]]] = {kind: {} for kind in KINDS}
    for kind, key, draft, rules, signed, number in parts[0].union(*parts[1:], all=True):
        counts = said[kind].setdefault(key, Counter())
        counts[draft, rules, signed] += number
    return {kind: _groups(kind, found) for kind, found in said.items()}


def by_model(tallies: QuerySet[Tally]) -> dict[str, Agreement]:
    """Count what was said of each model, the largest first."""
    rows = tallies.values_list("model", "adapter", *SAID).annotate(number=Sum("cases"))
    found: dict[str, Counter[Said]] = defaultdict(Counter)
    for model, adapter, draft, rules, signed, number in rows:
        found[words_of_model(model, adapter)][draft, rules, signed] += number
    in_order = sorted(found.items(), key=lambda pair: (-pair[1].total(), pair[0]))
    return {name: Agreement(said) for name, said in in_order}


def last_roll_up() -> RollUp | None:
    """Return the last run."""
    return RollUp.objects.order_by("-ended_at", "-id").first()


def all_of(weeks: Mapping[date, Counter[Said]]) -> Agreement:
    """Put the weeks together."""
    return Agreement(sum(weeks.values(), Counter()))


def _groups(kind: str, found: Mapping[str, Counter[Said]]) -> list[Group]:
    if kind == "age":
        in_order: list[Any] = [key for key in BANDS if key in found]
    else:
        in_order = sorted(found, key=lambda key: (-found[key].total(), key))
    groups = [
        Group(key=key, name=_name(kind, key), agreement=Agreement(found[key]))
        for key in in_order[:MOST_GROUPS]
    ]
    rest = in_order[MOST_GROUPS:]
    if rest:
        together = sum((found[key] for key in rest), Counter())
        name = f"{len(rest)} others together"
        groups.append(Group(key="", name=name, agreement=Agreement(together)))
    return groups


def _name(kind: str, key: str) -> str:
    if kind == "model":
        return words_of_model(*key.split(BETWEEN, 1))
    if kind == "prompt":
        return words_of_prompt(key)
    return BANDS[key] if kind == "age" else key
