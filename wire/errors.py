"""The refusals of all apps. ``pediscreen_site.api.errors`` turns them into HTTP."""

from __future__ import annotations

from typing import Any, ClassVar


class Refusal(Exception):
    """Base of every refusal that becomes an HTTP answer; never raised itself."""

    code: ClassVar[str]
    detail: ClassVar[str] = ""
    """What old clients read, where that is not the message."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details
