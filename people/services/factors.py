"""The second factor: set up, used once a code, changed and taken away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit.actions import Action
from audit.services import Event, record
from people.codes import digits_of, is_recovery, new_recovery_codes, split
from people.errors import FactorRefused, NotAllowed
from people.models import RecoveryCode
from people.services.doors import Way, knock, pass_through, refuse
from people.services.ending import end_sessions

MOST_TRIES = 5
SET_UP_WITHIN = timedelta(minutes=30)


def has_factor(user: User) -> bool:
    """Say whether a person has confirmed a second factor."""
    return _devices(user).filter(confirmed=True).exists()


def needs_code(user: User, *, seen_at: datetime | None) -> bool:
    """Say whether a signature needs a code beside the password.

    The first of a session does, and one after a break as long as the idle time:
    ``seen_at`` is when the person last signed in this session.
    """
    if not has_factor(user):
        return False
    idle = timedelta(seconds=settings.SESSION_IDLE_SECONDS)
    return seen_at is None or timezone.now() - seen_at > idle


def use_code(user: User, typed: str) -> bool:
    """Take a code, once: a later call with the same one is refused.

    A recovery code is marked as used and audited, an app's code moves its device on.
    One transaction; none for an empty one, which is no guess to slow down.
    """
    digits = digits_of(typed)
    if not digits:
        return False
    if is_recovery(digits):
        return _use_recovery(user, digits)
    with transaction.atomic(durable=True):
        device = _devices(user).select_for_update().filter(confirmed=True).first()
        return device is not None and bool(device.verify_token(digits))


def recovery_codes_left(user: User) -> int:
    """Count the recovery codes that were not used yet."""
    return RecoveryCode.objects.filter(person=user, used_at__isnull=True).count()


def begin_factor(user: User, *, password: str) -> None:
    """Make a secret for a person's app, in place of one that was never confirmed.

    Who has a second factor already gives the password to change it. One transaction.

    Raises:
        FactorRefused: the password is not right.
    """
    if has_factor(user):
        _ask(user, right=lambda: user.check_password(password))
    with transaction.atomic(durable=True):
        _devices(user).filter(confirmed=False).delete()
        TOTPDevice.objects.create(user=user, name="app", confirmed=False)


def waiting_device(user: User) -> TOTPDevice | None:
    """Return the device that waits for its first code, unless it waits too long."""
    since = timezone.now() - SET_UP_WITHIN
    found: TOTPDevice | None = (
        _devices(user).filter(confirmed=False, created_at__gt=since).last()
    )
    return found


def confirm_factor(user: User, *, code: str, but: str | None = None) -> list[str]:
    """Take a new device into use; return ten recovery codes, which nobody sees again.

    The old device and its codes are of no use from then on, and every other session of
    the person ends; ``but`` is the key of the own one. One transaction.

    Raises:
        FactorRefused: there is no device to confirm, or the code is not right.
    """
    waiting = waiting_device(user)
    if waiting is None:
        raise FactorRefused("That took too long. Begin again.")
    _ask(user, right=lambda: _confirms(waiting, code))
    codes = new_recovery_codes()
    rows = _rows(user, codes)
    with transaction.atomic(durable=True):
        User.objects.select_for_update().get(pk=user.pk)
        old, _ = _devices(user).exclude(pk=waiting.pk).delete()
        TOTPDevice.objects.filter(pk=waiting.pk).update(confirmed=True)
        _replace(user, rows)
        end_sessions(user, but=but)
        changed = Action.SECOND_FACTOR_CHANGED
        record([_event(changed if old else Action.SECOND_FACTOR_ADDED, user)])
    return codes


def renew_recovery_codes(user: User, *, password: str) -> list[str]:
    """Make ten new recovery codes; the old ones are of no use from then on.

    Raises:
        FactorRefused: there is no second factor, or the password is not right.
    """
    if not has_factor(user):
        raise FactorRefused("Set up a second factor first.")
    _ask(user, right=lambda: user.check_password(password))
    codes = new_recovery_codes()
    rows = _rows(user, codes)
    with transaction.atomic(durable=True):
        User.objects.select_for_update().get(pk=user.pk)
        _replace(user, rows)
        record([_event(Action.SECOND_FACTOR_CODES_MADE, user)])
    return codes


def remove_factor(person: User, *, by: User) -> bool:
    """Take somebody's second factor away, and end their sessions; say if there was one.

    One transaction.

    Raises:
        NotAllowed: the right is not there, or the person has more rights than ``by``.
    """
    if not by.has_perm("people.remove_second_factor"):
        raise NotAllowed("Only who has the right takes a second factor away.")
    if person.is_superuser and not by.is_superuser:
        raise NotAllowed("Only an administrator does this to an administrator.")
    with transaction.atomic(durable=True):
        User.objects.select_for_update().get(pk=person.pk)
        found, _ = _devices(person).filter(confirmed=True).delete()
        _devices(person).delete()
        RecoveryCode.objects.filter(person=person).delete()
        if not found:
            return False
        end_sessions(person)
        record([_event(Action.SECOND_FACTOR_REMOVED, person, by=by)])
    return True


def _devices(user: User) -> QuerySet[TOTPDevice]:
    found: QuerySet[TOTPDevice] = TOTPDevice.objects.filter(user=user).order_by("pk")
    return found


def _event(
    action: Action, person: User, *, by: User | None = None, **detail: int
) -> Event:
    actor = f"user:{(by or person).pk}"
    return Event(action=action, actor=actor, detail={"person": person.pk, **detail})


def _ask(user: User, *, right: Callable[[], bool]) -> None:
    """Let somebody try, five times at most in a row.

    Raises:
        FactorRefused: it was not right, or the door is shut.
    """
    way = Way(kind="own", whose=str(user.pk), most=MOST_TRIES)
    passage = knock([way])
    if passage.is_open and right():
        with transaction.atomic(durable=True):
            pass_through(way, [])
        return
    if passage.is_open:
        events = [_event(Action.SECOND_FACTOR_REFUSED, user)]
        refuse(passage, events, actor=f"user:{user.pk}")
    left = passage.tries_left
    raise FactorRefused(
        f"That is not right. Nothing was changed. {left} tries left.", tries_left=left
    )


def _confirms(device: TOTPDevice, code: str) -> bool:
    with transaction.atomic(durable=True):
        found = TOTPDevice.objects.select_for_update().filter(pk=device.pk).first()
        return found is not None and bool(found.verify_token(digits_of(code)))


def _use_recovery(user: User, digits: str) -> bool:
    selector, proof = split(digits)
    own = RecoveryCode.objects.filter(person=user, used_at__isnull=True)
    row = own.filter(selector=selector).first()
    # Slow on purpose, and so outside of the transaction.
    if row is None or not check_password(proof, row.verifier):
        return False
    with transaction.atomic(durable=True):
        if not own.filter(pk=row.pk).update(used_at=Now()):
            return False
        record([_event(Action.SECOND_FACTOR_USED_RECOVERY, user, left=own.count())])
    return True


def _rows(user: User, codes: list[str]) -> list[RecoveryCode]:
    """Hash new codes, which takes a moment: before the transaction."""
    return [
        RecoveryCode(person=user, selector=selector, verifier=make_password(proof))
        for selector, proof in map(split, codes)
    ]


def _replace(user: User, rows: list[RecoveryCode]) -> None:
    RecoveryCode.objects.filter(person=user).delete()
    RecoveryCode.objects.bulk_create(rows)
