"""What a failing edge costs the jobs, beside what the cloud takes by itself.

Jobs come to a real worker with an edge that fails every time and a cloud that answers
after a set time. A job's latency is the sum of its tries, as kept in its route.
"""

from __future__ import annotations

import json
import statistics
import time

from tests.benchmarks.drain import null_model
from tests.system.stack import running
from tests.system.stub_model import StubModel

FIRST = 5
TIMEOUT_SECONDS = 2


def failing_edge(
    *, mode: str, jobs: int, milliseconds: float, per_second: float = 0
) -> dict[str, float]:
    """Return the p95 of all jobs after the first five, and the cloud's own, in ms.

    Jobs come at a steady rate, or at 0 one after another.
    """
    edge = StubModel(mode=mode)
    try:
        with (
            null_model(milliseconds) as cloud,
            running(
                edge.url,
                CLOUD_MODEL_URL=cloud,
                ROUTING_TIMEOUT_SECONDS=TIMEOUT_SECONDS,
                HEALTH_CHECK_SECONDS=3600,
            ) as stack,
        ):
            job_ids = []
            begun = time.monotonic()
            for number in range(jobs):
                job_ids.append(stack.submit(case_id=f"bench-{number}"))
                if per_second:
                    due = begun + (number + 1) / per_second
                    time.sleep(max(0.0, due - time.monotonic()))
                else:
                    stack.ended(job_ids[-1:])
            ended = stack.ended(job_ids)
            assert {job["target"] for job in ended.values()} == {"cloud"}
            routes = [
                json.loads(route) if isinstance(route, str) else route
                for (route,) in stack.rows(
                    "SELECT route FROM screening_job ORDER BY created_at"
                )
            ]
    finally:
        edge.stop()
    tries = [[t for decision in route for t in decision["tries"]] for route in routes]
    whole = [sum(t["milliseconds"] for t in each) for each in tries[FIRST:]]
    alone = [each[-1]["milliseconds"] for each in tries[FIRST:]]
    return {
        "p95 ms": statistics.quantiles(whole, n=20)[-1],
        "cloud's p95 ms": statistics.quantiles(alone, n=20)[-1],
        "calls of the edge": float(sum(edge.calls.values())),
    }
