"""No byte leaves that a child's consents do not allow, whenever they change."""

from __future__ import annotations

import json
import time

import pytest

from tests.system.stack import running, wait_until
from tests.system.stub_model import StubModel
from tests.system.test_tasks import with_agents

pytestmark = pytest.mark.system
EVERYTHING = ["screening", "cloud_inference", "raw_media"]


@pytest.fixture
def cloud():
    stub = StubModel()
    yield stub
    stub.stop()


def give(stack, case_id, scopes=EVERYTHING, consent_id=None):
    response = stack.session.post(
        f"{stack.url}/api/consents",
        json={
            "consent_id": consent_id or f"of-{case_id}",
            "case_id": case_id,
            "scopes": scopes,
            "given_by": "parent",
        },
        timeout=10,
    )
    assert response.status_code == 200, response.text


def revoke(stack, case_id):
    url = f"{stack.url}/api/consents/of-{case_id}/revoke"
    response = stack.session.post(url, timeout=10)
    assert response.status_code == 200, response.text
    return response.json()


def route_of(stack, case_id):
    [(route,)] = stack.rows(
        "SELECT j.route FROM screening_job j JOIN screening_case c "
        f"ON c.id = j.case_id WHERE c.case_id = '{case_id}'"
    )
    return json.loads(route) if isinstance(route, str) else route


def test_a_revoked_consent_stops_a_queued_job_before_any_byte_leaves(model):
    with running(model.url, workers=0) as stack:
        give(stack, "stops")
        job_id = stack.submit(case_id="stops")
        other = stack.submit(case_id="goes-on")
        assert revoke(stack, "stops")["jobs_stopped"] == 1
        stack.start_worker()

        stack.ended([other])
        time.sleep(0.5)

        assert stack.job(job_id)["status"] == "CANCELLED"
        assert model.calls == {"goes-on": 1}


def test_a_consent_that_only_the_database_knows_as_revoked_stops_it_as_well(model):
    with running(model.url, workers=0) as stack:
        give(stack, "stops")
        job_id = stack.submit(case_id="stops")
        now = "CURRENT_TIMESTAMP"
        stack.write(
            f"UPDATE consent_consent SET revoked_at = {now}, revoked_by = 'user:1'"
        )
        stack.start_worker()

        job = stack.ended([job_id])[job_id]

        assert (job["status"], job["error_code"]) == ("FAILED", "CONSENT_MISSING")
        assert not model.calls
        [decision] = route_of(stack, "stops")
        assert "of-stops@1" in decision["wish"]["consents"]
        assert decision["excluded"] == [{"target": "edge", "reason": "no consent"}]


def test_one_revoked_between_two_calls_keeps_the_second_from_leaving(model, cloud):
    model.latency, model.mode = 1.5, "status:503"
    with running(model.url, CLOUD_MODEL_URL=cloud.url) as stack:
        give(stack, "stays")
        job_id = stack.submit(case_id="stays")
        wait_until(lambda: model.in_flight == 1, what="the edge is asked")
        stack.write(
            "UPDATE consent_consent SET revoked_at = CURRENT_TIMESTAMP, "
            "revoked_by = 'user:1'"
        )

        job = stack.ended([job_id])[job_id]

        assert job["error_code"] == "CONSENT_MISSING"
        assert not cloud.calls


def test_the_cloud_never_sees_a_case_without_its_consent(model, cloud):
    model.mode = "status:503"
    with running(
        model.url,
        CLOUD_MODEL_URL=cloud.url,
        CONSENT_REQUIRED_SCOPES="screening,cloud_inference",
    ) as stack:
        give(stack, "near", ["screening"])
        give(stack, "far")
        refused = stack.session.post(
            f"{stack.url}/api/submit", json={"case_id": "unknown"}, timeout=10
        )
        near, far = stack.submit(case_id="near"), stack.submit(case_id="far")

        job = stack.ended([far])[far]
        time.sleep(1.5)

        assert refused.status_code == 403
        assert (job["status"], job["target"]) == ("DONE", "cloud")
        assert cloud.calls == {"far": 1}
        assert stack.job(near)["status"] in {"PENDING", "RUNNING"}
        model.mode = "good"
        assert stack.ended([near])[near]["target"] == "edge"


def test_a_revoked_consent_stops_a_queued_task(model):
    with with_agents(model, workers=0) as stack:
        give(stack, "case-1")
        task_id = stack.route_task()["task_id"]
        assert revoke(stack, "case-1")["tasks_stopped"] == 1
        stack.start_stream_worker()
        time.sleep(2)

        assert stack.task(task_id)["status"] == "failed"
        assert not model.calls


def test_a_task_whose_consent_is_revoked_past_us_fails_when_it_is_taken(model):
    with with_agents(model, workers=0) as stack:
        give(stack, "case-1")
        task_id = stack.route_task()["task_id"]
        stack.write(
            "UPDATE consent_consent SET revoked_at = CURRENT_TIMESTAMP, "
            "revoked_by = 'user:1'"
        )
        stack.start_stream_worker()
        stack.tasks_ended(1)

        task = stack.task(task_id)
        assert (task["status"], task["error"]) == ("failed", "CONSENT_MISSING")
        assert not model.calls
