"""How an agent is given one task: an envelope to its ``/call``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routing.protocols import access
from routing.protocols.interface import Request
from routing.targets import Target


def request(
    target: Target,
    *,
    request_id: str,
    case_id: str,
    payload: dict[str, Any],
    meta: dict[str, Any],
    secrets: Mapping[str, str],
) -> Request:
    """Build the call.

    Raises:
        TargetMisconfigured: the variable of the agent's token is not set.
    """
    return Request(
        url=access.joined(target.url, end="/call", tails={"": "/call"}),
        headers=access.headers(target, secrets),
        body={
            "request_id": request_id,
            "case_id": case_id,
            "payload": payload,
            "meta": meta,
        },
    )
