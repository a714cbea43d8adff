"""The endpoints' secrets: made anew whenever they are needed, and stored nowhere.

A secret is an HMAC-SHA256 of a random salt under DJANGO_SECRET_KEY. The database alone
gives none away; and where that key has changed, nothing is signed with another secret
than the receiver knows: the check digest shows it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from django.db.models.functions import Now
from django.utils.crypto import salted_hmac

from screening.models import WebhookEndpoint

OVERLAP_HOURS = 24
"""How long the secret before the last is signed with too."""

PURPOSE = "screening.webhooks"


class SecretLost(Exception):
    """DJANGO_SECRET_KEY has changed since: the endpoint needs a new secret."""


def fresh_secret() -> tuple[bytes, dict[str, str]]:
    """Make a secret; return it, and what is stored to make it again."""
    salt = secrets.token_hex(32)
    secret = _made(salt)
    return secret, {"salt": salt, "check_digest": _digest(secret)}


def rotated(endpoint: WebhookEndpoint) -> tuple[bytes, dict[str, object]]:
    """Make the next secret; the one until now goes on being good for a day."""
    secret, values = fresh_secret()
    return secret, {
        **values,
        "earlier_salt": endpoint.salt,
        "earlier_check_digest": endpoint.check_digest,
        "earlier_until": Now() + timedelta(hours=OVERLAP_HOURS),
    }


def secrets_of(endpoint: WebhookEndpoint, *, now: datetime) -> list[bytes]:
    """Return what to sign with, the newest first.

    Raises:
        SecretLost: the newest cannot be made any more.
    """
    found = [_checked(endpoint.salt, endpoint.check_digest)]
    if endpoint.earlier_until is not None and now < endpoint.earlier_until:
        try:
            found.append(_checked(endpoint.earlier_salt, endpoint.earlier_check_digest))
        except SecretLost:
            return found
    return found


def _made(salt: str) -> bytes:
    return salted_hmac(PURPOSE, salt, algorithm="sha256").digest()


def _checked(salt: str, digest: str) -> bytes:
    secret = _made(salt)
    if not hmac.compare_digest(_digest(secret), digest):
        raise SecretLost(SecretLost.__doc__)
    return secret


def _digest(secret: bytes) -> str:
    """Tell one secret from another; of 256 random bits it gives nothing away."""
    return hashlib.sha256(secret).hexdigest()[:16]
