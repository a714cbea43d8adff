"""Legal holds: what must be kept, whatever else says that it may go."""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now

from audit.actions import Action
from audit.services import Event, record
from screening.errors import HoldRefused
from screening.models import Case, LegalHold
from screening.models.retention import LONGEST_REASON


@transaction.atomic(durable=True)
def place_hold(case: Case, *, actor: str, reason: str) -> LegalHold:
    """Let nothing erase a case until the hold is lifted; return the hold.

    Raises:
        HoldRefused: one stands already, no reason is given or a long one, or the case
            is gone.
    """
    _hold_row(case)
    if not 0 < len(reason.strip()) <= LONGEST_REASON:
        raise HoldRefused(
            f"Say why the case is held, in at most {LONGEST_REASON} characters."
        )
    if LegalHold.objects.filter(case=case, lifted_at=None).exists():
        raise HoldRefused("A legal hold stands on this case already.")
    hold = LegalHold.objects.create(case=case, reason=reason.strip(), placed_by=actor)
    record([_event(case, Action.LEGAL_HOLD_PLACED, actor, hold.pk)])
    return hold


@transaction.atomic(durable=True)
def lift_hold(case: Case, *, actor: str) -> None:
    """Let the case be erased again.

    Raises:
        HoldRefused: no hold stands.
    """
    _hold_row(case)
    standing = LegalHold.objects.filter(case=case, lifted_at=None)
    pk = standing.values_list("pk", flat=True).first()
    if pk is None:
        raise HoldRefused("No legal hold stands on this case.")
    standing.update(lifted_at=Now(), lifted_by=actor)
    record([_event(case, Action.LEGAL_HOLD_LIFTED, actor, pk)])


def _hold_row(case: Case) -> None:
    """Have an erasure wait, or have waited for one."""
    if not Case.objects.select_for_update().filter(pk=case.pk).values_list("pk"):
        raise HoldRefused("There is no such case any more.")


def _event(case: Case, action: Action, actor: str, hold: int) -> Event:
    return Event(
        action=action,
        actor=actor,
        clinic=case.clinic.slug,
        case_id=case.case_id,
        detail={"hold": hold},
    )
