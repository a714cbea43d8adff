"""What can be chosen in the worklist: views, filters, and what each keeps.

What a second reader must not see sorts nothing and is counted nowhere: a row to be read
blind is kept by no filter that its draft or the first opinion would answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import reduce
from operator import and_
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import F, Q
from django.utils import timezone

from screening.models import Clinic, Review, Risk
from screening.services.sight import seen_by

OPEN = Q(state=Review.State.REQUIRES_REVIEW)
WAITS_FOR_READER = Q(second_read__isnull=True) & (
    ~Q(second_read_for="") | (Q(listed_risk=Risk.REFER) & ~Q(risk=Risk.REFER))
)
WINDOW_DAYS = 14
SIGNED_DAYS = 7
LOW_CONFIDENCE = 0.5
HIDDEN = "hidden"


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One way to narrow the list."""

    value: str
    words: str
    keeps: Sequence[Q]
    """Conditions, all of which a row meets."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """One menu of choices."""

    name: str
    title: str
    any_words: str
    choices: Sequence[Choice]

    def chosen(self, value: str) -> Choice | None:
        """Return the choice of this value, if there is one."""
        return next((each for each in self.choices if each.value == value), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What was asked for in the address, as far as it makes sense."""

    view: str = "needs-me"
    search: str = ""
    filters: tuple[tuple[str, str], ...] = ()

    @property
    def query(self) -> str:
        """Write the view and the filters as they stand in an address."""
        return urlencode([("view", self.view), *self.filters])

    def having(self, name: str, value: str) -> Wanted:
        """Return the same with another choice in one filter; none if it is empty."""
        others = tuple(pair for pair in self.filters if pair[0] != name)
        return replace(self, filters=(*others, (name, value)) if value else others)


# --- Who must read blind ------------------------------


def blind_to(user: Any) -> Q:
    """Keep the reviews that the person could read second, and must see nothing of."""
    if not user.has_perm("screening.change_review"):
        return Q(pk__in=[])
    others = Q(assignee__isnull=False) & ~Q(assignee=user) & ~Q(pk__in=seen_by(user))
    return OPEN & WAITS_FOR_READER & others


def to_decide(user: Any) -> Q:
    """Keep the reviews in which two readers differ and the person decides."""
    if not user.has_perm("screening.adjudicate_review"):
        return Q(pk__in=[])
    return (
        OPEN
        & Q(second_read__isnull=False, second_read__adjudicator=None)
        & ~Q(second_read__risk=F("risk"))
        & ~Q(second_read__reader=user)
        & ~Q(second_read__first_reader=user)
    )


# --- Views ------------------------------


def views_for(user: Any) -> list[Choice]:
    """List the views in the order of their tabs."""
    now, today = timezone.now(), timezone.localdate()
    mine, nobodys = Q(assignee=user), Q(assignee=None)
    blind = blind_to(user)
    closing = Q(
        window_closes_on__gt=today,
        window_closes_on__lte=today + timedelta(days=WINDOW_DAYS),
    )
    return [
        Choice(
            value="needs-me",
            words="Needs me",
            keeps=[OPEN, nobodys | mine | blind | to_decide(user)],
        ),
        Choice(value="mine", words="Mine", keeps=[OPEN, mine]),
        Choice(value="unclaimed", words="Unclaimed", keeps=[OPEN, nobodys]),
        Choice(value="second-reads", words="Second reads", keeps=[blind]),
        Choice(value="overdue", words="Overdue", keeps=[OPEN, Q(due_at__lte=now)]),
        Choice(value="window", words="Window closing", keeps=[OPEN, closing]),
        Choice(
            value="others",
            words="With others",
            keeps=[OPEN, ~nobodys & ~mine & ~blind],
        ),
        Choice(
            value="signed",
            words=f"Signed, {SIGNED_DAYS} days",
            keeps=[~OPEN, Q(signed_off_at__gt=now - timedelta(days=SIGNED_DAYS))],
        ),
    ]


# --- Filters ------------------------------


def filters_for(user: Any, clinics: Sequence[Clinic]) -> list[Filter]:
    """List the menus; a clinic is offered where there are several."""
    seen = ~blind_to(user)
    filters = [
        Filter(
            name="risk",
            title="Risk",
            any_words="Any risk",
            choices=[
                *(
                    Choice(
                        value=risk.value, words=risk.label, keeps=[Q(risk=risk), seen]
                    )
                    for risk in sorted(Risk, key=_urgency)
                ),
                Choice(value=HIDDEN, words="Hidden", keeps=[blind_to(user)]),
            ],
        ),
        Filter(name="age", title="Age", any_words="Any age", choices=_ages()),
        Filter(name="flag", title="Flag", any_words="Any", choices=_flags(seen)),
        Filter(
            name="clinic",
            title="Clinic",
            any_words="All my clinics",
            choices=[
                Choice(
                    value=clinic.slug, words=clinic.name, keeps=[Q(clinic=clinic.pk)]
                )
                for clinic in clinics
            ],
        ),
        Filter(
            name="with",
            title="With",
            any_words="Anyone",
            choices=[
                Choice(value="me", words="Me", keeps=[Q(assignee=user)]),
                Choice(value="nobody", words="Nobody yet", keeps=[Q(assignee=None)]),
            ],
        ),
    ]
    return [each for each in filters if each.name != "clinic" or len(clinics) > 1]


def _urgency(risk: Risk) -> int:
    order = ["refer", "discuss", "monitor", "on_track", "unclassified"]
    return order.index(risk.value)


def _ages() -> list[Choice]:
    bands = [
        ("under-12", "Under 12 months", Q(age_months__lt=12)),
        ("12-23", "12 to 23 months", Q(age_months__gte=12, age_months__lt=24)),
        ("24-35", "2 years", Q(age_months__gte=24, age_months__lt=36)),
        ("36-up", "3 years and over", Q(age_months__gte=36)),
        ("unknown", "Not given", Q(age_months=None)),
    ]
    return [Choice(value=value, words=words, keeps=[q]) for value, words, q in bands]


def _flags(seen: Q) -> list[Choice]:
    low = Q(confidence__lt=LOW_CONFIDENCE)
    unusable = Q(draft_risk=Risk.UNCLASSIFIED)
    flags = [
        ("lost", "Lost a skill", [Q(has_lost_skill=True)]),
        ("concern", "Caregiver is worried", [Q(has_concern=True)]),
        ("text-only", "Free text only", [Q(is_text_only=True)]),
        ("differ", "Rules and draft differ", [differ(), seen]),
        ("unsure", "Low confidence", [low, seen]),
        ("unusable", "No usable answer", [unusable, seen]),
        ("escalated", "Escalated", [Q(escalated_at__isnull=False)]),
    ]
    return [Choice(value=value, words=words, keeps=q) for value, words, q in flags]


def differ() -> Q:
    """Keep the reviews that the rules list higher than their draft says."""
    return ~Q(draft_risk=F("listed_risk")) & ~Q(draft_risk=Risk.UNCLASSIFIED)


def read_wanted(
    given: Mapping[str, str], views: Sequence[Choice], filters: Sequence[Filter]
) -> Wanted:
    """Read the address; what it asks for and is not offered is left out."""
    known = {view.value for view in views}
    view = given.get("view", "")
    return Wanted(
        view=view if view in known else "needs-me",
        search=given.get("q", "").strip(),
        filters=tuple(
            (each.name, given[each.name])
            for each in filters
            if each.chosen(given.get(each.name, ""))
        ),
    )


def narrowing(
    wanted: Wanted, views: Sequence[Choice], filters: Sequence[Filter]
) -> list[Q]:
    """List the conditions of the view, or of the search, and of the filters."""
    by_name = {each.name: each for each in filters}
    view = next(each for each in views if each.value == wanted.view)
    found = [found_by(wanted.search)] if wanted.search else [*view.keeps]
    for name, value in wanted.filters:
        if choice := by_name[name].chosen(value):
            found += choice.keeps
    return found


def chosen(wanted: Wanted, views: Sequence[Choice], filters: Sequence[Filter]) -> Q:
    """Put the view, the filters and the search into one condition."""
    return reduce(and_, narrowing(wanted, views, filters))


def found_by(search: str) -> Q:
    """Keep what a search finds in all of the person's reviews: a whole case or job id.

    Whatever view is open, and open or signed.
    """
    found = Q(job__case__case_id=search)
    with suppress(ValueError):
        found |= Q(job_id=UUID(search))
    return found
