"""When to leave a model server alone. It decides, no more: state in, state out.

    closed     calls go through; failures in a row are counted
    open       after `TRIPS_AT` of them no call goes through until the cool-down is over
    half open  then one probe at a time goes through: success closes, failure opens
               again for twice as long

Times are seconds on one clock, whichever the caller has.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

TRIPS_AT = 5
FIRST_COOL_DOWN = 1.0
LONGEST_COOL_DOWN = 60.0
LONGEST_ASKED_FOR = 3600.0
MOST_OPENINGS = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Circuit:
    """What is remembered of one target."""

    failures: int = 0
    """In a row."""

    openings: int = 0
    """In a row, without a success in between."""

    open_until: float = 0.0
    """End of the cool-down; 0 when closed."""

    last_error: str = ""
    """Code of the last failure."""

    def state(self, now: float) -> str:
        """Return ``closed``, ``open`` or ``half_open``."""
        if not self.open_until:
            return "closed"
        return "open" if now < self.open_until else "half_open"


CLOSED = Circuit()


def after_success(circuit: Circuit) -> Circuit:
    """Forget the failures: the target answers."""
    return CLOSED


def after_failure(
    circuit: Circuit, *, now: float, error: str, retry_after: float | None = None
) -> Circuit:
    """Count a failure; open the circuit if there have been enough of them.

    A target that says how long it wants to be left alone (``Retry-After``, in seconds)
    is, at once. A failed probe opens for twice as long as before, up to a minute.
    """
    failures = circuit.failures + 1
    counted = replace(circuit, failures=failures, last_error=error)
    if retry_after:
        asked = min(retry_after, LONGEST_ASKED_FOR)
        until = max(circuit.open_until, now + asked)
        openings = min(circuit.openings + 1, MOST_OPENINGS)
        return replace(counted, openings=openings, open_until=until)
    if failures < TRIPS_AT:
        return counted
    if circuit.state(now) == "open":
        return counted
    cool_down = min(FIRST_COOL_DOWN * 2**circuit.openings, LONGEST_COOL_DOWN)
    return replace(
        counted,
        openings=min(circuit.openings + 1, MOST_OPENINGS),
        open_until=now + cool_down,
    )
