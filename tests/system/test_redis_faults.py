"""Redis emptied, stopped and hung: the rows are the truth, and the jobs run."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.system.stack import Stack, running, wait_until

pytestmark = pytest.mark.system


def test_a_queue_flushed_midway_is_filled_again(model):
    model.latency = 0.2
    with running(model.url, JOB_CONCURRENCY=8) as stack:
        job_ids = [stack.submit(case_id=f"flush-{n}") for n in range(100)]
        wait_until(lambda: sum(model.calls.values()) >= 10, what="some are under way")

        with stack.redis_client() as redis:
            redis.flushall()

        jobs = stack.ended(job_ids)
        assert {job["status"] for job in jobs.values()} == {"DONE"}
        assert set(model.calls.values()) == {1}
        stack.check_invariants(job_ids)


def test_jobs_accepted_while_redis_is_stopped_run_when_it_is_back(model):
    model.latency = 0.1
    with running(model.url) as stack:
        before = [stack.submit(case_id=f"before-{n}") for n in range(20)]
        stack.redis.stop()
        during = []
        for n in range(20):
            begun = time.monotonic()
            during.append(stack.submit(case_id=f"during-{n}"))
            assert time.monotonic() - begun < 1

        stack.redis.start()

        jobs = stack.ended(before + during)
        assert {job["status"] for job in jobs.values()} == {"DONE"}
        stack.check_invariants(before + during)


def test_a_thousand_jobs_without_redis_are_queued_again_when_it_returns(model):
    with Stack(EDGE_MODEL_URL=model.url) as stack:
        stack.start_api()
        stack.redis.stop()
        answer = stack.session.post(
            f"{stack.url}/api/submit/bulk",
            json=[{"case_id": f"bulk-{n}"} for n in range(1000)],
        )
        assert answer.status_code == 200
        job_ids = [line["job_id"] for line in answer.json()]

        stack.redis.start()
        stack.start_worker()

        wait_until(
            lambda: (
                stack.rows("SELECT count(*) FROM screening_job WHERE status = 'DONE'")[
                    0
                ][0]
                == 1000
            ),
            seconds=60,
            what="all are done",
        )
        stack.check_invariants(job_ids)


def test_a_hung_redis_delays_no_answer_and_loses_no_job(model):
    with running(model.url) as stack:
        pid = stack.redis.process.pid
        os.kill(pid, signal.SIGSTOP)
        job_ids = []
        slowest = 0.0
        for n in range(10):
            begun = time.monotonic()
            job_ids.append(stack.submit(case_id=f"hung-{n}"))
            slowest = max(slowest, time.monotonic() - begun)
        ready = stack.session.get(f"{stack.url}/readyz", timeout=5)

        os.kill(pid, signal.SIGCONT)

        assert slowest < 1
        assert ready.status_code == 200
        assert ready.json()["queue"] == "degraded"
        assert {job["status"] for job in stack.ended(job_ids).values()} == {"DONE"}
        stack.check_invariants(job_ids)


def test_nothing_of_the_child_reaches_redis_or_a_log(model):
    words = "zq-sentinel-observation"
    with running(model.url, LOG_LEVEL="DEBUG", JOB_MAX_ATTEMPTS=1) as stack:
        model.latency = 0.5
        job_ids = [
            stack.submit(case_id=f"case-{n}", observations=words, age_months=9)
            for n in range(5)
        ]
        wait_until(lambda: model.in_flight, what="in flight")
        with stack.redis_client() as redis:
            held = b"".join(redis.dump(key) or b"" for key in redis.keys())
            held += repr(
                [redis.hgetall(k) for k in redis.keys() if redis.type(k) == b"hash"]
            ).encode()
        model.mode = "status:400"
        job_ids.append(stack.submit(case_id="refused", observations=words))
        model.mode = "garbage"
        job_ids.append(stack.submit(case_id="garbage", observations=words))
        jobs = stack.ended(job_ids)

        assert any(words in body["observations"] for body in model.bodies)
        assert words.encode() not in held
        assert words not in stack.log("api") + stack.log("worker")
        assert words not in repr(stack.rows("SELECT detail FROM audit_audit"))
        assert all(words not in (job["error"] or "") for job in jobs.values())
