"""How many jobs one worker process finishes a second, claim to commit.

The real worker as a process of its own, PostgreSQL and Valkey, and a model server of
one process that answers after a set time. The queue is full before the worker starts.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator

import psutil

from tests.system.stack import PYTHON, Stack, free_port, wait_until

MODEL = """
import asyncio, sys
from aiohttp import web
ANSWER = (b'{"result": {"risk": "monitor", "summary": ["An answer."],'
          b' "confidence": 0.5, "explainability": [], "model_id": "null-1"}}')
DONE = b'{"success": true, "output": {"done": true}}'
async def call(request):
    await request.read()
    if DELAY:
        await asyncio.sleep(DELAY)
    return web.Response(body=DONE, content_type="application/json")
async def infer(request):
    await request.read()
    if DELAY:
        await asyncio.sleep(DELAY)
    return web.Response(body=ANSWER, content_type="application/json")
DELAY = float(sys.argv[2]) / 1000
app = web.Application()
app.router.add_post("/infer", infer)
app.router.add_post("/call", call)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
"""


@contextlib.contextmanager
def null_model(milliseconds: float) -> Iterator[str]:
    """Run a model server that does nothing, slowly."""
    port = free_port()
    process = subprocess.Popen([PYTHON, "-c", MODEL, str(port), str(milliseconds)])
    try:
        time.sleep(1)
        yield f"http://127.0.0.1:{port}/infer"
    finally:
        process.terminate()
        process.wait()


def drain(
    *, jobs: int, milliseconds: float, concurrency: int = 32, workers: int = 1
) -> dict[str, float]:
    """Drain a full queue; return jobs/s, CPU ms per job of the workers, and RSS in MB.

    The clock runs from the first claim to the last commit, by the database.
    """
    with (
        null_model(milliseconds) as url,
        Stack(
            EDGE_MODEL_URL=url, JOB_CONCURRENCY=concurrency, JOB_LEASE_SECONDS=30
        ) as stack,
    ):
        api = stack.start_api()
        body = [
            {
                "case_id": f"bench-{n}",
                "age_months": 24,
                "observations": "runs and jumps",
            }
            for n in range(1000)
        ]
        for part in range(0, jobs, 1000):
            answer = stack.session.post(
                f"{stack.url}/api/submit/bulk", json=body[: jobs - part], timeout=120
            )
            assert answer.status_code == 200, answer.text
        api.terminate()
        started = [stack.start_worker() for _ in range(workers)]
        wait_until(
            lambda: _left(stack) == 0 or any(p.poll() is not None for p in started),
            seconds=300,
            what="drained",
        )
        assert _left(stack) == 0, stack.log("worker")
        running = [psutil.Process(process.pid) for process in started]
        cpu = sum(sum(process.cpu_times()[:2]) for process in running)
        memory = max(process.memory_info().rss for process in running) / (1 << 20)
        [(seconds,)] = stack.rows(_span(stack.kind))
        return {
            "jobs/s": jobs / float(seconds),
            "CPU ms": 1000 * cpu / jobs,
            "RSS MB": memory,
        }


def _left(stack: Stack) -> int:
    [(left,)] = stack.rows("SELECT count(*) FROM screening_job WHERE status <> 'DONE'")
    return int(left)


def _span(kind: str) -> str:
    if kind == "sqlite":
        day = "julianday(max(finished_at)) - julianday(min(started_at))"
        return f"SELECT ({day}) * 86400 FROM screening_job"
    span = "max(finished_at) - min(started_at)"
    return f"SELECT extract(epoch FROM {span}) FROM screening_job"
