"""What a job costs, each process by itself: time of a processor, bytes, commands.

One by one over HTTP, as clinics send them, then through one worker that seals the audit
log. Times of processors and bytes hardly depend on what else the machine does.
"""

from __future__ import annotations

import concurrent.futures
from typing import Any

import psutil

from tests.benchmarks.drain import _left, null_model
from tests.system.stack import Stack, wait_until

BODY = {
    "age_months": 24,
    "observations": "Runs, jumps, and says two words together. Points at things.",
    "milestones": {},
}


def cost(*, jobs: int, milliseconds: float = 200, concurrency: int = 32) -> dict:
    """Return what each job costs: ms of processors, bytes written and kept, commands.

    Nobody has asked for the status of a job meanwhile, nor opened its review.
    """
    with (
        null_model(milliseconds) as url,
        Stack(
            EDGE_MODEL_URL=url, JOB_CONCURRENCY=concurrency, JOB_LEASE_SECONDS=30
        ) as stack,
    ):
        assert stack.kind == "postgresql", "The costs are those of PostgreSQL."
        api = stack.start_api(threads=4, workers=1)
        worker = stack.start_worker()
        stack.wait_for_workers(1)
        _submit(stack, 50)
        before = _spent(stack, api.pid, worker.pid)
        _submit(stack, jobs)
        wait_until(lambda: _left(stack) == 0, seconds=600, what="drained")
        wait_until(lambda: _unsealed(stack) == 0, seconds=60, what="sealed")
        after = _spent(stack, api.pid, worker.pid)
        return {name: (after[name] - before[name]) / jobs for name in after}


def _submit(stack: Stack, number: int) -> None:
    """Send so many, eight at a time over connections that are kept."""

    def send(first: int) -> None:
        for _ in range(first, number, 8):
            answer = stack.session.post(
                f"{stack.url}/api/submit", json=BODY, timeout=30
            )
            assert answer.status_code == 200, answer.text

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(send, first) for first in range(8)]:
            done.result()


def _unsealed(stack: Stack) -> int:
    [(waiting,)] = stack.rows("SELECT count(*) FROM audit_pending")
    return int(waiting)


def _spent(stack: Stack, api: int, worker: int) -> dict[str, float]:
    [(backend,)] = stack.rows("SELECT pg_backend_pid()")
    postmaster = psutil.Process(backend).ppid()
    [(written,)] = stack.rows("SELECT pg_current_wal_insert_lsn() - '0/0'")
    [(events,)] = stack.rows("SELECT count(*) FROM audit_audit")
    [(kept,)] = stack.rows("SELECT pg_database_size(current_database())")
    with stack.redis_client() as redis:
        told: Any = redis.info()
    return {
        "API, ms": 1000 * _processor(api),
        "worker, ms": 1000 * _processor(worker),
        "PostgreSQL, ms": 1000 * _processor(postmaster),
        "Redis, ms": 1000 * (told["used_cpu_sys"] + told["used_cpu_user"]),
        "Redis, commands": float(told["total_commands_processed"]),
        "written to the log, KB": float(written) / 1024,
        "kept, KB": float(kept) / 1024,
        "audit events": float(events),
    }


def _processor(pid: int) -> float:
    """Return the seconds of a process, of those that it has, and of those it had."""
    process = psutil.Process(pid)
    times = process.cpu_times()
    found = sum(times[:4])
    for child in process.children(recursive=True):
        found += sum(child.cpu_times()[:2])
    return float(found)
