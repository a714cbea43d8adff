"""Open Inference Protocol v2: what is sent, and what is made of the answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.errors import ModelAnswerNotJSON, ProtocolMismatch, TargetMisconfigured
from routing.protocols import native, open_inference
from routing.targets import Target

PLAIN = {"age_months": 24, "observations": "Señala al perro."}
EMBEDDING = {"embedding_b64": "AACAPw==", "shape": [1, 1]}
RESULT = {"risk": "monitor", "summary": [], "confidence": 0.5}
TEXT = json.dumps(RESULT)


def target(**options: Any) -> Target:
    return Target(
        **{"name": "edge", "url": "http://edge:8080", "model": "screening"} | options
    )


def text_of(body: dict[str, Any]) -> Any:
    return json.loads(body["inputs"][0]["data"][0])


def answer(*outputs: Any, **more: Any) -> dict[str, Any]:
    return {"model_name": "screening", "outputs": list(outputs)} | more


def output(data: Any, name: str = "result") -> dict[str, Any]:
    return {"name": name, "datatype": "BYTES", "shape": [1], "data": data}


def test_a_request_is_exactly_this():
    found = open_inference.request(target(), "RC-2041", PLAIN, {})

    text = (
        '{"case_id":"RC-2041","age_months":24,"observations":"Señala al perro.",'
        '"embedding_b64":null,"shape":null,"max_new_tokens":256,"temperature":0.0}'
    )
    assert found.url == "http://edge:8080/v2/models/screening/infer"
    assert found.body == {
        "inputs": [
            {"name": "request", "datatype": "BYTES", "shape": [1], "data": [text]}
        ],
        "outputs": [{"name": "result"}],
    }


@pytest.mark.parametrize(
    ("url", "called"),
    [
        ("http://h/", "http://h/v2/models/screening/infer"),
        ("http://h/v2", "http://h/v2/models/screening/infer"),
        ("http://h/v2/models/a/versions/2/infer", None),
    ],
)
def test_a_url_is_used_as_it_is_or_completed(url, called):
    found = open_inference.request(target(url=url), "RC-2041", PLAIN, {})

    assert found.url == called or url


def test_a_model_is_needed_where_the_url_has_none_and_cannot_leave_its_place():
    with pytest.raises(TargetMisconfigured, match="edge names no model"):
        open_inference.request(target(model=""), "RC-2041", PLAIN, {})

    found = open_inference.request(target(model="../a?b"), "RC-2041", PLAIN, {})
    assert found.url == "http://edge:8080/v2/models/..%2Fa%3Fb/infer"


def test_an_embedding_goes_only_to_a_server_that_takes_one():
    payload = PLAIN | EMBEDDING

    taken = open_inference.request(
        target(takes_embeddings=True), "RC-2041", payload, {}
    )
    left_out = open_inference.request(target(), "RC-2041", payload, {})

    assert text_of(taken.body) == native.request_body("RC-2041", payload)
    assert text_of(left_out.body) == native.request_body("RC-2041", PLAIN) | {
        "not_given": ["embedding"]
    }


@pytest.mark.parametrize(
    "body",
    [
        answer(output([TEXT])),
        answer(output([[TEXT]])),
        answer(output([json.dumps({"result": RESULT})])),
        answer(output([TEXT], name="text_output")),
        answer(output(["0.3"], name="score"), output([TEXT])),
    ],
)
def test_the_result_is_the_text_of_the_output(body):
    assert open_inference.answer_of(body) == RESULT | {"model_id": "screening"}


def test_the_version_of_the_model_is_kept():
    body = answer(output([TEXT]), model_version="2")

    assert open_inference.answer_of(body)["model_id"] == "screening:2"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"error": "no such model"}, ProtocolMismatch),
        (answer(), ProtocolMismatch),
        (answer(output([])), ProtocolMismatch),
        (answer(output([TEXT, TEXT])), ProtocolMismatch),
        (answer(output([0.5])), ProtocolMismatch),
        (answer(output([TEXT], "a"), output([TEXT], "b")), ProtocolMismatch),
        (answer(output(["I cannot say."])), ModelAnswerNotJSON),
    ],
)
def test_what_is_no_result_is_an_error(body, error):
    with pytest.raises(error):
        open_inference.answer_of(body)


def test_it_is_not_asked_again():
    first = open_inference.request(target(), "RC-2041", PLAIN, {})

    assert open_inference.ask_again(first, ModelAnswerNotJSON("no JSON")) is None
