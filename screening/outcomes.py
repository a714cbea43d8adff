"""What is planned for a job and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from routing.errors import RoutingError
from routing.policy import Decision
from routing.targets import Target
from routing.tried import Tried
from screening.models import Job
from screening.results import CheckedResult


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Where a job goes: targets in order, and the decision behind it."""

    targets: tuple[Target, ...]
    decision: Decision
    has_consents: bool = False
    """Whether the case has any in the ledger: then they are read before each call."""

    @property
    def error(self) -> RoutingError | None:
        """Return why there is no target."""
        return self.decision.error


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
            **self.plan.decision.explain(),
            "tries": [tried.explain() for tried in self.tries],
        }
