"""For each constraint on legal holds and tombstones, rows that it must refuse.

And those on counts and webhooks, so that whoever asks for the others has all.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from audit.models import Count
from screening.models import Case, LegalHold, Tombstone
from screening.services.keys import default_clinic
from tests.screening.webhook_violations import VIOLATIONS as WEBHOOK_VIOLATIONS

THEN = datetime(2026, 1, 2, tzinfo=UTC)


def make_case() -> Case:
    return Case.objects.get_or_create(clinic=default_clinic(), case_id="held")[0]


def make_hold(**values: Any) -> LegalHold:
    values = {"reason": "File 1", "placed_by": "user:1", **values}
    return LegalHold.objects.create(case=make_case(), **values)


def tombstone(**values: Any) -> Callable[[Any], Any]:
    """Return what begins a tombstone of which one thing is wrong."""

    def violate(user: Any) -> Tombstone:
        given = {"reason": "File 1", "erased_by": "user:1", **values}
        return Tombstone.objects.create(
            case_key=make_case().pk, clinic="default", case_digest="0" * 64, **given
        )

    return violate


VIOLATIONS = [
    *WEBHOOK_VIOLATIONS,
    (
        "count_once_per_kind",
        lambda user: [Count.objects.create(action="job.failed") for _ in "ab"],
    ),
    ("legal_hold_once_at_a_time", lambda user: [make_hold(), make_hold()]),
    ("legal_hold_has_reason_and_person", lambda user: make_hold(reason="")),
    ("legal_hold_has_reason_and_person", lambda user: make_hold(placed_by="")),
    ("legal_hold_lifted_by_someone", lambda user: make_hold(lifted_at=THEN)),
    ("legal_hold_lifted_by_someone", lambda user: make_hold(lifted_by="user:1")),
    # It would be the very row that it must not find.
    ("tombstone_numbered_from_one", tombstone(id=-1)),
    ("tombstone_unfinished_or_with_digest", tombstone(digest="0" * 64)),
    ("tombstone_has_reason_and_person", tombstone(reason="")),
    ("tombstone_has_reason_and_person", tombstone(erased_by="")),
]
