"""How families and clinicians speak of each skill, and which items it counts against.

A skill that is missing counts against the item that asks for it and, for an older
child, against later items that cannot be done without it: a child of 30 months who
does not walk does not jump.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from milestones.words import Word, words

DATA = Path(__file__).with_name("phrases.json")

Kind = Literal["verb", "noun", "missing", "not_meant"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Skill:
    """One thing a note may say of a child."""

    name: str
    against: tuple[str, ...]
    """Keys of the items it counts against, youngest first."""
    outgrown: bool
    """Children leave it behind; that it stopped is no loss."""
    inexact: bool
    """A vague word such as "limited vocabulary", which counts against one list only."""

    def keys(self, ages: Sequence[int]) -> tuple[str, ...]:
        """Return the keys that stand on the checklists of these ages, in months.

        The child's own checklist comes first in ``ages``, then the one before.
        """
        by_age = [
            tuple(key for key in self.against if key.startswith(f"{age}m."))
            for age in ages
        ]
        if self.inexact:
            return next((keys for keys in by_age if keys), ())
        return tuple(key for keys in by_age for key in keys)


@dataclass(frozen=True, kw_only=True, slots=True)
class Phrase:
    """One way of putting a skill, or its absence, into words."""

    skill: Skill | None
    """None for a phrase that only looks like a skill ("can't sit still")."""
    kind: Kind


@dataclass(slots=True)
class _Node:
    """A step on the way through the phrases, stem by stem."""

    phrase: Phrase | None = None
    following: dict[str, _Node] = field(default_factory=dict)


@cache
def skills() -> dict[str, Skill]:
    """Read every skill, by name."""
    rows = json.loads(DATA.read_bytes())["skills"]
    return {
        row["skill"]: Skill(
            name=row["skill"],
            against=tuple(row["against"]),
            outgrown=row["outgrown"],
            inexact=row["inexact"],
        )
        for row in rows
    }


@cache
def _root() -> _Node:
    data = json.loads(DATA.read_bytes())
    root = _Node()
    for written in data["not_meant"]:
        _add(root, written, Phrase(skill=None, kind="not_meant"))
    kinds: tuple[tuple[str, Kind], ...] = (
        ("verbs", "verb"),
        ("nouns", "noun"),
        ("missing", "missing"),
    )
    for row in data["skills"]:
        for column, kind in kinds:
            for written in row[column]:
                _add(root, written, Phrase(skill=skills()[row["skill"]], kind=kind))
    return root


def _add(root: _Node, written: str, phrase: Phrase) -> None:
    """Store a phrase; the first of two that read the same stays."""
    node = root
    for word in words(written):
        node = node.following.setdefault(word.stem, _Node())
    node.phrase = node.phrase or phrase


def match(found: Sequence[Word], at: int) -> tuple[Phrase, int] | None:
    """Return the longest phrase that starts at ``at``, and where the note goes on."""
    node = _root()
    best = None
    while at < len(found) and (step := node.following.get(found[at].stem)):
        node = step
        at += 1
        if node.phrase:
            best = (node.phrase, at)
    return best
