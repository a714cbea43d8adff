"""What is planned for a job and what came of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from routing.errors import RoutingError
from routing.targets import Target
from screening.models import Job
from screening.results import CheckedResult


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Where a job goes: targets in order, the decision behind it, or why nowhere."""

    targets: tuple[Target, ...]
    explained: dict[str, Any]
    error: RoutingError | None = None


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
        """Put it into the words that are kept on the job."""
        return {
            "target": self.target,
            "outcome": self.error.code if self.error else "answered",
            "milliseconds": round(1000 * self.seconds),
            **self.provenance,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of one claim of one job: a checked result, or an error."""

    job: Job
    plan: Plan
    tries: list[Tried]
    target: str = ""
    result: CheckedResult | None = None
    rules_risk: str = ""
    error: RoutingError | None = None

    def explain(self) -> dict[str, Any]:
        """Put the decision and the tries into the words that are kept on the job."""
        return {
            "attempt": self.job.attempt,
            **self.plan.explained,
            "tries": [tried.explain() for tried in self.tries],
        }
