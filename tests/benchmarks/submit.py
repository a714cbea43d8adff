"""How many submissions a second the API takes, each with a case of its own.

The real API under granian with two processes, PostgreSQL or SQLite, and Valkey; the
load comes from one asyncio process over kept-alive connections.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time

import aiohttp
import psutil

from tests.system.stack import API_KEY, PYTHON, Stack

BODY = {
    "age_months": 24,
    "observations": "Runs, jumps, and says two words together.",
    "preferred_target": "auto",
}


def submit(*, seconds: float, connections: int) -> dict[str, float]:
    """Return r/s, CPU ms of the API per request, p50 and p99 in ms, and errors."""
    with Stack(DATABASE_POOL_SIZE=8) as stack:
        api = stack.start_api(threads=4, workers=2)
        _load(stack.url, 1.0, connections)
        before = _cpu(api.pid)
        figures = _load(stack.url, seconds, connections)
        figures["CPU ms"] = 1000 * (_cpu(api.pid) - before) / figures.pop("answers")
        return figures


def bulk(*, requests: int) -> dict[str, float]:
    """Return the jobs a second that arrive a thousand in a request."""
    with Stack() as stack:
        stack.start_api(threads=4, workers=1)
        took = []
        for part in range(requests + 1):
            body = [{**BODY, "case_id": f"bulk-{part}-{n}"} for n in range(1000)]
            begun = time.monotonic()
            answer = stack.session.post(f"{stack.url}/api/submit/bulk", json=body)
            assert answer.status_code == 200, answer.text
            took.append(time.monotonic() - begun)
        return {"jobs/s": 1000 / statistics.median(took[1:])}


def _cpu(pid: int) -> float:
    parent = psutil.Process(pid)
    family = [parent, *parent.children(recursive=True)]
    return sum(sum(process.cpu_times()[:2]) for process in family)


def _load(url: str, seconds: float, connections: int) -> dict[str, float]:
    """Load from a process of its own, so that its time is not ours."""
    done = subprocess.run(
        [PYTHON, "-m", "tests.benchmarks.submit", url, str(seconds), str(connections)],
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


async def _run(url: str, seconds: float, connections: int) -> dict[str, float]:
    times: list[float] = []
    errors = 0
    until = time.monotonic() + seconds

    async def one(session: aiohttp.ClientSession) -> None:
        nonlocal errors
        body = json.dumps(BODY).encode()
        while time.monotonic() < until:
            begun = time.monotonic()
            async with session.post(f"{url}/api/submit", data=body) as answer:
                await answer.read()
            times.append(time.monotonic() - begun)
            errors += answer.status != 200

    headers = {"x-api-key": API_KEY, "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        begun = time.monotonic()
        await asyncio.gather(*(one(session) for _ in range(connections)))
        took = time.monotonic() - begun
    cuts = statistics.quantiles(times, n=100)
    return {
        "answers": len(times),
        "r/s": len(times) / took,
        "p50 ms": 1000 * cuts[49],
        "p99 ms": 1000 * cuts[98],
        "errors": errors,
    }


if __name__ == "__main__":
    found = asyncio.run(_run(sys.argv[1], float(sys.argv[2]), int(sys.argv[3])))
    sys.stdout.write(json.dumps(found))
