"""The routes by which agents register, are heard of and are seen."""

from __future__ import annotations

import json

import pytest

from audit.models import Audit
from routing.models import Agent, TargetHealth
from screening.models import Clinic
from screening.services.keys import create_key, default_clinic
from tests.routing.making import make_agent
from tests.routing.test_endpoints import HOSTILE_URLS

BODY = {
    "agent_id": "agent-1",
    "capabilities": ["screen"],
    "endpoint": "https://agents.example.org/infer",
}


def post(api, path, body=None, **headers):
    return api.post(
        path,
        data="" if body is None else json.dumps(body),
        content_type="application/json",
        headers=headers,
    )


def register(api, **fields):
    return post(api, "/register_agent", BODY | fields)


def key_for(clinic=None, *scopes):
    _, raw = create_key(
        name="k", clinic=clinic or default_clinic(), scopes=scopes, actor="user:1"
    )
    return {"x-api-key": raw}


# --- Registration ------------------------------------------------------------------


def test_an_agent_registers_and_waits_for_approval(api):
    response = register(api)

    assert response.status_code == 200
    assert response.json() == {"status": "ok", "agent_id": "agent-1", "approved": False}
    agent = Agent.objects.get()
    assert (agent.location, agent.clinic) == ("cloud", "default")
    assert (agent.registered_by, agent.protocol) == ("key:env", "native")
    assert Audit.objects.get(action="agent.registered").detail == {
        "agent": "agent-1",
        "location": "cloud",
        "protocol": "native",
        "capabilities": ["screen"],
        "approved": False,
    }


def test_an_agent_may_register_by_query_as_ever(api):
    response = post(
        api,
        "/register_agent?agent_id=agent-2&capabilities=embed,triage&location=edge-2"
        "&endpoint=https://agents.example.org/&supports_raw_media=true",
    )

    assert response.status_code == 200
    agent = Agent.objects.get()
    assert agent.capabilities == ["embed", "triage"]
    assert (agent.location, agent.supports_raw_media) == ("edge-2", True)


def test_a_body_and_a_query_are_one_too_many(api):
    response = post(api, "/register_agent?agent_id=agent-2", BODY)

    assert response.status_code == 400
    assert not Agent.objects.exists()


def test_capabilities_may_be_one_text_in_a_body_too(api):
    assert register(api, capabilities="embed,screen").status_code == 200
    assert Agent.objects.get().capabilities == ["embed", "screen"]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        (
            "agent_id",
            ["", "edge", "cloud", "auto", "a b", "a/b", "ä", "a" * 65, 7, "-a", "a\n"],
        ),
        (
            "capabilities",
            ["", [], ["sing"], "embed,", ["embed"] * 33, 7, [7], {}, "embed, screen"],
        ),
        ("endpoint", ["", 7, "https://a.example.org/" + "x" * 2000, None]),
        ("location", ["", "moon", "edge room", "edgeroom", "cloud-" + "x" * 60, 7]),
        ("supports_raw_media", ["true", 1, None]),
        ("version", ["", "1 2", "x" * 65, 7]),
        ("protocol", ["", "grpc", 7, "envelope"]),
        ("model", ["", "a b", 7]),
        ("gpu", ["yes", 0]),
        ("token_env", ["DJANGO_SECRET_KEY", "AGENT_TOKEN_A"]),
        ("clinic", ["north"]),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_stored(api, field, values):
    for value in values:
        response = register(api, **{field: value})
        assert response.status_code == 422, value
        assert field in response.json()["details"], value

    assert not Agent.objects.exists()


@pytest.mark.parametrize("missing", ["agent_id", "capabilities", "endpoint"])
def test_what_is_needed_is_asked_for(api, missing):
    response = post(
        api, "/register_agent", {k: v for k, v in BODY.items() if k != missing}
    )

    assert response.status_code == 422
    assert list(response.json()["details"]) == [missing]


def test_no_hostile_endpoint_is_registered(api):
    for url in HOSTILE_URLS:
        response = register(api, endpoint=url)
        assert response.status_code == 422, url
        assert list(response.json()["details"]) == ["endpoint"], url

    assert len(HOSTILE_URLS) >= 150
    assert not Agent.objects.exists()


def test_the_rules_for_endpoints_are_settings(api, settings):
    settings.AGENT_ALLOWED_HOSTS = (".agents.example.org",)

    assert register(api).status_code == 422
    allowed = register(api, endpoint="https://one.agents.example.org/")
    assert allowed.status_code == 200


def test_another_keys_name_is_a_conflict(api):
    make_agent(actor="key:other")

    response = register(api)

    assert response.status_code == 409
    assert response.json()["code"] == "CONFLICT"
    assert Agent.objects.get().registered_by == "key:other"


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("post", "/register_agent", "agents:write"),
        ("post", "/agents/agent-1/heartbeat", "agents:write"),
        ("get", "/agents", "agents:read"),
        ("post", "/route_and_call", "tasks:write"),
    ],
)
def test_each_route_wants_its_scope(api, method, path, scope):
    every = ["jobs:write", "jobs:read", "drafts", "tasks:write"]
    every += ["agents:read", "agents:write", "metrics:read"]
    without = key_for(None, *(one for one in every if one != scope))
    with_it = key_for(None, scope)

    assert getattr(api, method)(path, headers=without).status_code == 403
    assert getattr(api, method)(path, headers=with_it).status_code != 403
    assert getattr(api, method)(path, headers={"x-api-key": "none"}).status_code == 401


# --- Heartbeats --------------------------------------------------------------------


def test_a_heartbeat_is_kept_and_answered(api):
    register(api)

    response = post(
        api,
        "/agents/agent-1/heartbeat",
        {"health_status": "degraded", "latency_ms": 120, "load_score": 0.25},
    )

    assert response.status_code == 200
    assert response.json() == {"status": "ok", "agent_id": "agent-1", "approved": False}
    agent = Agent.objects.get()
    assert (agent.health_status, agent.told_latency_ms) == ("degraded", 120.0)
    assert agent.load_score == 0.25


def test_a_heartbeat_need_say_nothing_but_in_json(api):
    register(api)

    assert post(api, "/agents/agent-1/heartbeat", {}).status_code == 200
    assert post(api, "/agents/agent-1/heartbeat").status_code == 400


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("health_status", ["", "fine", 7, None]),
        ("latency_ms", [-1, 3_600_001, "120", True, None, 1e308]),
        ("load_score", [-0.1, 1.1, "0", True, None]),
        ("mood", ["good"]),
    ],
)
def test_a_wrong_heartbeat_is_refused_by_field(api, field, values):
    register(api)
    for value in values:
        response = post(api, "/agents/agent-1/heartbeat", {field: value})
        assert response.status_code == 422, value
        assert list(response.json()["details"]) == [field]


@pytest.mark.parametrize("name", ["nobody", "a/b", "%00", "a" * 3000, "agent-1 "])
def test_a_heartbeat_of_nobody_is_not_found(api, name):
    register(api)

    response = post(api, f"/agents/{name}/heartbeat", {})

    assert response.status_code == 404
    assert response.json()["code"] == "NOT_FOUND"


def test_a_heartbeat_for_another_keys_agent_is_not_found(api):
    register(api)
    headers = key_for(None, "agents:write")

    assert post(api, "/agents/agent-1/heartbeat", {}, **headers).status_code == 404


# --- The list ----------------------------------------------------------------------


def test_the_list_shows_each_agent_and_how_it_does(api, settings):
    settings.CLOUD_MODEL_URL = "https://models.example.org/"
    make_agent(location="edge-1", version="1.2")
    make_agent("waits", approved=False)
    TargetHealth.objects.create(
        name="agent-1", p50_ms=80.0, p95_ms=190.0, last_error="MODEL_TIMEOUT"
    )

    response = api.get("/agents")

    assert response.status_code == 200
    first, second = response.json()
    assert (first["agent_id"], first["state"]) == ("agent-1", "ready")
    assert (first["p50_ms"], first["p95_ms"]) == (80.0, 190.0)
    assert (first["last_error"], first["location"]) == ("MODEL_TIMEOUT", "edge-1")
    assert (second["agent_id"], second["state"]) == ("waits", "not approved yet")
    assert second["p95_ms"] is None


def test_the_list_shows_the_clinics_own_agents_and_everybodys(api):
    north = Clinic.objects.create(slug="north", name="North")
    make_agent("norths", clinic="north")
    make_agent("defaults")
    make_agent("anybodys", clinic="")

    mine = api.get("/agents").json()
    theirs = api.get("/agents", headers=key_for(north, "agents:read")).json()

    assert [agent["agent_id"] for agent in mine] == ["anybodys", "defaults"]
    assert [agent["agent_id"] for agent in theirs] == ["anybodys", "norths"]


def test_the_list_costs_the_same_however_many_there_are(
    api, django_assert_max_num_queries
):
    for number in range(30):
        make_agent(f"agent-{number}")
    api.get("/agents")

    with django_assert_max_num_queries(5):
        assert len(api.get("/agents").json()) == 30
