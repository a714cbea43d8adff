"""Weeks of signed reports for tests: the ones of the drawn page, figure by figure.

``cases_drawn`` deals out 412 invented cases so that every share of every group comes
to what stands in the design.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from random import Random

from django.utils import timezone

from agreement.models import RollUp, Tally
from agreement.periods import period
from screening.models import Clinic

RISING = ("on_track", "monitor", "discuss", "refer")
DRAWN = {
    "on_track": (168, 7, 3, 0),
    "monitor": (9, 71, 8, 2),
    "discuss": (1, 6, 62, 11),
    "refer": (0, 1, 4, 49),
    "unclassified": (2, 3, 3, 2),
}
"""Draft by signed risk."""

FOUND_BY_RULES = 13
STRATA = ("found", "missed", "unusable_refer", "changed", "same", "unusable")

# How many of each stratum each group has.
MODELS = {
    ("medgemma-4b-it", "1.3"): (27, 5, 1, 16, 166, 5),
    ("medgemma-4b-it", "1.2"): (15, 5, 0, 15, 96, 3),
    ("rules-cdc2022", ""): (7, 3, 1, 8, 39, 0),
}
PROMPTS = {
    "5": (29, 6, 1, 19, 182, 5),
    "4": (13, 4, 0, 12, 80, 3),
    "": (7, 3, 1, 8, 39, 0),
}
AGES = {
    "under_12m": (8, 4, 1, 10, 66, 3),
    "12_to_23m": (17, 4, 1, 13, 102, 2),
    "2_to_3y": (15, 3, 0, 10, 84, 2),
    "3y_and_over": (9, 2, 0, 6, 49, 1),
}
CLINICS = {
    "Riverside": (29, 7, 1, 20, 172, 4),
    "Northgate": (19, 6, 1, 17, 118, 3),
    "Hillside": (1, 0, 0, 1, 6, 1),
    "Millbrook": (0, 0, 0, 1, 5, 0),
}
WEEKS = {
    0: (4, 1, 0, 5, 21, 1),
    1: (3, 2, 1, 4, 25, 0),
    2: (4, 1, 0, 3, 21, 1),
    3: (3, 2, 0, 4, 28, 1),
    4: (5, 1, 0, 4, 23, 1),
    5: (3, 1, 0, 0, 4, 0),
    6: (4, 1, 1, 3, 28, 1),
    7: (4, 1, 0, 4, 32, 1),
    8: (5, 1, 0, 3, 29, 1),
    9: (5, 1, 0, 2, 27, 1),
    10: (5, 0, 0, 4, 33, 0),
    11: (4, 1, 0, 3, 30, 0),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Signed:
    """One invented signed case."""

    week: int = 0
    clinic: str = "Riverside"
    model: str = "medgemma-4b-it"
    adapter: str = "1.3"
    prompt: str = "5"
    age_band: str = "12_to_23m"
    draft_risk: str = "on_track"
    rules_risk: str = ""
    signed_risk: str = "on_track"


def cases_drawn() -> list[Signed]:
    """Return the 412 cases of the drawn page."""
    by_stratum: dict[str, list[Signed]] = {name: [] for name in STRATA}
    for draft, numbers in DRAWN.items():
        for signed, number in zip(RISING, numbers, strict=True):
            case = Signed(draft_risk=draft, signed_risk=signed)
            by_stratum[_stratum(draft, signed)] += [case] * number
    # The rules found all whom the draft had as Monitor, and most of the others.
    by_rules = sorted(
        by_stratum["missed"] + by_stratum["unusable_refer"],
        key=lambda case: case.draft_risk != "monitor",
    )
    found = Counter(by_rules[:FOUND_BY_RULES])
    dealt = []
    for place, name in enumerate(STRATA):
        cases = by_stratum[name]
        size = len(cases)
        week, clinic, model, prompt, age = (
            _deal(groups, place, size, turn)
            for turn, groups in enumerate((WEEKS, CLINICS, MODELS, PROMPTS, AGES))
        )
        for n, case in enumerate(cases):
            rules = ""
            if found[case] > 0 and case.signed_risk == "refer":
                found[case] -= 1
                rules = "refer"
            dealt.append(
                replace(
                    case,
                    week=week[n],
                    clinic=clinic[n],
                    model=model[n][0],
                    adapter=model[n][1],
                    prompt=prompt[n],
                    age_band=age[n],
                    rules_risk=rules,
                )
            )
    return dealt


def _stratum(draft: str, signed: str) -> str:
    if draft == "unclassified":
        return "unusable_refer" if signed == "refer" else "unusable"
    if signed == "refer":
        return "found" if draft == "refer" else "missed"
    return "same" if draft == signed else "changed"


def _deal(groups: dict, place: int, size: int, turn: int) -> list:
    """Say of each case of a stratum in which group it is, in an order of its own."""
    dealt = [group for group, numbers in groups.items() for _ in range(numbers[place])]
    assert len(dealt) == size, (groups, place, len(dealt), size)
    Random(10 * turn + place).shuffle(dealt)
    return dealt


def store(
    cases: Iterable[Signed], *, weeks: int = 12, today: date | None = None
) -> dict[str, Clinic]:
    """Store cases as tallies of the last whole weeks; return their clinics."""
    first = period(weeks, today=today or timezone.localdate()).first
    counts = Counter(cases)
    clinics = {
        name: Clinic.objects.get_or_create(slug=name.lower(), defaults={"name": name})[
            0
        ]
        for name in sorted({case.clinic for case in counts})
    }
    Tally.objects.bulk_create(_rows(counts, clinics, first))
    RollUp.objects.create(
        first_day=first,
        last_day=timezone.localdate(),
        cases=counts.total(),
        ended_at=timezone.now(),
    )
    return clinics


def _rows(
    counts: Counter[Signed], clinics: dict[str, Clinic], first: date
) -> Iterator[Tally]:
    for case, number in counts.items():
        values = {each.name: getattr(case, each.name) for each in fields(case)}
        day = first + timedelta(days=7 * values.pop("week"))
        clinic = clinics[values.pop("clinic")]
        yield Tally(day=day, clinic=clinic, cases=number, **values)
