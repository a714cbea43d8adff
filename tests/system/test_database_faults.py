"""The database locked, hung up or away: nothing half stored, nothing lost."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time

import pytest

from tests import servers
from tests.system.stack import running, wait_until

pytestmark = pytest.mark.system


def test_connections_cut_midway_cost_no_job(model):
    if servers.database_kind() == "sqlite":
        return cut_sqlite(model)
    model.latency = 0.5
    with running(model.url) as stack:
        job_ids = [stack.submit(case_id=f"cut-{n}") for n in range(30)]
        wait_until(lambda: model.in_flight, what="in flight")
        for _ in range(5):
            servers.run_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                f"WHERE datname = '{stack.database}' AND pid <> pg_backend_pid()"
            )
            time.sleep(0.2)

        answers = [
            stack.session.post(
                f"{stack.url}/api/submit", json={"case_id": f"after-{n}"}
            )
            for n in range(10)
        ]

        assert {answer.status_code for answer in answers} == {200}
        job_ids += [answer.json()["job_id"] for answer in answers]
        assert {j["status"] for j in stack.ended(job_ids).values()} == {"DONE"}
        stack.check_invariants(job_ids)
    return None


def cut_sqlite(model):
    """SQLite has no connections to cut: another process holds the file instead."""
    model.latency = 0.5
    with running(model.url) as stack:
        job_ids = [stack.submit(case_id=f"cut-{n}") for n in range(30)]
        with contextlib.closing(sqlite3.connect(stack.database, timeout=10)) as other:
            other.isolation_level = None
            other.execute("BEGIN EXCLUSIVE")
            time.sleep(2)
            other.execute("ROLLBACK")
        assert {j["status"] for j in stack.ended(job_ids).values()} == {"DONE"}
        stack.check_invariants(job_ids)


def test_a_locked_database_is_answered_503_in_time_and_nothing_is_stored(model):
    with running(model.url) as stack:
        with locked(stack):
            begun = time.monotonic()
            answer = stack.session.post(f"{stack.url}/api/submit", json={}, timeout=20)
            took = time.monotonic() - begun

        assert answer.status_code == 503
        assert answer.json()["code"] == "SERVICE_UNAVAILABLE"
        assert int(answer.headers["Retry-After"]) >= 1
        assert took < 8
        assert stack.rows("SELECT count(*) FROM screening_job") == [(0,)]
        job_id = stack.submit(case_id="after")
        assert stack.ended([job_id])[job_id]["status"] == "DONE"


@contextlib.contextmanager
def locked(stack):
    if stack.kind == "sqlite":
        with contextlib.closing(sqlite3.connect(stack.database, timeout=10)) as other:
            other.isolation_level = None
            other.execute("BEGIN EXCLUSIVE")
            yield
            other.execute("ROLLBACK")
        return
    with servers.connect(stack.database) as other:
        other.execute("LOCK TABLE screening_job IN ACCESS EXCLUSIVE MODE")
        yield
        other.rollback()


def test_results_are_kept_while_the_database_is_locked(model):
    model.latency = 1.0
    with running(model.url, JOB_LEASE_SECONDS=4) as stack:
        job_ids = [stack.submit(case_id=f"kept-{n}") for n in range(10)]
        wait_until(lambda: model.in_flight == 10, what="in flight")

        with locked(stack):
            time.sleep(6)

        jobs = stack.ended(job_ids)
        assert {job["status"] for job in jobs.values()} == {"DONE"}
        assert set(model.calls.values()) == {1}
        stack.check_invariants(job_ids)


def test_fifty_threads_with_one_idempotency_key_make_one_job(model):
    with running(model.url) as stack:
        answers = at_once(
            50,
            lambda n: stack.session.post(
                f"{stack.url}/api/submit",
                json={"age_months": 24},
                headers={"Idempotency-Key": "one-key"},
                timeout=30,
            ),
        )

        codes = [answer.status_code for answer in answers]
        assert set(codes) <= {200, 409}, codes
        ids = {a.json()["job_id"] for a in answers if a.status_code == 200}
        assert len(ids) == 1
        first = [a for a in answers if "Idempotent-Replayed" not in a.headers]
        assert sum(a.status_code == 200 for a in first) == 1
        stack.ended(list(ids))
        stack.check_invariants(list(ids))


def test_first_submissions_of_one_case_at_once_all_succeed(model):
    with running(model.url) as stack:
        answers = at_once(
            20,
            lambda n: stack.session.post(
                f"{stack.url}/api/submit", json={"case_id": "brand-new"}, timeout=30
            ),
        )

        assert {answer.status_code for answer in answers} == {200}
        job_ids = [answer.json()["job_id"] for answer in answers]
        assert len(set(job_ids)) == 20
        assert stack.rows("SELECT count(*) FROM screening_case") == [(1,)]
        stack.ended(job_ids)
        stack.check_invariants(job_ids)


def at_once(number, step):
    """Run a step in as many threads, let go together; return what they returned."""
    found = [None] * number
    gate = threading.Barrier(number)

    def run(n):
        gate.wait()
        found[n] = step(n)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found
