"""POST /route_and_call: the best agent is called once, under all the rules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import ip_network
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from audit.models import Audit
from consent.services import give_consent
from routing.media import carries_raw_media
from routing.models import Agent, TargetHealth
from routing.services.desk import desk
from tests.routing.making import make_agent
from tests.routing.serving import Served


class Echo:
    """Answers with what it was sent; ``status`` and ``body`` change that."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict]] = []
        self.status = 200
        self.body = ""

    async def answer(self, request: web.Request) -> web.Response:
        sent = await request.json()
        self.asked.append((request.path, sent))
        text = self.body or json.dumps({"success": True, "output": {"got": sent}})
        return web.Response(
            status=self.status, text=text, content_type="application/json"
        )


@pytest.fixture
def echo(settings) -> Iterator[Echo]:
    found = Echo()
    with Served(found.answer) as url:
        found.url = url
        settings.AGENT_ALLOWED_NETWORKS = (ip_network("127.0.0.0/8"),)
        settings.AGENT_ALLOWED_PORTS = frozenset({urlsplit(url).port})
        settings.AGENT_PLAIN_HTTP = True
        desk.cache_clear()
        yield found
        desk().client.close()
        desk.cache_clear()


def call(api, **fields):
    body = {"case_id": "case-1", "capability": ["analyze_light"]} | fields
    return api.post(
        "/route_and_call", json.dumps(body), content_type="application/json"
    )


def events():
    return [
        (event.action, event.detail.get("agent"), event.case_id)
        for event in Audit.objects.filter(action__startswith="agent.").order_by("id")
        if event.action in {"agent.called", "agent.failed"}
    ]


def test_the_best_agent_is_called_once_with_the_whole_envelope(api, echo):
    make_agent("far", endpoint=echo.url, capabilities=("analyze_light",))
    make_agent(
        "near",
        endpoint=f"{echo.url}/base",
        capabilities=("analyze_light",),
        location="edge",
    )

    response = call(
        api,
        request_id="r-1",
        task="analyze_monitor",
        payload={"a": 1},
        client={"app": "portal", "version": "2"},
    )

    assert response.status_code == 200
    [(path, sent)] = echo.asked
    assert path == "/base/call"
    assert sent == {
        "request_id": "r-1",
        "case_id": "case-1",
        "payload": {"a": 1},
        "meta": {
            "client": {"app": "portal", "version": "2"},
            "task": "analyze_monitor",
        },
    }
    assert response.json() == {
        "request_id": "r-1",
        "agent_id": "near",
        "agent_response": {"success": True, "output": {"got": sent}},
    }
    assert events() == [("agent.called", "near", "case-1")]


def test_a_request_without_an_id_is_given_one(api, echo):
    make_agent(endpoint=echo.url, capabilities=("analyze_light",))

    made = call(api).json()["request_id"]

    assert len(made) == 36
    assert echo.asked[0][1]["request_id"] == made


@pytest.mark.parametrize(
    ("state", "fields"),
    [
        ({"is_enabled": False}, {}),
        ({"approved_at": None, "approved_by": ""}, {}),
        ({"clinic": "north"}, {}),
        ({}, {"capability": ["embed"]}),
    ],
    ids=["disabled", "not approved", "another clinic's", "cannot do it"],
)
def test_without_an_agent_it_is_503_and_nothing_leaves(api, echo, state, fields):
    make_agent(endpoint=echo.url, capabilities=("analyze_light",))
    Agent.objects.update(**state)

    response = call(api, **fields)

    assert response.status_code == 503
    assert response.json()["code"] == "E_NO_AGENT"
    assert response.json()["detail"] == "No agents available"
    assert response.headers["Retry-After"] == "5"
    assert echo.asked == []
    assert events() == []


def test_a_configured_target_is_no_agent(api, echo, settings):
    settings.EDGE_MODEL_URL = echo.url

    assert call(api, capability=["screen"]).status_code == 503
    assert echo.asked == []


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (500, "", "MODEL_SERVER_ERROR"),
        (400, "", "MODEL_REJECTED"),
        (307, "", "MODEL_REDIRECTED"),
        (200, "<html>", "MODEL_ANSWER_NOT_JSON"),
        (200, "[1]", "MODEL_ANSWER_NOT_JSON"),
    ],
)
def test_a_call_that_fails_is_502_and_says_why(api, echo, status, body, reason):
    make_agent(endpoint=echo.url, capabilities=("analyze_light",))
    echo.status, echo.body = status, body

    response = call(api)

    assert response.status_code == 502
    assert response.json()["code"] == "AGENT_CALL_FAILED"
    assert response.json()["details"] == {"agent_id": "agent-1", "reason": reason}
    assert events() == [
        ("agent.called", "agent-1", "case-1"),
        ("agent.failed", "agent-1", "case-1"),
    ]
    assert len(echo.asked) == 1


def test_the_time_is_kept(api, echo, settings):
    with Served.hanging() as url:
        settings.AGENT_ALLOWED_PORTS = frozenset({urlsplit(url).port})
        make_agent(endpoint=url, capabilities=("analyze_light",))
        response = call(api, timeout_ms=200)

    assert response.status_code == 502
    assert response.json()["details"]["reason"] == "MODEL_TIMEOUT"


def test_an_agent_that_keeps_failing_is_left_alone(api, echo):
    make_agent(endpoint=echo.url, capabilities=("analyze_light",))
    echo.status = 500
    for _ in range(5):
        assert call(api).status_code == 502

    assert call(api).status_code == 503
    assert len(echo.asked) == 5


def test_how_it_went_is_learnt(api, echo):
    make_agent(endpoint=echo.url, capabilities=("analyze_light",))
    call(api)

    assert TargetHealth.objects.get(name="agent-1").answered == 1


def test_an_address_that_is_not_allowed_any_more_is_not_called(api, echo, settings):
    make_agent(endpoint=echo.url, capabilities=("analyze_light",))
    settings.AGENT_ALLOWED_NETWORKS = ()

    assert call(api).status_code == 503
    assert echo.asked == []


# --- Consent -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "carries"),
    [
        ({}, False),
        ({"observations": "image_ref"}, False),
        ({"image_ref": "i-1"}, True),
        ({"IMAGE_REF": None}, True),
        ({"parts": [{"deep": [{"audio": ""}]}]}, True),
        ({"media": []}, True),
    ],
)
def test_raw_media_is_found_by_its_keys_at_any_depth(payload, carries):
    assert carries_raw_media(payload) is carries


def test_raw_media_without_consent_goes_nowhere(api, echo):
    make_agent(
        endpoint=echo.url, capabilities=("analyze_light",), supports_raw_media=True
    )

    response = call(api, payload={"image_ref": "i-1"})

    assert response.status_code == 403
    assert response.json()["code"] == response.json()["detail"] == "E_CONSENT_REQUIRED"
    assert echo.asked == []
    assert events() == []


@pytest.mark.parametrize(("takes", "status"), [(True, 200), (False, 503)])
def test_raw_media_with_consent_goes_to_who_takes_it(api, echo, takes, status):
    make_agent(
        endpoint=echo.url, capabilities=("analyze_light",), supports_raw_media=takes
    )

    response = call(
        api, payload={"image_ref": "i-1"}, provenance={"consent_id": "consent-1"}
    )

    assert response.status_code == status


@pytest.mark.parametrize(
    ("scopes", "location", "status"),
    [
        (["screening", "cloud_inference"], "cloud", 200),
        (["screening"], "cloud", 503),
        (["screening"], "edge", 200),
        ([], "edge", 403),
    ],
)
def test_the_ledger_is_asked_before_anything_leaves(
    api, echo, scopes, location, status
):
    make_agent(endpoint=echo.url, capabilities=("analyze_light",), location=location)
    give_consent(
        clinic="default",
        case_id="case-1",
        consent_id="c-1",
        scopes=scopes,
        given_by="parent",
        actor="key:test",
    )

    assert call(api).status_code == status
    assert len(echo.asked) == (status == 200)


# --- Bad input ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("request_id", ["", 7, "x" * 129]),
        ("case_id", ["", 7, " a", "a\x00b", "x" * 129]),
        ("capability", [[], "", ["sing"], None]),
        ("priority", ["urgent", "", 7]),
        ("timeout_ms", [99, 120_001, "5000", 500.5, True]),
        ("payload", ["text", [1], None]),
        ("client", ["portal", {"user": "x"}]),
        ("provenance", [{"consent": True}, {"consent_id": 7}]),
        ("task", ["", "a b", 7]),
        ("more", [1]),
    ],
)
def test_a_wrong_field_is_named_and_nobody_is_called(api, echo, field, values):
    make_agent(endpoint=echo.url, capabilities=("analyze_light",))
    for value in values:
        response = call(api, **{field: value})
        assert response.status_code == 422, value
        assert field in response.json()["details"], value

    assert echo.asked == []


def test_an_empty_body_is_refused(api):
    response = api.post("/route_and_call", "", content_type="application/json")

    assert response.status_code == 400
