"""Invented children for the demonstration: a dozen, each with its own story."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from itertools import count, islice
from typing import Any

from milestones.checklist import checklist


def answers(age_months: int, **exceptions: str) -> dict[str, str]:
    """Answer one checklist with yes, but for the items named by how their key ends."""
    found = {item.key: "yes" for item in checklist(age_months)}
    for ending, answer in exceptions.items():
        [key] = [key for key in found if key.endswith(f".{ending}")]
        found[key] = answer
    return found


def nth(age_months: int, domain: str, place: int = 0) -> str:
    """Return how the key of the n-th item of a domain ends."""
    keys = [item.key for item in checklist(age_months) if item.domain == domain]
    return keys[place].rsplit(".", 1)[1]


EMBEDDING = base64.b64encode(struct.pack("<256f", *[0.25] * 256)).decode()

STORIES: list[tuple[str, dict[str, Any]]] = [
    ("all milestones met", {"age_months": 24, "milestones": answers(24)}),
    (
        "born at 28 weeks, checklist by corrected age",
        {"age_months": 6, "gestational_weeks": 28, "milestones": answers(2)},
    ),
    (
        "lost a skill",
        {
            "age_months": 18,
            "milestones": answers(18),
            "flags": {"lost_skill": True},
            "priority": "urgent",
        },
    ),
    (
        "free text only",
        {"age_months": 20, "observations": "Not walking yet, and only 5 words."},
    ),
    (
        "one milestone not yet",
        {
            "age_months": 12,
            "milestones": answers(12, **{nth(12, "movement"): "not_yet"}),
        },
    ),
    (
        "not yet in two domains",
        {
            "age_months": 30,
            "milestones": answers(
                30, **{nth(30, "language"): "not_yet", nth(30, "movement"): "not_yet"}
            ),
            "priority": "high",
        },
    ),
    (
        "one answer not sure",
        {
            "age_months": 9,
            "milestones": answers(9, **{nth(9, "cognitive"): "not_sure"}),
        },
    ),
    (
        "caregiver is worried",
        {
            "age_months": 15,
            "milestones": answers(15),
            "flags": {"parent_concern": True},
        },
    ),
    ("older than any checklist", {"age_months": 96, "observations": "Likes school."}),
    (
        "embedding only",
        {"age_months": 36, "embedding_b64": EMBEDDING, "shape": [1, 256]},
    ),
    ("nothing but a case number", {}),
]
MALFORMED = ("malformed on purpose", {"age_months": "two years", "childs_name": "-"})


def demo_cases(number: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield so many stories with their submissions, the last one malformed."""
    for n in islice(count(), max(number - 1, 0)):
        story, fields = STORIES[n % len(STORIES)]
        yield story, {"case_id": f"DEMO-{n + 1:03}", **fields}
    if number > 0:
        story, fields = MALFORMED
        yield story, {"case_id": f"DEMO-{number:03}", **fields}
