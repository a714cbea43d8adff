"""What is planned for a job and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from routing.errors import RoutingError
from routing.policy import POLICY_VERSION, Decision
from routing.targets import Target
from routing.tried import Tried
from screening.models import Job
from screening.results import CheckedResult

PROMPT = ("prompt", "prompt_sha256", "schema", "schema_sha256")


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


def made_by(outcome: Outcome) -> dict[str, str]:
    """Name what made an answer, for the audit log, by our own configuration alone.

    What the answer says of its maker may be anything, so only the commitment has it.
    """
    chosen = (each for each in outcome.plan.targets if each.name == outcome.target)
    model = next((each.model for each in chosen), "")
    provenance = outcome.tries[-1].provenance if outcome.tries else {}
    known = {
        "target": outcome.target,
        "model": model,
        "policy": POLICY_VERSION,
        **{name: provenance[name] for name in PROMPT if name in provenance},
    }
    return {name: value for name, value in known.items() if value}
