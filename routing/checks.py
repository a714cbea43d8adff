"""What is wrong with the model servers that the environment names."""

from __future__ import annotations

import os
from typing import Any

from django.core.checks import CheckMessage, Error, register

from routing.configured import configured_targets
from routing.errors import TargetMisconfigured
from routing.protocols import protocol_of


@register()
def check_targets(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse a target that lacks what its protocol needs: no job could reach it."""
    found: list[CheckMessage] = []
    for target in configured_targets():
        prefix = f"{target.name.upper()}_MODEL_"
        try:
            protocol_of(target).request(target, "check", {}, os.environ)
        except TargetMisconfigured as exc:
            found.append(
                Error(
                    str(exc),
                    hint=f"Set {prefix}PROTOCOL, {prefix}NAME and {prefix}TOKEN_ENV, "
                    "as .env.example explains.",
                    id="routing.E001",
                )
            )
    return found
