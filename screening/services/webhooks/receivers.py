"""Where a webhook may go: the rules for agents' endpoints hold for receivers too."""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings

from routing.configured import endpoint_rules
from routing.endpoints import EndpointRefused, EndpointRules, check_url


def receiver_rules() -> EndpointRules:
    """Return where a receiver may be: where an agent may, in DEBUG without TLS too."""
    rules = endpoint_rules()
    return replace(rules, plain_http=rules.plain_http or settings.DEBUG)


def check_receiver(url: str) -> None:
    """Let a URL pass to which a webhook may be sent. Nothing is looked up.

    Other than an agent's, it may have a query; a fragment is never sent.

    Raises:
        EndpointRefused: it is not allowed. The message is fit for who named it.
    """
    whole, _, _ = url.partition("#")
    base, _, query = whole.partition("?")
    if not all("!" <= character <= "~" for character in query):
        raise EndpointRefused("The URL's query holds a character that is not allowed.")
    check_url(base, receiver_rules())
