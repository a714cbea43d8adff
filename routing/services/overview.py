"""How every target does, for people, programs and metrics to look at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from routing.circuits import Circuits
from routing.connection import connect
from routing.directory import read_known
from routing.models import Agent, TargetHealth
from routing.policy import ILL, Standing

READY = "ready"
RESTING = "resting"
PROBED = "being probed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One target."""

    name: str
    standing: Standing
    circuit: str
    """closed, half_open or open."""

    agent: Agent | None
    health: TargetHealth | None

    @property
    def state(self) -> str:
        """Say ``ready``, or why it gets no work now."""
        if self.standing.unfit:
            return self.standing.unfit
        if self.circuit != "closed":
            return RESTING if self.circuit == "open" else PROBED
        return ILL if self.standing.ill else READY


def overview(*, clinic: str | None = None) -> list[Row]:
    """List the targets, configured ones first; with ``clinic`` those it may use."""
    circuits = _circuits()
    return [
        Row(
            name=known.target.name,
            standing=known.standing,
            circuit=circuits.state(known.target.name),
            agent=known.agent,
            health=known.health,
        )
        for known in read_known()
        if clinic is None or known.clinic in {"", clinic}
    ]


@lru_cache(maxsize=1)
def _circuits() -> Circuits:
    return Circuits(connect())
