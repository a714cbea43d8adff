"""Consents: given, revoked, and read for the cases of a batch."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from audit.actions import Action
from audit.services import Event, record
from consent.configured import required_scopes
from consent.decision import Grant
from consent.errors import ConsentOfAnotherCase, ConsentOver
from consent.models import Consent, State

LOOK_AGAIN_SECONDS = 5.0


@transaction.atomic(durable=True)
def give_consent(
    *,
    clinic: str,
    case_id: str,
    consent_id: str,
    scopes: Collection[str],
    given_by: str,
    expires_at: datetime | None = None,
    actor: str,
) -> Consent:
    """Store what a consent allows from now on; return the row, with its ``state``.

    A first one is version 1; one that says something else, or that was revoked or has
    expired, the next version, which alone counts from then on. To say again what is in
    force stores nothing. No scopes at all: everything is declined.

    Raises:
        ConsentOfAnotherCase: the clinic has it as the identifier of another case's.
        ConsentOver: it expires before it is given, by the database's clock.
        ValidationError: a scope, a role or the form of an identifier is not known.
    """
    said: dict[str, Any] = {
        "scopes": sorted(set(scopes)),
        "given_by": given_by,
        "expires_at": expires_at,
    }
    row = {"case_id": case_id, "recorded_by": actor, **said}
    Consent(clinic=clinic, consent_id=consent_id, **row).clean_fields()
    with _refusing_what_is_over():
        # The first version stands for all: who holds it may add another, or revoke.
        first, is_new = Consent.objects.select_for_update().get_or_create(
            clinic=clinic, consent_id=consent_id, version=1, defaults=row
        )
        if first.case_id != case_id:
            raise ConsentOfAnotherCase(
                "The clinic has another case's consent of this identifier."
            )
        if not is_new:
            newest = _newest(clinic, consent_id)
            if newest.state == State.IN_FORCE and all(
                getattr(newest, name) == value for name, value in said.items()
            ):
                return newest
            Consent.objects.create(
                clinic=clinic,
                consent_id=consent_id,
                version=newest.version + 1,
                **row,
            )
    return _recorded(Action.CONSENT_GIVEN, clinic, consent_id, actor)


@transaction.atomic(durable=True)
def revoke_consent(*, clinic: str, consent_id: str, actor: str) -> Consent:
    """Let a consent allow nothing from now on; return its newest version.

    To revoke it again stores nothing. Work that is queued already is not touched here.

    Raises:
        Consent.DoesNotExist: the clinic has no such consent.
    """
    Consent.objects.select_for_update().get(
        clinic=clinic, consent_id=consent_id, version=1
    )
    newest = _newest(clinic, consent_id)
    revoked = Consent.objects.filter(pk=newest.pk, revoked_at=None).update(
        revoked_at=Now(), revoked_by=actor
    )
    if not revoked:
        return newest
    return _recorded(Action.CONSENT_REVOKED, clinic, consent_id, actor)


def ledger_is_used() -> bool:
    """Say whether any consent is known or asked for, as of five seconds ago.

    For those who may skip a look: where it counts, before data leaves, all look.
    """
    if required_scopes():
        return True
    now = time.monotonic()
    if now >= _Used.look_again:
        _Used.look_again = now + LOOK_AGAIN_SECONDS
        _Used.known = Consent.objects.exists()
    return _Used.known


class _Used:
    known = False
    look_again = 0.0


def grants_of(
    cases: Iterable[tuple[str, str]],
) -> dict[tuple[str, str], tuple[Grant, ...]]:
    """Return the consents of each case, by its clinic's slug and its identifier.

    Each case that is asked for is in the answer, also one without any consent.
    """
    found: dict[tuple[str, str], list[Grant]] = {case: [] for case in cases}
    # More than was asked for where clinics share identifiers, and any number of them
    # without as many conditions.
    known = Consent.objects.filter(
        clinic__in={clinic for clinic, _ in found},
        case_id__in={case_id for _, case_id in found},
    )
    # Where none is asked for most cases have none, and the whole question costs the
    # worker more than storing what came of it.
    if not required_scopes() and not known.exists():
        return dict.fromkeys(found, ())
    for row in known.newest().with_state().order_by("consent_id"):
        if (row.clinic, row.case_id) in found:
            found[row.clinic, row.case_id].append(_grant(row))
    return {case: tuple(grants) for case, grants in found.items()}


@contextmanager
def _refusing_what_is_over() -> Iterator[None]:
    try:
        yield
    except IntegrityError as exc:
        if "consent_expires_after_given" not in str(exc):
            raise
        raise ConsentOver("The consent expires before it is given.") from exc


def _newest(clinic: str, consent_id: str) -> Consent:
    of_this = Consent.objects.filter(clinic=clinic, consent_id=consent_id)
    return of_this.newest().with_state().get()


def _grant(row: Consent) -> Grant:
    return Grant(
        consent_id=row.consent_id,
        version=row.version,
        scopes=frozenset(row.scopes),
        state=row.state,
    )


def _recorded(action: Action, clinic: str, consent_id: str, actor: str) -> Consent:
    """Record the event; return the row that it is of."""
    _Used.known = True
    consent = _newest(clinic, consent_id)
    detail = {
        "consent_id": consent.consent_id,
        "version": consent.version,
        "scopes": consent.scopes,
    }
    event = Event(
        action=action,
        actor=actor,
        clinic=clinic,
        case_id=consent.case_id,
        detail=detail,
    )
    record([event])
    return consent
