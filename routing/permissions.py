"""What the consent ledger says of one piece of work. It decides, no more."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from consent.decision import (
    CLOUD_INFERENCE,
    GIVEN,
    NOT_ASKED_FOR,
    RAW_MEDIA,
    SCREENING,
    Grant,
    Verdict,
    decide,
)
from routing.policy import Wish


def permit(
    wish: Wish, grants: Sequence[Grant], *, named: str, required: Collection[str]
) -> Wish:
    """Return the wish with what the case's consents allow of it.

    The ledger and the words of the request must both allow a thing; a consent in the
    ledger stands for one that the request does not speak of. ``named`` is the consent
    that the request names, ``required`` are the scopes without which nothing goes.
    """
    verdicts = {
        scope: decide(grants, scope, required=required, named=named)
        for scope in (SCREENING, CLOUD_INFERENCE, RAW_MEDIA)
    }
    cloud, media = verdicts[CLOUD_INFERENCE], verdicts[RAW_MEDIA]
    return replace(
        wish,
        permitted=verdicts[SCREENING].allowed,
        cloud_allowed=wish.cloud_allowed and cloud.allowed,
        media_allowed=media.allowed,
        consent=wish.consent or GIVEN in {cloud.reason, media.reason},
        consents="; ".join(
            _said(scope, verdict)
            for scope, verdict in verdicts.items()
            if verdict.reason != NOT_ASKED_FOR
        ),
    )


def _said(scope: str, verdict: Verdict) -> str:
    word = "allowed" if verdict.allowed else "refused"
    by = f" by {verdict.consent}" if verdict.consent else ""
    return f"{scope} {word}{by}: {verdict.reason}"
