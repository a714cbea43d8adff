"""What may be said of an agent: the same over HTTP and in the admin."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError

from routing.configured import endpoint_rules
from routing.endpoints import EndpointRefused, check_url
from wire.texts import WholeTextValidator

PULL = "pull"
"""The protocol of an agent that is never called: it leases its tasks."""

AGENT_ID = WholeTextValidator(
    re.compile(r"^(?!(edge|cloud|auto)$)[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"),
    "1 to 64 letters, digits, dots, colons, hyphens and underscores; not edge, cloud "
    "or auto.",
)
LOCATION = WholeTextValidator(
    re.compile(r"^(edge|cloud)([._-][A-Za-z0-9._-]{1,40})?$"),
    "edge or cloud, and what tells it apart from others there, such as edge-room-2.",
)
WORD = WholeTextValidator(
    re.compile(r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$"),
    "Letters, digits and . _ : / @ + - only.",
)
# No other variable of ours may ever be sent to an agent.
TOKEN_ENV = WholeTextValidator(
    re.compile(r"^(AGENT_TOKEN_[A-Z0-9_]{1,80})?$"),
    "AGENT_TOKEN_ and 1 to 80 capital letters, digits and underscores, or nothing.",
)


def check_endpoint(url: str) -> None:
    """Refuse a URL that our workers must not call.

    Raises:
        ValidationError: it says which rule the URL breaks.
    """
    try:
        check_url(url, endpoint_rules())
    except EndpointRefused as exc:
        raise ValidationError(str(exc), code="invalid") from None
