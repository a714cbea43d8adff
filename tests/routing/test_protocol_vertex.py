"""Vertex AI prediction: what is sent, and what is made of the answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.errors import ModelAnswerCutOff, ModelAnswerNotJSON, ProtocolMismatch
from routing.protocols import openai, prompt, vertex
from routing.targets import Target

ENDPOINT = "https://a.example.org/v1/projects/p/locations/l/endpoints/7"
TARGET = Target(name="cloud", url=f"{ENDPOINT}:predict", token_env="CLOUD_TOKEN")
SECRETS = {"CLOUD_TOKEN": "an-invented-token"}
PLAIN = {"age_months": 24, "observations": "Points at the dog."}
RESULT = {"risk": "monitor", "summary": [], "confidence": 0.5}


def completion(content: str, finish: str = "stop") -> dict[str, Any]:
    message = {"role": "assistant", "content": content}
    return {
        "model": "medgemma",
        "choices": [{"index": 0, "finish_reason": finish, "message": message}],
    }


def test_a_request_is_one_chat_completion_as_an_instance():
    found = vertex.request(TARGET, "RC-2041", PLAIN, SECRETS)

    assert found.url == f"{ENDPOINT}:predict"
    assert found.headers == {"Authorization": "Bearer an-invented-token"}
    assert found.body == {
        "instances": [
            {
                "@requestFormat": "chatCompletions",
                "messages": [
                    {"role": "system", "content": prompt.system()},
                    {"role": "user", "content": prompt.user_message(PLAIN)},
                ],
                "temperature": 0,
                "max_tokens": 1024,
                "response_format": prompt.response_format(),
            }
        ]
    }


def test_the_instance_is_what_the_openai_protocol_sends():
    payload = PLAIN | {"embedding_b64": "AACAPw==", "shape": [1, 1]}
    target = Target(name="cloud", url=ENDPOINT, takes_embeddings=True)

    [instance] = vertex.request(target, "RC-2041", payload, {}).body["instances"]

    assert instance.pop("@requestFormat") == "chatCompletions"
    assert instance == openai.request(target, "RC-2041", payload, {}).body


def test_the_url_of_an_endpoint_is_completed():
    target = Target(name="cloud", url=ENDPOINT)

    found = vertex.request(target, "RC-2041", PLAIN, {})

    assert found.url == f"{ENDPOINT}:predict"


@pytest.mark.parametrize("as_list", [True, False])
def test_the_result_is_the_text_of_the_one_prediction(as_list):
    found = completion(json.dumps(RESULT))
    body = {"predictions": [found] if as_list else found, "deployedModelId": "7"}

    assert vertex.answer_of(body) == RESULT | {"model_id": "medgemma"}


@pytest.mark.parametrize(
    ("predictions", "error"),
    [
        ([completion("{}"), completion("{}")], ProtocolMismatch),
        ([], ProtocolMismatch),
        (["a text"], ProtocolMismatch),
        (None, ProtocolMismatch),
        ([completion("I cannot say.")], ModelAnswerNotJSON),
        ([completion("{", "length")], ModelAnswerCutOff),
    ],
)
def test_what_is_no_result_is_an_error(predictions, error):
    with pytest.raises(error):
        vertex.answer_of({"predictions": predictions})


def test_after_no_json_it_is_asked_once_more():
    first = vertex.request(TARGET, "RC-2041", PLAIN, SECRETS)

    second = vertex.ask_again(first, ModelAnswerNotJSON("no JSON"))

    assert second is not None
    [instance] = second.body["instances"]
    assert instance["messages"][0]["content"].endswith(prompt.again())
    assert instance["messages"][1] == first.body["instances"][0]["messages"][1]
    assert vertex.ask_again(second, ModelAnswerNotJSON("no JSON")) is None
