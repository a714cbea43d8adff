"""Workers killed, stopped and doubled: no job lost, none done twice."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import time
import uuid
import zlib

import pytest

from tests.system.stack import running, wait_until
from tests.system.stub_model import StubModel

pytestmark = pytest.mark.system


def submit_many(stack, number):
    return [stack.submit(case_id=f"case-{n}", age_months=24) for n in range(number)]


def test_jobs_of_a_worker_killed_midway_are_done_by_another(model):
    model.latency = 1.0
    with running(model.url) as stack:
        doomed = stack.processes[-1]
        job_ids = submit_many(stack, 20)
        wait_until(lambda: model.in_flight >= 10, what="jobs in flight")

        os.kill(doomed.pid, signal.SIGKILL)
        doomed.wait()
        stack.start_worker()

        jobs = stack.ended(job_ids)
        assert {job["status"] for job in jobs.values()} == {"DONE"}
        assert max(job["attempt"] for job in jobs.values()) == 2
        stack.check_invariants(job_ids)


def test_a_job_that_takes_its_workers_down_fails_and_the_others_go_on(model):
    model.latency = 30.0
    with running(model.url, JOB_MAX_CRASHES=2, ROUTING_TIMEOUT_SECONDS=40) as stack:
        poison = stack.submit(case_id="poison")
        for attempt in (1, 2):
            wait_until(
                lambda n=attempt: model.calls["poison"] == n, what=f"call {attempt}"
            )
            os.kill(stack.processes[-1].pid, signal.SIGKILL)
            stack.processes[-1].wait()
            stack.start_worker()
        wait_until(lambda: stack.job(poison)["status"] == "FAILED", what="given up")
        model.latency = 0.0
        good = stack.submit(case_id="good")

        jobs = stack.ended([poison, good])
        assert jobs[poison]["error_code"] == "WORKER_LOST"
        assert jobs[good]["status"] == "DONE"
        stack.check_invariants([poison, good])


@pytest.mark.parametrize("signals", [1, 2])
def test_sigterm_finishes_what_is_in_flight_and_takes_nothing_new(model, signals):
    model.latency = 1.5
    with running(model.url) as stack:
        worker = stack.processes[-1]
        begun = submit_many(stack, 5)
        wait_until(lambda: model.in_flight == 5, what="all in flight")

        for _ in range(signals):
            os.killpg(worker.pid, signal.SIGTERM)
            time.sleep(0.3)
        waiting = stack.submit(case_id="after-the-signal")

        assert worker.wait(timeout=15) == 0
        assert {stack.job(job_id)["status"] for job_id in begun} == {"DONE"}
        assert stack.job(waiting)["status"] == "PENDING"
        assert all(stack.job(job_id)["attempt"] == 1 for job_id in begun)


def test_workers_replaced_one_by_one_under_load_lose_and_repeat_nothing(model):
    model.latency = 0.1
    with running(model.url, workers=2) as stack:
        workers = stack.processes[-2:]
        job_ids = []
        for worker in workers:
            job_ids += [stack.submit(case_id=f"w{worker.pid}-{n}") for n in range(40)]
            stack.start_worker()
            stack.wait_for_workers(len(workers) + 1)
            worker.send_signal(signal.SIGTERM)
            job_ids += [stack.submit(case_id=f"x{worker.pid}-{n}") for n in range(40)]
            assert worker.wait(timeout=15) == 0

        jobs = stack.ended(job_ids)
        assert {(job["status"], job["attempt"]) for job in jobs.values()} == {
            ("DONE", 1)
        }
        assert set(model.calls.values()) == {1}
        stack.check_invariants(job_ids)


def test_a_job_longer_than_its_lease_is_run_once(model):
    model.latency = 4.0
    with running(
        model.url, workers=2, JOB_LEASE_SECONDS=1.5, ROUTING_TIMEOUT_SECONDS=10
    ) as stack:
        job_id = stack.submit(case_id="long")

        job = stack.ended([job_id])[job_id]
        assert (job["status"], job["attempt"]) == ("DONE", 1)
        assert model.calls["long"] == 1


def test_one_id_rung_many_times_to_many_workers_runs_once(model):
    model.latency = 0.3
    with running(model.url, workers=3) as stack:
        job_id = stack.submit(case_id="rung-often")
        with stack.redis_client() as redis:
            redis.rpush("rq:queue:pedi-screen", *[job_id] * 60)

        stack.ended([job_id])
        time.sleep(0.5)
        assert model.calls["rung-often"] == 1
        stack.check_invariants([job_id])


def test_a_worker_that_slept_through_its_lease_stores_nothing(model):
    model.latency = 1.6
    with running(model.url) as stack:
        sleeper = stack.processes[-1]
        job_id = stack.submit(case_id="slept")
        wait_until(lambda: model.calls["slept"] == 1, what="first call")

        stack.freeze(sleeper)
        stack.start_worker()
        job = stack.ended([job_id])[job_id]
        os.kill(sleeper.pid, signal.SIGCONT)
        sleeper.send_signal(signal.SIGTERM)

        assert sleeper.wait(timeout=15) == 0
        assert (job["status"], job["attempt"]) == ("DONE", 2)
        assert stack.job(job_id) == job
        stack.check_invariants([job_id])


def test_cancelling_a_running_job_discards_what_comes_back(model):
    model.latency = 1.0
    with running(model.url) as stack:
        job_id = stack.submit(case_id="cancelled")
        wait_until(lambda: model.calls["cancelled"] == 1, what="called")

        answer = stack.session.post(f"{stack.url}/api/jobs/{job_id}/cancel")
        time.sleep(1.5)

        assert answer.json()["status"] == "CANCELLED"
        assert stack.job(job_id)["status"] == "CANCELLED"
        assert stack.job(job_id)["result"] is None
        events = stack.events()[job_id.replace("-", "")]
        assert events[:3] == ["job.submitted", "job.started", "job.cancelled"]


class Gadget:
    """Runs a command when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.system, (f"touch {self.path}",))


def test_nothing_that_is_put_into_redis_is_run(model, tmp_path):
    flag = tmp_path / "run"
    with running(model.url) as stack:
        with stack.redis_client() as redis:
            command = f'["os.system", null, ["touch {flag}"], {{}}]'.encode()
            for data in (
                zlib.compress(command),
                zlib.compress(pickle.dumps(Gadget(flag))),
            ):
                pk = str(uuid.uuid4())
                redis.hset(
                    f"rq:job:{pk}",
                    mapping={
                        "data": data,
                        "status": "queued",
                        "origin": "pedi-screen",
                        "success_callback_name": "os.system",
                        "created_at": "2026-01-01T00:00:00.000000Z",
                    },
                )
                redis.rpush("rq:queue:pedi-screen", pk)
            redis.rpush("rq:queue:pedi-screen", b"\xff\xfe", "no-uuid", "{}")
        job_id = stack.submit(case_id="after")

        assert stack.ended([job_id])[job_id]["status"] == "DONE"
        assert not flag.exists()


def test_rqworker_refuses_other_queues_and_says_so(model):
    with running(model.url) as stack:
        for words in (["other"], ["pedi-screen", "other"]):
            refused = subprocess.run(
                [stack.python, "manage.py", "rqworker", *words],
                env=stack.env,
                cwd=stack.root,
                capture_output=True,
                text=True,
                check=False,
            )
            assert refused.returncode != 0
            assert "one queue" in refused.stderr


def test_a_waiting_rq_worker_is_seen_by_rq(model):
    from rq import Queue, Worker

    model.latency = 1.0
    with running(model.url) as stack, stack.redis_client() as redis:
        job_id = stack.submit(case_id="seen")
        wait_until(lambda: model.in_flight == 1, what="in flight")
        queue = Queue("pedi-screen", connection=redis)

        [worker] = Worker.all(connection=redis)
        started = queue.started_job_registry.get_job_ids()

        assert worker.queue_names() == ["pedi-screen"]
        assert started == [job_id]
        stack.ended([job_id])
        wait_until(lambda: queue.started_job_registry.count == 0, what="removed")
        wait_until(lambda: not redis.exists(f"rq:job:{job_id}"), what="no trace")


def test_both_servers_down_jobs_wait_and_finish_when_one_is_back():
    edge, cloud = StubModel(mode="status:503"), StubModel(mode="close")
    try:
        with running(edge.url, CLOUD_MODEL_URL=cloud.url) as stack:
            job_ids = submit_many(stack, 5)
            wait_until(lambda: min(map(len, [edge.bodies, cloud.bodies])) >= 5)
            assert {stack.job(job_id)["status"] for job_id in job_ids} <= {
                "PENDING",
                "RUNNING",
            }

            cloud.mode = "good"

            jobs = stack.ended(job_ids)
            assert {(j["status"], j["target"]) for j in jobs.values()} == {
                ("DONE", "cloud")
            }
            stack.check_invariants(job_ids)
    finally:
        edge.stop()
        cloud.stop()
