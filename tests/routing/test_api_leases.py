"""The routes of agents that pull: registration, lease, heartbeat, result."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from audit.models import Audit
from routing.api import lease_views
from routing.models import Agent, Task
from routing.models.tasks import public_id
from routing.services.registration import approve_agent, disable_agent
from screening.models import Clinic
from screening.services.keys import create_key, default_clinic
from tests.routing.leases import afresh, task
from wire.holding import held_requests

BODY = {"agent_id": "puller", "capabilities": ["embed"], "protocol": "pull"}
RESULT = {"attempt": 1, "success": True, "output": {"a": 1}}


@pytest.fixture(autouse=True)
def fresh(redis: Any) -> Iterator[None]:
    with afresh():
        yield


@pytest.fixture
def agent(api: Any) -> Agent:
    """An agent that registered itself, approved by a person."""
    assert post(api, "/register_agent", BODY).status_code == 200
    found = Agent.objects.get()
    approve_agent(found, actor="user:1")
    return found


@pytest.fixture
def leased(api: Any, agent: Agent) -> str:
    """The path of a task that the agent holds."""
    task()
    [found] = lease(api).json()["tasks"]
    return f"/task/{found['task_id']}"


@pytest.fixture
def _held(monkeypatch: Any) -> None:
    """Let a held request keep the test's own connection."""
    monkeypatch.setattr(lease_views.connection, "close", lambda: None, raising=False)


def post(api: Any, path: str, body: Any = None, **headers: str) -> Any:
    text = "" if body is None else json.dumps(body)
    return api.post(path, text, content_type="application/json", headers=headers)


def lease(api: Any, agent_id: str = "puller", **body: Any) -> Any:
    return post(api, f"/agents/{agent_id}/lease", body)


def key_for(*scopes: str, clinic: Any = None) -> dict[str, str]:
    clinic = clinic or default_clinic()
    _, raw = create_key(name="k", clinic=clinic, scopes=scopes, actor="user:1")
    return {"x-api-key": raw}


# --- Registration ------------------------------------------------------------------


def test_an_agent_that_pulls_needs_no_endpoint_and_is_never_called(api, agent):
    assert (agent.endpoint, agent.protocol) == ("", "pull")

    [shown] = api.get("/agents").json()
    called = post(api, "/route_and_call", {"case_id": "c", "capability": ["embed"]})

    assert (shown["state"], shown["endpoint"]) == ("pulls its work", "")
    assert called.json()["code"] == "E_NO_AGENT"


def test_it_may_register_by_query_too(api):
    query = "agent_id=puller&capabilities=embed&protocol=pull"

    assert post(api, f"/register_agent?{query}").status_code == 200
    assert Agent.objects.get().endpoint == ""


@pytest.mark.parametrize("protocol", ["native", "openai", None])
def test_any_other_needs_an_endpoint(api, protocol):
    body = BODY | {"protocol": protocol}
    if protocol is None:
        del body["protocol"]

    response = post(api, "/register_agent", body)

    assert response.status_code == 422
    assert list(response.json()["details"]) == ["endpoint"]
    assert not Agent.objects.exists()


@pytest.mark.parametrize("endpoint", ["", "http://169.254.169.254/", 7])
def test_one_that_is_given_all_the_same_must_be_right(api, endpoint):
    response = post(api, "/register_agent", BODY | {"endpoint": endpoint})

    assert list(response.json()["details"]) == ["endpoint"]


def test_who_begins_to_be_called_is_approved_anew(api, agent):
    called = {"protocol": "native", "endpoint": "https://agents.example.org/"}

    assert post(api, "/register_agent", BODY | called).json()["approved"] is False


# --- Lease -------------------------------------------------------------------------


def test_a_leased_task_is_told_whole(api, agent, settings):
    made = task(payload={"text": "ünï"}, meta={"b": [2]}, priority="high")

    response = lease(api)

    assert response.status_code == 200
    assert response.json() == {
        "tasks": [
            {
                "task_id": public_id(made.pk),
                "case_id": "case-1",
                "task_type": "embed",
                "priority": "high",
                "payload": {"text": "ünï"},
                "meta": {"b": [2]},
                "attempt": 1,
                "lease_seconds": settings.JOB_LEASE_SECONDS,
            }
        ]
    }
    assert response["Cache-Control"] == "no-store"
    state = api.get(f"/task/{public_id(made.pk)}").json()
    assert (state["status"], state["agent_id"]) == ("in_progress", "puller")


def test_one_is_given_or_as_many_as_are_asked_for(api, agent):
    for _ in range(40):
        task()

    assert [len(lease(api, **b).json()["tasks"]) for b in ({}, {"max": 32})] == [1, 32]


def test_without_a_task_the_answer_is_empty_and_it_was_heard_of(api, agent):
    before = Agent.objects.get().heard_at

    assert lease(api).json() == {"tasks": []}
    assert Agent.objects.get().heard_at > before


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("max", [0, 33, "1", 1.5, True, None]),
        ("wait", [-1, 20.5, "1", True, None]),
        ("capabilities", ["", [], ["sing"], 7, None, "indexing", ["embed", "audit"]]),
        ("more", [1]),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_taken(api, agent, field, values):
    task()
    for value in values:
        response = lease(api, **{field: value})
        assert response.status_code == 422, value
        assert list(response.json()["details"]) == [field], value

    assert Task.objects.get().status == "PENDING"


def test_a_body_is_needed(api, agent):
    assert post(api, "/agents/puller/lease").status_code == 400


@pytest.mark.parametrize("name", ["nobody", "a/b", "%00", "a" * 3000, "puller "])
def test_nobodys_lease_is_not_found(api, agent, name):
    response = lease(api, name)

    assert response.status_code == 404
    assert response.json()["detail"] == "agent not found"


def test_another_key_does_not_see_the_agent_nor_its_lease(api, leased):
    north = Clinic.objects.create(slug="north", name="North")
    for clinic in (None, north):
        theirs = key_for("agents:write", "tasks:write", clinic=clinic)
        for path, body in [
            ("/agents/puller/lease", {}),
            (f"{leased}/heartbeat", {"attempt": 1}),
            (f"{leased}/result", RESULT),
        ]:
            assert post(api, path, body, **theirs).status_code == 404, path

    assert Task.objects.get().status == "RUNNING"


def test_who_may_not_work_yet_or_any_more_is_a_conflict(api, agent):
    task()
    disable_agent(agent, actor="user:1")
    disabled = lease(api, wait=20)
    Agent.objects.update(approved_at=None, approved_by="", is_enabled=True)
    waiting = lease(api, wait=20)

    assert {disabled.status_code, waiting.status_code} == {409}
    assert disabled.json()["code"] == waiting.json()["code"] == "CONFLICT"
    assert "disabled" in disabled.json()["message"]
    assert "not approved" in waiting.json()["message"]


# --- Waiting -----------------------------------------------------------------------


@pytest.mark.usefixtures("_held")
def test_with_wait_the_answer_comes_when_the_task_does(api, agent, monkeypatch):
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            task()

    monkeypatch.setattr(lease_views.time, "sleep", nap)

    assert len(lease(api, wait=20).json()["tasks"]) == 1
    assert len(naps) == 3
    assert naps == sorted(naps)


@pytest.mark.usefixtures("_held")
def test_with_wait_and_without_a_task_it_comes_when_the_time_is_up(api, agent):
    begun = time.monotonic()

    assert lease(api, wait=0.3).json() == {"tasks": []}
    assert 0.3 <= time.monotonic() - begun < 10


@pytest.mark.usefixtures("_held")
def test_who_is_disabled_while_it_waits_gets_nothing(api, agent, monkeypatch):
    def nap(seconds: float) -> None:
        disable_agent(agent, actor="user:1")
        task()

    monkeypatch.setattr(lease_views.time, "sleep", nap)

    assert lease(api, wait=20).status_code == 409
    assert Task.objects.get().status == "PENDING"


def test_a_waiting_agent_holds_no_database_connection(api, agent, monkeypatch):
    done: list[str] = []
    monkeypatch.setattr(lease_views.connection, "close", lambda: done.append("close"))
    monkeypatch.setattr(lease_views.time, "sleep", lambda _: done.append("sleep"))

    lease(api, wait=0.05)

    slept = [n for n, step in enumerate(done) if step == "sleep"]
    assert slept
    assert all(done[n - 1] == "close" for n in slept)


def test_where_too_many_wait_already_the_answer_comes_at_once(api, agent):
    places = 0
    while held_requests().acquire(blocking=False):
        places += 1
    begun = time.monotonic()
    try:
        response = lease(api, wait=20)
    finally:
        for _ in range(places):
            held_requests().release()

    assert places > 0
    assert response.json() == {"tasks": []}
    assert time.monotonic() - begun < 10


def test_a_place_is_given_back_also_when_it_breaks(api, agent, monkeypatch):
    def nap(seconds: float) -> None:
        raise InterruptedError

    monkeypatch.setattr(lease_views.connection, "close", lambda: None)
    monkeypatch.setattr(lease_views.time, "sleep", nap)
    free = held_requests()._value

    with pytest.raises(InterruptedError):
        lease(api, wait=1)

    assert held_requests()._value == free


# --- Heartbeats and results --------------------------------------------------------


def test_a_heartbeat_says_how_long_the_lease_is_now(api, leased, settings):
    response = post(api, f"{leased}/heartbeat", {"attempt": 1})

    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "lease_seconds": settings.JOB_LEASE_SECONDS,
    }


def test_a_result_is_what_the_client_of_the_task_reads(api, leased):
    response = post(api, f"{leased}/result", RESULT)

    assert (response.status_code, response.json()) == (200, {"status": "completed"})
    state = api.get(leased).json()
    assert (state["status"], state["result"]) == ("completed", {"a": 1})
    assert (state["agent_id"], state["attempts"]) == ("puller", 1)
    [decision] = state["route"]
    assert [tried["target"] for tried in decision["tries"]] == ["puller"]


def test_a_failure_says_that_the_task_waits_or_is_dead(api, leased, settings):
    failed = {"attempt": 1, "success": False, "error": "because of Anna"}
    queued = post(api, f"{leased}/result", failed)
    settings.ORCHESTRATOR_TASK_MAX_RETRIES = 1
    Task.objects.update(not_before="2026-01-01T00:00Z")
    lease(api)
    dead = post(api, f"{leased}/result", failed | {"attempt": 2})

    assert (queued.status_code, queued.json()) == (200, {"status": "queued"})
    assert (dead.status_code, dead.json()) == (200, {"status": "dead_letter"})
    assert api.get(leased).json()["error"] == "AGENT_REPORTED_FAILURE"


def test_the_second_result_and_a_stale_attempt_are_conflicts(api, leased):
    early = post(api, f"{leased}/result", RESULT | {"attempt": 2})
    first = post(api, f"{leased}/result", RESULT)
    second = post(api, f"{leased}/result", RESULT)
    beat = post(api, f"{leased}/heartbeat", {"attempt": 1})

    assert first.status_code == 200
    for response in (early, second, beat):
        assert response.status_code == 409
        assert response.json()["code"] == "CONFLICT"
        assert "held no longer" in response.json()["message"]
    refused = Audit.objects.filter(action="task.stale_result_refused")
    assert refused.count() == 2


@pytest.mark.parametrize(
    ("step", "field", "values"),
    [
        ("heartbeat", "attempt", [0, "1", 1.5, True, None, 2**31]),
        ("heartbeat", "success", [True]),
        ("result", "attempt", [0, "1", 1.5, True, None, 2**31]),
        ("result", "success", ["true", 1, None]),
        ("result", "error", ["x" * 501, 7, None]),
        ("result", "output", ["x" * (1 << 20)]),
        ("result", "more", [1]),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_stored(api, leased, step, field, values):
    whole = {"attempt": 1} if step == "heartbeat" else RESULT
    for value in values:
        response = post(api, f"{leased}/{step}", whole | {field: value})
        assert response.status_code == 422, value
        assert list(response.json()["details"]) == [field], value

    assert Task.objects.get().status == "RUNNING"


@pytest.mark.parametrize("step", ["heartbeat", "result"])
def test_what_is_needed_is_asked_for(api, leased, step):
    needed = {"heartbeat": {"attempt"}, "result": {"attempt", "success"}}[step]

    assert set(post(api, f"{leased}/{step}", {}).json()["details"]) == needed
    assert post(api, f"{leased}/{step}").status_code == 400


@pytest.mark.parametrize("body", [{"output": None}, {"error": ""}, {"output": 0}])
def test_what_may_be_empty_may_be(api, leased, body):
    response = post(api, f"{leased}/result", {"attempt": 1, "success": True} | body)

    assert response.status_code == 200


@pytest.mark.parametrize("step", ["heartbeat", "result"])
@pytest.mark.parametrize(
    "name", ["task-1", "a/b", "%00", "task-" + "0" * 32, "x" * 999]
)
def test_what_is_no_tasks_id_is_not_found(api, agent, step, name):
    response = post(
        api, f"/task/{name}/{step}", RESULT if step == "result" else {"attempt": 1}
    )

    assert response.status_code == 404
    assert response.json()["detail"] == "task not found"
