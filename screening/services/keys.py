"""API keys: made, recognised, revoked."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from audit.actions import Action
from audit.services import Event, record
from screening.models import ApiKey, Clinic, Scope

DEFAULT_CLINIC = "default"
REMEMBERED_SECONDS = 15.0
MOST_REMEMBERED = 10_000
ALL_SCOPES = frozenset(str(scope) for scope in Scope)


@dataclass(frozen=True, kw_only=True, slots=True)
class Client:
    """Whoever holds a key: what is written to the audit, and what it may do."""

    actor: str
    """``key:`` and the key's prefix; ``key:env`` for the API_KEY variable."""

    clinic: Clinic
    scopes: frozenset[str]
    is_authenticated: bool = True


_remembered: dict[str, tuple[float, Client]] = {}


@transaction.atomic(durable=True)
def create_key(
    *,
    name: str,
    clinic: Clinic,
    scopes: Sequence[str],
    actor: str,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key; return its row and the key itself, which is stored nowhere.

    Stored are its prefix and the SHA-256 of the whole: 256 random bits need no slow
    digest.
    """
    prefix = secrets.token_hex(4)
    raw = f"psk_{prefix}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        name=name,
        prefix=prefix,
        digest=_digest(raw),
        clinic=clinic,
        scopes=list(scopes),
        expires_at=expires_at,
    )
    record(
        [
            Event(
                action=Action.KEY_CREATED,
                actor=actor,
                clinic=clinic.slug,
                detail={"prefix": prefix, "scopes": list(scopes)},
            )
        ]
    )
    return key, raw


@transaction.atomic(durable=True)
def revoke_key(key: ApiKey, *, actor: str) -> None:
    """Let the key open nothing from now on; other processes follow in 15 s."""
    revoked = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=Now())
    if revoked:
        record(
            [
                Event(
                    action=Action.KEY_REVOKED,
                    actor=actor,
                    clinic=key.clinic.slug,
                    detail={"prefix": key.prefix},
                )
            ]
        )
    _remembered.clear()


def recognise(raw: str) -> Client | None:
    """Return whose key this is, or None if it opens nothing.

    What was found is remembered for 15 s, so that a revocation takes that long.
    """
    if is_configured(raw):
        return _every_scope("key:env")
    digest = _digest(raw)
    known = _remembered.get(digest)
    if known is not None and time.monotonic() < known[0]:
        return known[1]
    client = _look_up(raw, digest)
    if client is not None:
        if len(_remembered) >= MOST_REMEMBERED:
            _remembered.clear()
        _remembered[digest] = (time.monotonic() + REMEMBERED_SECONDS, client)
    return client


def is_configured(raw: str) -> bool:
    """Say whether this is the key of the API_KEY variable."""
    given = raw.encode(errors="replace")
    return bool(settings.API_KEY) and hmac.compare_digest(
        given, settings.API_KEY.encode()
    )


def anyone() -> Client | None:
    """Return the client of a request without a key: there is one only in DEBUG."""
    if settings.DEBUG and not keys_exist():
        return _every_scope("key:none")
    return None


def keys_exist() -> bool:
    """Say whether any key is configured, by variable or in the database."""
    return bool(settings.API_KEY) or ApiKey.objects.exists()


def default_clinic() -> Clinic:
    """Return the clinic of the API_KEY variable."""
    clinic, _ = Clinic.objects.get_or_create(
        slug=DEFAULT_CLINIC, defaults={"name": "Default clinic"}
    )
    return clinic


def _every_scope(actor: str) -> Client:
    known = _remembered.get(actor)
    if known is None or time.monotonic() >= known[0]:
        client = Client(actor=actor, clinic=default_clinic(), scopes=ALL_SCOPES)
        _remembered[actor] = known = (time.monotonic() + REMEMBERED_SECONDS, client)
    return known[1]


def _look_up(raw: str, digest: str) -> Client | None:
    prefix = raw.split("_")[1] if raw.startswith("psk_") and raw.count("_") > 1 else ""
    if not prefix.isascii() or not prefix.isalnum():
        return None
    key = (
        ApiKey.objects.select_related("clinic")
        .filter(Q(expires_at=None) | Q(expires_at__gt=Now()))
        .filter(prefix=prefix[:16], revoked_at=None)
        .first()
    )
    if key is None or not hmac.compare_digest(key.digest, digest):
        return None
    a_minute_ago = timezone.now() - timedelta(minutes=1)
    ApiKey.objects.filter(
        Q(last_used_at=None) | Q(last_used_at__lt=a_minute_ago), pk=key.pk
    ).update(last_used_at=Now())
    return Client(
        actor=f"key:{key.prefix}", clinic=key.clinic, scopes=frozenset(key.scopes)
    )


def _digest(raw: str) -> str:
    return hashlib.sha256(raw.encode(errors="replace")).hexdigest()
