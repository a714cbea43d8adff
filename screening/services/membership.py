"""Who belongs to a clinic: that somebody came or went is told in the audit log."""

from __future__ import annotations

from audit.actions import Action
from audit.services import Event, record
from screening.models import Clinic


def members_of(clinic: Clinic) -> frozenset[int]:
    """Return the ids of a clinic's people as they are stored."""
    return frozenset(clinic.members.values_list("pk", flat=True))


def members_changed(clinic: Clinic, *, before: frozenset[int], actor: str) -> None:
    """Audit each who came and each who went, inside the caller's transaction."""
    after = members_of(clinic)
    told = [(Action.CLINIC_MEMBER_ADDED, pk) for pk in sorted(after - before)]
    told += [(Action.CLINIC_MEMBER_REMOVED, pk) for pk in sorted(before - after)]
    record(
        Event(action=action, actor=actor, clinic=clinic.slug, detail={"person": pk})
        for action, pk in told
    )
