"""``manage.py route_simulate``: where stored work would go under other settings."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db.models.functions import Now

from routing.policy import Decision, Standing, Wish, choose_targets, replay
from routing.registrations import LOCATION
from screening.models import Job

NOBODY = "nobody"
MOST_MILLISECONDS = 3_600_000
PLACES = ("edge", "cloud", "auto")


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What is different from how it was when the decisions were made."""

    top: int | None = None
    without: frozenset[str] = frozenset()
    p95_ms: Mapping[str, float] = field(default_factory=dict)
    prefer: str = ""
    location: Mapping[str, str] = field(default_factory=dict)

    @property
    def named(self) -> set[str]:
        """Name the targets that it speaks of."""
        return {*self.without, *self.p95_ms, *self.location}

    def decide(self, made: Decision) -> Decision:
        """Decide once more, with what is different."""
        standings = [
            replace(
                each,
                p95_ms=self.p95_ms.get(each.name, each.p95_ms),
                location=self.location.get(each.name, each.location),
            )
            for each in made.standings
            if each.name not in self.without
        ]
        return choose_targets(
            standings, self._wish(made.wish), top=self.top or made.top
        )

    def _wish(self, wish: Wish) -> Wish:
        """Prefer another place, except where the one named was demanded."""
        if not self.prefer or wish.strict:
            return wish
        return replace(wish, preferred=self.prefer)


@dataclass(kw_only=True, slots=True)
class Found:
    """What the decisions would be."""

    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    """First choice before and now -> decisions."""

    examples: dict[tuple[str, str], list[UUID]] = field(default_factory=dict)
    others: int = 0
    """Decisions of the same first choice, with other targets after it."""

    nowhere: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Code and words of why there is no target -> decisions."""

    unreadable: int = 0
    seen: set[str] = field(default_factory=set)
    jobs: int = 0
