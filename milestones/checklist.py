"""The milestone checklists: 159 items, 12 ages, 4 domains.

The items follow the meaning of CDC's "Learn the Signs. Act Early." checklists
(2022 revision; Zubler et al., Pediatrics 2022;149(3):e2021052138) in labels of our
own. An item is what 75% or more of children do by that age. The checklists are a
monitoring aid and not a validated screening tool.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DATA = Path(__file__).with_name("checklist.json")
AGES = (2, 4, 6, 9, 12, 15, 18, 24, 30, 36, 48, 60)
DOMAINS = ("social_emotional", "language", "cognitive", "movement")
CREDIT = (
    'Items after CDC\'s "Learn the Signs. Act Early." (2022), reworded; no endorsement'
    " by CDC. A monitoring aid, not a validated screening tool."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One thing that most children do by an age."""

    key: str
    """Stable name: age in months, domain, meaning."""
    age_months: int
    domain: str
    label: str
    """A short plain paraphrase, fit for families."""


@cache
def items() -> dict[str, Item]:
    """Read every item, by key, in checklist order."""
    rows = json.loads(DATA.read_bytes())
    return {row["key"]: Item(**row) for row in rows}


@cache
def checklist(age_months: int) -> tuple[Item, ...]:
    """List the items of one checklist age; none for an age that has no checklist."""
    return tuple(item for item in items().values() if item.age_months == age_months)
