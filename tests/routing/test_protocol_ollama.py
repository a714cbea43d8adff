"""Ollama's own chat route: what is sent, and what is made of the answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.errors import (
    ModelAnswerCutOff,
    ModelAnswerNotJSON,
    ModelGaveNoAnswer,
    ProtocolMismatch,
    TargetMisconfigured,
)
from routing.protocols import ollama, prompt
from routing.targets import Target

PLAIN = {"age_months": 24, "observations": "Points at the dog."}
RESULT = {"risk": "monitor", "summary": [], "confidence": 0.5}


def target(**options: Any) -> Target:
    return Target(
        **{"name": "edge", "url": "http://edge:11434", "model": "medgemma:4b"} | options
    )


def answer(content: Any, **more: Any) -> dict[str, Any]:
    return {
        "model": "medgemma:4b",
        "created_at": "2026-01-01T00:00:00Z",
        "message": {"role": "assistant", "content": content},
        "done": True,
        "done_reason": "stop",
        "eval_count": 60,
    } | more


def test_a_request_is_exactly_this():
    found = ollama.request(target(), "RC-2041", PLAIN, {})

    assert found.url == "http://edge:11434/api/chat"
    assert found.body == {
        "model": "medgemma:4b",
        "messages": [
            {"role": "system", "content": prompt.system()},
            {"role": "user", "content": prompt.user_message(PLAIN)},
        ],
        "stream": False,
        "format": prompt.schema(),
        "options": {"temperature": 0, "num_predict": 1024, "num_ctx": 16384},
    }
    assert found.provenance == prompt.provenance(prompt.user_message(PLAIN))


@pytest.mark.parametrize(
    "url",
    ["http://edge:11434/", "http://edge:11434/api", "http://edge:11434/api/chat"],
)
def test_a_url_is_used_as_it_is_or_completed(url):
    found = ollama.request(target(url=url), "RC-2041", PLAIN, {})

    assert found.url == "http://edge:11434/api/chat"


def test_an_image_is_sent_without_its_prefix():
    payload = PLAIN | {"images": ["data:image/jpeg;base64,AAAA"]}

    found = ollama.request(target(takes_images=True), "RC-2041", payload, {})

    assert found.body["messages"][1] == {
        "role": "user",
        "content": prompt.user_message(PLAIN),
        "images": ["AAAA"],
    }


def test_a_target_without_a_model_is_named():
    with pytest.raises(TargetMisconfigured, match="edge names no model"):
        ollama.request(target(model=""), "RC-2041", PLAIN, {})


def test_the_result_is_the_text_of_the_message():
    found = ollama.answer_of(answer(f"```json\n{json.dumps(RESULT)}\n```"))

    assert found == RESULT | {"model_id": "medgemma:4b"}


@pytest.mark.parametrize(
    ("found", "error"),
    [
        (answer(json.dumps(RESULT), done_reason="length"), ModelAnswerCutOff),
        (answer('{"risk"', done=False), ModelAnswerCutOff),
        (answer("", done_reason="load"), ModelGaveNoAnswer),
        (answer("I cannot say."), ModelAnswerNotJSON),
        (answer(RESULT), ProtocolMismatch),
        ({"error": "model not found"}, ProtocolMismatch),
    ],
)
def test_what_is_no_result_is_an_error(found, error):
    with pytest.raises(error):
        ollama.answer_of(found)


def test_after_no_json_it_is_asked_once_more():
    first = ollama.request(target(), "RC-2041", PLAIN, {})

    second = ollama.ask_again(first, ModelAnswerNotJSON("no JSON"))

    assert second is not None
    assert second.body["messages"][0]["content"].endswith(prompt.again())
    assert ollama.ask_again(second, ModelAnswerNotJSON("no JSON")) is None
    assert ollama.ask_again(first, ModelAnswerCutOff("cut off")) is None
