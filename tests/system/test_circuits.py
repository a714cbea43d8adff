"""A model server that is down is left alone, by all workers together."""

from __future__ import annotations

import time

import pytest

from tests.system.stack import running, wait_until
from tests.system.stub_model import StubModel

pytestmark = pytest.mark.system
STEADY_SECONDS = 4


@pytest.fixture
def cloud():
    stub = StubModel()
    yield stub
    stub.stop()


def calls(model):
    return sum(model.calls.values())


def test_servers_that_are_down_get_few_probes_and_the_jobs_wait(model, cloud):
    model.mode = cloud.mode = "status:503"
    with running(model.url, workers=2, CLOUD_MODEL_URL=cloud.url) as stack:
        job_ids = [stack.submit(case_id=f"down-{n}") for n in range(40)]
        wait_until(lambda: min(calls(model), calls(cloud)) >= 5, what="both tried")
        time.sleep(1)

        before = calls(model), calls(cloud)
        time.sleep(STEADY_SECONDS)
        after = calls(model), calls(cloud)

        probes = [late - early for late, early in zip(after, before, strict=True)]
        assert max(probes) <= 2 * STEADY_SECONDS
        waiting = [stack.job(job_id) for job_id in job_ids]
        assert not any(job["status"] == "FAILED" for job in waiting)

        model.mode = cloud.mode = "good"
        jobs = stack.ended(job_ids, seconds=90)
        assert {job["status"] for job in jobs.values()} == {"DONE"}
        stack.check_invariants(job_ids)


def test_with_the_edge_down_jobs_go_straight_to_the_cloud(model, cloud):
    model.mode = "status:503"
    with running(model.url, CLOUD_MODEL_URL=cloud.url) as stack:
        first = [stack.submit(case_id=f"first-{n}") for n in range(10)]
        stack.ended(first)
        before = calls(model)
        rest = [stack.submit(case_id=f"rest-{n}") for n in range(40)]

        jobs = stack.ended(rest)

        assert {(j["status"], j["target"]) for j in jobs.values()} == {
            ("DONE", "cloud")
        }
        assert calls(model) - before <= 5
        stack.check_invariants(first + rest)


def test_a_server_that_asks_to_be_left_alone_is(model):
    model.mode = "status:429"
    with running(model.url) as stack:
        job_id = stack.submit(case_id="too-many")
        wait_until(lambda: calls(model) == 1, what="asked once")
        time.sleep(1.5)
        still = calls(model)
        model.mode = "good"

        job = stack.ended([job_id])[job_id]
        assert still == 1
        assert job["status"] == "DONE"
