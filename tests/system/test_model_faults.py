"""Model servers that fail in every way: each job ends with a clear code."""

from __future__ import annotations

import json
import time

import psutil
import pytest

from tests.system.stack import running
from tests.system.stub_model import StubModel

pytestmark = pytest.mark.system

FAST = {"JOB_MAX_ATTEMPTS": 2, "ROUTING_TIMEOUT_SECONDS": 1.5}


@pytest.mark.parametrize(
    ("mode", "code", "calls"),
    [
        ("status:503", "MODEL_SERVER_ERROR", 2),
        ("status:500", "MODEL_SERVER_ERROR", 2),
        ("status:400", "MODEL_REJECTED", 1),
        ("garbage", "MODEL_ANSWER_NOT_JSON", 2),
        ("empty", "MODEL_ANSWER_NOT_JSON", 2),
        ("array", "MODEL_ANSWER_NOT_JSON", 2),
        ("nan", "MODEL_ANSWER_NOT_JSON", 2),
        ("nul", "MODEL_ANSWER_NOT_JSON", 2),
        ("huge", "MODEL_RESPONSE_TOO_LARGE", 2),
        ("bomb", "MODEL_RESPONSE_TOO_LARGE", 2),
        ("drip", "MODEL_TIMEOUT", 2),
        ("drip_headers", "MODEL_TIMEOUT", 2),
        ("hang", "MODEL_TIMEOUT", 2),
        ("redirect", "MODEL_REDIRECTED", 2),
        ("close", "MODEL_UNREACHABLE", 2),
    ],
)
def test_a_failing_server_fails_the_job_with_its_code(shared_stack, mode, code, calls):
    stack, model = shared_stack
    model.mode = mode
    job_id = stack.submit(case_id=f"fails-{mode}")

    job = stack.ended([job_id])[job_id]

    assert (job["status"], job["error_code"]) == ("FAILED", code)
    assert job["result"] is None
    assert model.calls[f"fails-{mode}"] == calls
    assert model.redirected == 0


@pytest.fixture
def shared_stack(stack_of_the_module):
    """The stack, with every circuit closed: each test breaks the server in its way."""
    stack, _ = stack_of_the_module
    with stack.redis_client() as redis:
        redis.delete("pediscreen:circuits")
    time.sleep(0.3)
    return stack_of_the_module


@pytest.fixture(scope="module")
def stack_of_the_module():
    model = StubModel()
    with running(model.url, **FAST) as stack:
        yield stack, model
        model.mode = "good"
        with stack.redis_client() as redis:
            redis.delete("pediscreen:circuits")
        last = stack.submit(case_id="the-last")
        assert stack.ended([last])[last]["status"] == "DONE"
        stack.check_invariants(
            [str(pk) for (pk,) in stack.rows("SELECT id FROM screening_job")]
        )
    model.stop()


@pytest.mark.parametrize("mode", ["unknown_risk", "confidence", "text_result"])
def test_an_answer_that_cannot_be_used_is_done_unclassified_and_reviewed(
    shared_stack, mode
):
    stack, model = shared_stack
    model.mode = mode
    job_id = stack.submit(case_id=f"unusable-{mode}", age_months=24)

    job = stack.ended([job_id])[job_id]

    assert (job["status"], job["risk"]) == ("DONE", "unclassified")
    assert job["review_state"] == "REQUIRES_REVIEW"


def test_the_rules_raise_a_risk_that_the_model_puts_too_low(shared_stack):
    stack, model = shared_stack
    model.mode = "on_track"
    job_id = stack.submit(
        case_id="lost-a-skill", age_months=24, flags={"lost_skill": True}
    )

    job = stack.ended([job_id])[job_id]

    assert job["risk"] == "refer"
    assert job["result"]["risk"] == "on_track"


def test_an_endless_answer_costs_the_worker_little_memory(shared_stack):
    stack, model = shared_stack
    worker = psutil.Process(stack.processes[-1].pid)
    model.mode = "good"
    stack.ended([stack.submit(case_id="warm-up")])
    before = worker.memory_info().rss
    model.mode = "huge"
    ids = [stack.submit(case_id=f"huge-{n}") for n in range(4)]
    model_was = [stack.ended([job_id]) for job_id in ids]

    assert len(model_was) == 4
    assert worker.memory_info().rss - before < 20 << 20


def test_one_byte_at_a_time_is_cut_off_at_the_deadline():
    model = StubModel(mode="drip")
    try:
        with running(model.url, ROUTING_TIMEOUT_SECONDS=1, JOB_MAX_ATTEMPTS=1) as stack:
            job_id = stack.submit(case_id="slow")
            stack.ended([job_id])

            [(route,)] = stack.rows("SELECT route FROM screening_job")
            route = json.loads(route) if isinstance(route, str) else route

            [tried] = route[0]["tries"]
            assert tried["outcome"] == "MODEL_TIMEOUT"
            assert 900 <= tried["milliseconds"] <= 1500
    finally:
        model.stop()


def test_a_job_falls_back_to_the_cloud_and_its_route_says_so():
    edge, cloud = StubModel(mode="status:503"), StubModel()
    try:
        with running(edge.url, CLOUD_MODEL_URL=cloud.url) as stack:
            job_id = stack.submit(case_id="falls-back")
            near = stack.submit(
                case_id="stays-near",
                consent={"consent_given": True, "scopes": ["screening"]},
            )

            job = stack.ended([job_id])[job_id]
            [(route,)] = stack.rows(
                "SELECT route FROM screening_job WHERE status = 'DONE'"
            )
            route = json.loads(route) if isinstance(route, str) else route

            assert (job["status"], job["target"]) == ("DONE", "cloud")
            assert [(t["target"], t["outcome"]) for t in route[0]["tries"]] == [
                ("edge", "MODEL_SERVER_ERROR"),
                ("cloud", "answered"),
            ]
            first = route[0]["candidates"][0]
            assert {key: first[key] for key in ("target", "reason")} == {
                "target": "edge",
                "reason": "edge first",
            }
            time.sleep(1)
            assert stack.job(near)["status"] in {"PENDING", "RUNNING"}
            assert cloud.calls["stays-near"] == 0
    finally:
        edge.stop()
        cloud.stop()


def test_without_any_model_server_a_job_fails_and_says_why():
    with running("") as stack:
        job_id = stack.submit(case_id="nowhere-to-go")

        job = stack.ended([job_id])[job_id]

        assert job["error_code"] == "NO_MODEL_ENDPOINTS"
        assert job["error"] == (
            "No model endpoints configured (EDGE_MODEL_URL/CLOUD_MODEL_URL)"
        )
