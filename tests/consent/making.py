"""Invented consents, given by the service or put straight into the ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from audit.models import Audit
from consent.models import Consent
from consent.services import give_consent

LONG_AGO = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
NOT_SO_LONG_AGO = datetime(2026, 1, 6, 9, 0, tzinfo=UTC)
FAR_OFF = datetime(2099, 1, 5, 9, 0, tzinfo=UTC)
SAID: dict[str, Any] = {
    "clinic": "riverside",
    "case_id": "RC-2041",
    "consent_id": "consent-7",
    "scopes": ["screening"],
    "given_by": "parent",
}


def give(**values: Any) -> Consent:
    return give_consent(**{**SAID, "actor": "key:abcd1234", **values})


def put(**values: Any) -> Consent:
    """Put a row into the ledger as no service would, such as one that is over."""
    return Consent.objects.create(**{**SAID, "recorded_by": "key:abcd1234", **values})


def put_each_state() -> dict[str, Consent]:
    """Put one consent of each state, with the state for its identifier."""
    revoked = {"revoked_at": LONG_AGO, "revoked_by": "user:1"}
    over = {"given_at": LONG_AGO, "expires_at": NOT_SO_LONG_AGO}
    return {
        "in_force": put(consent_id="in_force"),
        "revoked": put(consent_id="revoked", **revoked),
        "replaced": put(consent_id="replaced"),
        "in_force_again": put(consent_id="replaced", version=2),
        "expired": put(consent_id="expired", **over),
        "not_yet": put(consent_id="not_yet", given_at=FAR_OFF),
    }


def events() -> list[tuple[str, str, Any]]:
    rows = Audit.objects.order_by("id").values_list("action", "actor", "detail")
    return list(rows)
