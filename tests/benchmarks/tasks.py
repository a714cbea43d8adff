"""How many tasks one stream worker finishes a second, claim to commit.

The real worker as a process of its own, PostgreSQL and Valkey, and an agent of one
process that answers after a set time. The streams are full before the worker starts.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import psutil

from tests.benchmarks.drain import null_model
from tests.system.stack import Stack


def drain_tasks(*, tasks: int, milliseconds: float) -> dict[str, float]:
    """Drain full streams; return tasks/s, CPU ms per task, and RSS in MB."""
    with (
        null_model(milliseconds) as url,
        Stack(
            AGENT_APPROVAL="false",
            AGENT_PLAIN_HTTP="true",
            AGENT_ALLOWED_NETWORKS="127.0.0.0/8",
            AGENT_ALLOWED_PORTS=str(urlsplit(url).port),
            JOB_LEASE_SECONDS=30,
        ) as stack,
    ):
        api = stack.start_api()
        endpoint = url.removesuffix("/infer")
        stack.register_agent("agent-1", endpoint, capabilities="embed", location="edge")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: stack.route_task(), range(tasks)))
        api.terminate()
        worker = stack.start_stream_worker()
        stack.tasks_ended(tasks, seconds=300)
        process = psutil.Process(worker.pid)
        cpu = sum(process.cpu_times()[:2])
        span = "max(finished_at) - min(started_at)"
        [(seconds,)] = stack.rows(
            f"SELECT extract(epoch FROM {span}) FROM routing_task"
        )
        assert stack.count("status = 'DONE'") == tasks
        return {
            "tasks/s": tasks / float(seconds),
            "CPU ms": 1000 * cpu / tasks,
            "RSS MB": process.memory_info().rss / (1 << 20),
        }
