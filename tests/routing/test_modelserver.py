"""The reference model server: what it takes, what it answers, what it refuses."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from io import BytesIO

import pytest
from aiohttp.test_utils import TestClient, TestServer

from milestones.checklist import checklist
from milestones.rules import adapter_id, assess
from routing.modelserver.app import make_app
from routing.modelserver.backends import (
    Backend,
    ReferenceBackend,
)
from routing.modelserver.contract import MAX_BODY_BYTES
from routing.modelserver.server import SILENT

NATIVE = {
    "case_id": "case-1",
    "age_months": 24,
    "observations": "only 5 words",
    "embedding_b64": "AAAA",
    "shape": [1, 256],
    "max_new_tokens": 256,
    "temperature": 0.0,
}
SECRET = "Zebedee-Quill"


class BrokenBackend(Backend):
    """Fails, and quotes the child's data while doing so."""

    name = "broken"
    model_id = "none"
    adapter_id = "none"

    async def infer(self, question):
        raise RuntimeError(question.observations)


def ask(method, path, *, backend=None, latency=0.0, **kwargs):
    """Send one request to a server of its own; return status, headers and body."""

    async def main():
        app = make_app(backend or ReferenceBackend(), latency=latency)
        async with TestClient(TestServer(app)) as client:
            response = await client.request(method, path, **kwargs)
            return response.status, response.headers, await response.read()

    status, headers, body = asyncio.run(main())
    is_json = headers["Content-Type"].startswith("application/json")
    return status, headers, json.loads(body) if is_json and body else body


def post(path, body, **kwargs):
    status, _, answer = ask("POST", path, json=body, **kwargs)
    return status, answer


# --- Answers ---


@pytest.mark.parametrize("path", ["/", "/infer"])
def test_a_native_call_is_answered_with_the_rules_result(path):
    status, answer = post(path, NATIVE)

    expected = assess(age_months=24, observations="only 5 words")
    expected["explainability"].append(
        {"type": "embedding", "detail": "not used by the reference rules"}
    )
    assert status == 200
    assert answer == {"result": expected}


def test_answers_flags_and_weeks_reach_the_rules():
    answers = {item.key: "yes" for item in checklist(2)}
    body = {"age_months": 6, "gestational_weeks": 28, "milestones": answers}

    assert post("/infer", body)[1]["result"]["risk"] == "on_track"
    body["flags"] = {"lost_skill": True}
    assert post("/infer", body)[1]["result"]["risk"] == "refer"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="empty"),
        pytest.param(dict.fromkeys(NATIVE), id="all null"),
        pytest.param(
            dict.fromkeys(["gestational_weeks", "milestones", "flags"]), id="added null"
        ),
        pytest.param({"something": "else", "tools": [1, {"a": None}]}, id="unknown"),
    ],
)
def test_absent_null_and_unknown_fields_are_allowed(body):
    status, answer = post("/infer", body)

    assert status == 200
    assert answer["result"]["risk"] == "discuss"
    assert answer["result"]["confidence"] == 0.0
    assert not [
        e for e in answer["result"]["explainability"] if e["type"] == "embedding"
    ]


def test_the_same_question_gets_the_same_bytes():
    first = ask("POST", "/infer", json=NATIVE)[2]

    assert ask("POST", "/infer", json=NATIVE)[2] == first


def test_an_agents_call_is_answered_in_an_envelope():
    body = {
        "request_id": "task-1",
        "case_id": "case-1",
        "payload": {"age_months": 24, "flags": {"lost_skill": True}},
        "meta": {"x": 1},
    }
    status, answer = post("/call", body)

    assert status == 200
    assert answer["success"] is True
    assert answer["request_id"] == "task-1"
    assert answer["output"] == assess(age_months=24, flags={"lost_skill": True})


@pytest.mark.parametrize("body", [{}, {"payload": None}, {"request_id": None}])
def test_an_empty_envelope_is_an_empty_question(body):
    status, answer = post("/call", body)

    assert status == 200
    assert answer["request_id"] is None
    assert answer["output"]["risk"] == "discuss"


def test_health_names_backend_and_model():
    status, _, answer = ask("GET", "/health")

    assert status == 200
    assert answer == {
        "status": "ok",
        "backend": "reference",
        "model_id": "rules-cdc2022",
    }


def test_status_says_what_has_been_done():
    async def main():
        async with TestClient(TestServer(make_app(ReferenceBackend()))) as client:
            await client.post("/infer", json=NATIVE)
            await client.post("/call", json={})
            await client.post("/infer", json={"age_months": "x"})
            return await (await client.get("/status")).json()

    answer = asyncio.run(main())

    assert answer.pop("uptime_seconds") >= 0
    assert answer == {
        "backend": "reference",
        "model_id": "rules-cdc2022",
        "adapter_id": adapter_id(),
        "requests_served": 2,
        "in_flight": 0,
    }


def test_metrics_count_routes_outcomes_and_seconds():
    async def main():
        async with TestClient(TestServer(make_app(ReferenceBackend()))) as client:
            await client.post("/", json={})
            await client.post("/infer", json={})
            await client.post("/infer", json={"age_months": -1})
            await client.post(f"/{SECRET}", json={})
            response = await client.get("/metrics")
            return response.headers["Content-Type"], await response.text()

    content_type, text = asyncio.run(main())

    assert content_type.startswith("text/plain; version=0.0.4")
    assert 'modelserver_requests_total{route="/",outcome="ok"} 1\n' in text
    assert 'modelserver_requests_total{route="/infer",outcome="ok"} 1\n' in text
    assert 'modelserver_requests_total{route="/infer",outcome="rejected"} 1\n' in text
    assert 'modelserver_requests_total{route="other",outcome="rejected"} 1\n' in text
    assert "modelserver_in_flight 0\n" in text
    assert "modelserver_request_seconds_count 3\n" in text
    assert re.search(r"^modelserver_request_seconds_sum \d+\.\d+$", text, re.MULTILINE)
    assert SECRET not in text


def test_requests_wait_side_by_side_and_are_seen_in_flight():
    async def main():
        app = make_app(ReferenceBackend(), latency=0.3)
        async with TestClient(TestServer(app)) as client:
            loop = asyncio.get_running_loop()
            began = loop.time()
            calls = [
                asyncio.create_task(client.post("/infer", json={})) for _ in range(10)
            ]
            await asyncio.sleep(0.15)
            seen = (await (await client.get("/status")).json())["in_flight"]
            await asyncio.gather(*calls)
            return seen, loop.time() - began

    seen, seconds = asyncio.run(main())

    assert seen == 10
    assert 0.3 <= seconds < 2


# --- Refusals ---


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("case_id", 7),
        ("case_id", "x" * 129),
        ("age_months", SECRET),
        ("age_months", 12.5),
        ("age_months", True),
        ("age_months", -1),
        ("age_months", 241),
        ("age_months", 10**400),
        ("gestational_weeks", 21),
        ("gestational_weeks", 45),
        ("gestational_weeks", "28"),
        ("observations", [SECRET]),
        ("observations", "x" * 20_001),
        ("embedding_b64", 1),
        ("shape", [1]),
        ("shape", [1, "256"]),
        ("shape", [0, 256]),
        ("shape", "1x256"),
        ("images", SECRET),
        ("images", ["https://example.org/child.png"]),
        ("images", [f"data:image/png;base64,{SECRET}"]),
        ("images", ["data:image/gif;base64,AAAA"]),
        ("images", ["data:image/svg+xml;base64,AAAA"]),
        ("images", ["data:image/png;base64,AAAA\n"]),
        ("images", ["data:image/png;base64,AAAA"] * 5),
        ("max_new_tokens", 0),
        ("max_new_tokens", 1.5),
        ("temperature", "0"),
        ("temperature", -0.1),
        ("temperature", 10**400),
        ("temperature", False),
        ("milestones", [SECRET]),
        ("milestones", {SECRET: "perhaps"}),
        ("milestones", {SECRET: ["yes"]}),
        ("milestones", {f"k{n}": "yes" for n in range(1001)}),
        ("flags", {SECRET: "true"}),
        ("flags", 1),
    ],
)
def test_a_wrong_field_is_named_and_its_value_is_not_repeated(field, value):
    status, answer = post("/infer", {field: value, "age": 1})

    assert status == 422
    assert answer["code"] == "VALIDATION_ERROR"
    assert list(answer["details"]) == [field]
    assert SECRET not in json.dumps(answer)

    status, answer = post("/call", {"payload": {field: value}})
    assert status == 422
    assert list(answer["details"]) == [f"payload.{field}"]


def test_all_wrong_fields_are_named_at_once():
    status, answer = post("/infer", {"age_months": "x", "flags": 1, "shape": 1})

    assert status == 422
    assert sorted(answer["details"]) == ["age_months", "flags", "shape"]
    assert all(isinstance(m, str) for ms in answer["details"].values() for m in ms)


@pytest.mark.parametrize("field", ["request_id", "case_id", "payload", "meta"])
def test_a_wrong_envelope_is_refused(field):
    status, answer = post("/call", {field: 5})

    assert status == 422
    assert list(answer["details"]) == [field]


@pytest.mark.parametrize("path", ["/", "/infer", "/call"])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"not json " + SECRET.encode(),
        b"\xff\xfe\x00",
        b'{"temperature": NaN}',
        b"[" * 100_000,
        b'{"age_months": ' + b"9" * 5000 + b"}",
        b"[]",
        b'"text"',
        b"null",
        b"3",
    ],
    ids=range(11),
)
def test_what_is_not_a_json_object_is_refused(path, data):
    status, headers, answer = ask("POST", path, data=data)

    assert status == 400
    assert headers["Content-Type"].startswith("application/json")
    assert answer["code"] == "INVALID_PAYLOAD"
    assert SECRET not in json.dumps(answer)


def test_a_body_over_2_mib_is_refused_and_one_of_2_mib_is_read():
    frame = len(b'{"x":""}')
    fits = b'{"x":"' + b"a" * (MAX_BODY_BYTES - frame) + b'"}'
    over = b'{"x":"' + b"a" * (MAX_BODY_BYTES - frame + 1) + b'"}'

    assert ask("POST", "/infer", data=BytesIO(fits))[0] == 200
    status, _, answer = ask("POST", "/infer", data=BytesIO(over))
    assert (status, answer["code"]) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("path", ["/nothing", "/infer/x", f"/{SECRET}"])
def test_an_unknown_route_is_404_in_json(path):
    status, _, answer = ask("POST", path, json={})

    assert status == 404
    assert set(answer) == {"code", "message", "details"}
    assert answer["code"] == "NOT_FOUND"
    assert SECRET not in json.dumps(answer)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/infer", "POST"),
        ("DELETE", "/", "POST"),
        ("POST", "/health", "GET,HEAD"),
    ],
)
def test_a_wrong_method_is_405_in_json(method, path, allowed):
    status, headers, answer = ask(method, path)

    assert status == 405
    assert answer["code"] == "METHOD_NOT_ALLOWED"
    assert headers["Allow"] == allowed


def test_a_failing_backend_is_500_and_says_nothing_of_the_child(caplog):
    caplog.set_level(logging.DEBUG)
    status, answer = post("/infer", {"observations": SECRET}, backend=BrokenBackend())

    assert (status, answer["code"]) == (500, "SAFE_ERROR")
    assert SECRET not in json.dumps(answer)
    assert SECRET not in caplog.text
    assert "RuntimeError" in caplog.text


# --- Silence ---


def test_nothing_of_a_request_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    post("/infer", {"observations": SECRET, "case_id": SECRET, "x": SECRET})
    post("/infer", {"age_months": SECRET})
    post("/call", {"request_id": SECRET, "payload": {"milestones": {SECRET: 1}}})
    ask("POST", f"/{SECRET}?q={SECRET}", data=SECRET.encode())

    assert SECRET not in caplog.text


def test_the_logger_given_to_the_http_server_is_silent(caplog):
    caplog.set_level(logging.DEBUG)
    SILENT.critical("malformed request: %s", SECRET)

    assert SECRET not in caplog.text
