"""Agents take screenings through real workers, under the same rules as all targets."""

from __future__ import annotations

import json
import time
from urllib.parse import urlsplit

import pytest

from tests.system.stack import free_port, running, wait_until
from tests.system.stub_model import StubModel

pytestmark = pytest.mark.system


@pytest.fixture
def other():
    stub = StubModel()
    yield stub
    stub.stop()


def near(*stubs: StubModel, **env):
    """Allow agents at the stubs, and read them soon."""
    ports = ",".join(str(urlsplit(stub.url).port) for stub in stubs)
    return {
        "AGENT_APPROVAL": "false",
        "AGENT_PLAIN_HTTP": "true",
        "AGENT_ALLOWED_NETWORKS": "127.0.0.0/8",
        "AGENT_ALLOWED_PORTS": ports,
        "HEALTH_CHECK_SECONDS": "0.5",
        **env,
    }


def routes(stack):
    found = stack.rows("SELECT route FROM screening_job ORDER BY created_at")
    return [json.loads(r) if isinstance(r, str) else r for (r,) in found]


def test_an_agent_takes_the_jobs_that_no_configured_server_can(model):
    with running(**near(model)) as stack:
        stack.register_agent("agent-1", model.url, capabilities=["screen"])

        job_ids = [stack.submit(case_id=f"case-{n}") for n in range(10)]
        jobs = stack.ended(job_ids)

        assert {(j["status"], j["target"]) for j in jobs.values()} == {
            ("DONE", "agent-1")
        }
        stack.check_invariants(job_ids)
        wait_until(
            lambda: stack.rows(
                "SELECT answered FROM routing_targethealth WHERE name = 'agent-1' "
                "AND answered = 10"
            ),
            what="the calls are learnt from",
        )


def test_an_agent_that_fails_is_left_alone_and_another_takes_its_jobs(model, other):
    model.mode = "status:503"
    with running(**near(model, other)) as stack:
        stack.register_agent(
            "agent-a", model.url, capabilities=["screen"], location="edge"
        )
        stack.register_agent("agent-b", other.url, capabilities=["screen"])

        job_ids = [stack.submit(case_id=f"case-{n}") for n in range(40)]
        jobs = stack.ended(job_ids)

        assert {(j["status"], j["target"]) for j in jobs.values()} == {
            ("DONE", "agent-b")
        }
        assert sum(model.calls.values()) <= 45


def test_an_agent_that_is_silent_gets_nothing_until_it_is_heard_of_again(model):
    with running(**near(model, ORCHESTRATOR_AGENT_TTL="1")) as stack:
        stack.register_agent("agent-1", model.url, capabilities=["screen"])
        time.sleep(3.5)
        job_id = stack.submit(case_id="waits")
        time.sleep(1.5)
        assert stack.job(job_id)["status"] == "PENDING"
        assert not model.calls

        def beat() -> bool:
            stack.session.post(
                f"{stack.url}/agents/agent-1/heartbeat", json={}, timeout=10
            )
            return stack.job(job_id)["status"] == "DONE"

        wait_until(beat, seconds=60, what="the job is done")
        assert stack.job(job_id)["target"] == "agent-1"


def test_an_ill_server_is_passed_over_before_any_job_is_lost_on_it(other):
    nobody = f"http://127.0.0.1:{free_port()}/infer"
    with running(nobody, CLOUD_MODEL_URL=other.url, **near(other)) as stack:
        wait_until(
            lambda: stack.rows(
                "SELECT 1 FROM routing_targethealth WHERE name = 'edge' "
                "AND check_failures >= 2"
            ),
            what="the edge is known to be ill",
        )
        time.sleep(2.5)

        job_id = stack.submit(case_id="passes-over")

        assert stack.ended([job_id])[job_id]["target"] == "cloud"
        [[decision]] = routes(stack)
        assert decision["excluded"] == [
            {"target": "edge", "reason": "ill by its health check"}
        ]
        assert [tried["target"] for tried in decision["tries"]] == ["cloud"]


def test_an_address_that_is_not_allowed_is_never_connected_to(model):
    env = near(model) | {"AGENT_ALLOWED_NETWORKS": ""}
    with running(**env) as stack:
        stack.register_agent(
            "agent-1",
            f"http://agents.example.org:{urlsplit(model.url).port}/infer",
            capabilities=["screen"],
        )
        refused = stack.session.post(
            f"{stack.url}/register_agent",
            json={
                "agent_id": "agent-2",
                "endpoint": model.url,
                "capabilities": ["screen"],
            },
            timeout=10,
        )
        assert refused.status_code == 422
        # As somebody with the database might: what is stored is not believed either.
        stack.write(f"UPDATE routing_agent SET endpoint = '{model.url}'")

        job_id = stack.submit(case_id="goes-nowhere")
        time.sleep(3)

        assert stack.job(job_id)["status"] == "PENDING"
        assert not model.calls
