"""What is told to the clinics' own systems, and how it is signed. Plain Python.

The headers and the signature are those of Standard Webhooks (version 1 of its
signatures: HMAC-SHA256 over id, timestamp and body). What is told is ids and states: no
risk, no draft, no name and none of the child's words.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

COMPLETED = "job.completed"
FAILED = "job.failed"
SIGNED_OFF = "case.signed_off"
TEST = "webhook.test"
EVENTS = [
    (COMPLETED, "A draft is ready"),
    (FAILED, "A job has failed"),
    (SIGNED_OFF, "A clinician has signed"),
]
"""What an endpoint can ask for."""

WAITS = (5.0, 300.0, 1_800.0, 10_800.0, 86_400.0)
"""Seconds from each failed try to the next; after one more it is given up."""

LONGEST_WAIT = 86_400.0
PREFIX = "whsec_"
SECRET_BYTES = 32
UTC_OFFSET = re.compile(r"\+00:00$")


def secret_text(secret: bytes) -> str:
    """Write a secret as it is handed to whoever verifies with it."""
    return PREFIX + base64.b64encode(secret).decode()


def body_of(
    *,
    event: str,
    at: datetime,
    job_id: str = "",
    case_id: str = "",
    status: str = "",
    review_state: str = "",
) -> bytes:
    """Build what is sent: the same bytes whenever it is built for the same event."""
    data = {
        "job_id": job_id,
        "case_id": case_id,
        "status": status,
        "review_state": review_state or None,
    }
    moment = UTC_OFFSET.sub("Z", at.astimezone(UTC).isoformat())
    told = {"type": event, "timestamp": moment, "data": data if job_id else {}}
    return json.dumps(told, separators=(",", ":")).encode()


def signature_of(secrets: Sequence[bytes], *, id: str, at: int, body: bytes) -> str:
    """Sign with each secret; a receiver that knows one of them is satisfied."""
    signed = f"{id}.{at}.".encode() + body
    digests = [hmac.digest(secret, signed, hashlib.sha256) for secret in secrets]
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def headers_of(
    secrets: Sequence[bytes], *, id: str, at: int, body: bytes
) -> dict[str, str]:
    """Return what goes beside a body: the id, the time of this try, the signature."""
    return {
        "Content-Type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": str(at),
        "webhook-signature": signature_of(secrets, id=id, at=at, body=body),
    }


def wait_after(failures: int, *, retry_after: float | None = None) -> float | None:
    """Return the seconds to the next try after so many failed; None to give up.

    A receiver that asks for more time gets it, up to a day.
    """
    if failures > len(WAITS):
        return None
    return max(WAITS[failures - 1], min(retry_after or 0.0, LONGEST_WAIT))


def retry_after_of(text: str, *, date: str = "") -> float | None:
    """Read a ``Retry-After``: seconds, or a time beside the receiver's own ``Date``."""
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_WAIT)
    try:
        ahead = parsedate_to_datetime(text) - parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    return min(max(ahead.total_seconds(), 0.0), LONGEST_WAIT)
