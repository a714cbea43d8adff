"""What is wrong with the keys of the log, found before the first request."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from audit.keyring import believed, signers
from audit.proofs.keys import KeyRefused

MAKE_ONE = "Make one with: python manage.py audit_key NAME --file PATH"


@register()
def check_keys(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse keys that cannot be read. No key is quoted."""
    if settings.AUDIT_KEY and settings.AUDIT_KEY_FILE:
        return [
            Error(
                "AUDIT_KEY and AUDIT_KEY_FILE are both set.",
                hint="Leave one of them out.",
                id="audit.E001",
            )
        ]
    for name, read, hint in (
        ("AUDIT_KEY_FILE", signers, MAKE_ONE),
        (
            "AUDIT_PUBLIC_KEYS_FILE",
            believed,
            "One key a line: NAME+ID+KEY [until SIZE]",
        ),
    ):
        try:
            read()
        except (KeyRefused, OSError, UnicodeDecodeError) as exc:
            said = str(exc) if isinstance(exc, KeyRefused) else type(exc).__name__
            return [
                Error(f"{name} cannot be used: {said}.", hint=hint, id="audit.E002")
            ]
    return []
