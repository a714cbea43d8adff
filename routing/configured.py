"""The model servers that the environment names, and the rules for all others."""

from __future__ import annotations

from django.conf import settings

from routing.endpoints import EndpointRules
from routing.targets import Target


def configured_targets() -> list[Target]:
    """List the targets that have a URL, edge first."""
    return [
        Target(
            name=name.lower(),
            url=url,
            protocol=getattr(settings, f"{name}_MODEL_PROTOCOL"),
            model=getattr(settings, f"{name}_MODEL_NAME"),
            token_env=getattr(settings, f"{name}_MODEL_TOKEN_ENV"),
        )
        for name in ("EDGE", "CLOUD")
        if (url := getattr(settings, f"{name}_MODEL_URL"))
    ]


def endpoint_rules() -> EndpointRules:
    """Return where an agent may be."""
    return EndpointRules(
        networks=settings.AGENT_ALLOWED_NETWORKS,
        hosts=settings.AGENT_ALLOWED_HOSTS,
        ports=settings.AGENT_ALLOWED_PORTS,
        plain_http=settings.AGENT_PLAIN_HTTP,
    )
