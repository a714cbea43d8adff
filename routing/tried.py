"""One call of one target, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from routing.errors import RoutingError
from routing.targets import Target


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """One call of one target, and how it ended."""

    target: str
    seconds: float
    error: RoutingError | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)
    """Versions and digests of the prompt and the input, where there is a prompt."""

    @classmethod
    def of(cls, target: Target, begun: float, **fields: Any) -> Tried:
        """Note a call that began at a monotonic time and ends now."""
        return cls(target=target.name, seconds=time.monotonic() - begun, **fields)

    def explain(self) -> dict[str, Any]:
        """Put it into the words that are kept with the work."""
        return {
            "target": self.target,
            "outcome": self.error.code if self.error else "answered",
            "milliseconds": round(1000 * self.seconds),
            **self.provenance,
        }
