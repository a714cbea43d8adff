"""Counts of what a model server has done, and their Prometheus text."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Meter:
    """The counts of one server since its start; times in seconds."""

    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By route and outcome: ok, rejected or failed."""
    in_flight: int = 0
    inferences: int = 0
    seconds: float = 0.0

    def render(self) -> str:
        """Write the counts in the Prometheus text format, version 0.0.4."""
        lines = [
            "# HELP modelserver_requests_total Requests answered.",
            "# TYPE modelserver_requests_total counter",
            *(
                f'modelserver_requests_total{{route="{route}",outcome="{outcome}"}} {n}'
                for (route, outcome), n in sorted(self.requests.items())
            ),
            "# HELP modelserver_in_flight Inference requests being answered.",
            "# TYPE modelserver_in_flight gauge",
            f"modelserver_in_flight {self.in_flight}",
            "# HELP modelserver_request_seconds Time to answer inference requests.",
            "# TYPE modelserver_request_seconds summary",
            f"modelserver_request_seconds_sum {self.seconds:.6f}",
            f"modelserver_request_seconds_count {self.inferences}",
        ]
        return "\n".join(lines) + "\n"
