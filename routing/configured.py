"""The model servers that the environment names."""

from __future__ import annotations

from django.conf import settings

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
