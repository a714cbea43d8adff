"""OpenAI-compatible chat completions: what is sent, and what is made of the answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.errors import (
    ModelAnswerCutOff,
    ModelAnswerNotJSON,
    ModelGaveNoAnswer,
    ProtocolMismatch,
    RoutingError,
)
from routing.protocols import openai, prompt
from routing.targets import Target

PLAIN = {"age_months": 24, "observations": "Points at the dog."}
EMBEDDING = {"embedding_b64": "AACAPw==", "shape": [1, 1]}
IMAGE = "data:image/png;base64,iVBORw0KGgo="
RESULT = {"risk": "monitor", "summary": ["An invented line."], "confidence": 0.5}
TEXT = json.dumps(RESULT)


def target(**options: Any) -> Target:
    return Target(
        **{"name": "edge", "url": "http://edge:8000", "protocol": "openai"} | options
    )


def asked(payload: dict[str, Any], **options: Any) -> dict[str, Any]:
    return openai.request(target(**options), "RC-2041", payload, {}).body


def completion(content: Any = TEXT, *, finish: Any = "stop", **message: Any) -> Any:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "medgemma-4b-it",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": content, **message},
            }
        ],
        "usage": {"prompt_tokens": 900, "completion_tokens": 60},
    }


# --- What is sent -----------------------------------------------------------------


def test_a_request_is_exactly_this():
    found = openai.request(target(model="medgemma-4b-it"), "RC-2041", PLAIN, {})

    assert found.url == "http://edge:8000/v1/chat/completions"
    assert found.headers == {}
    assert not found.is_second
    assert found.body == {
        "model": "medgemma-4b-it",
        "messages": [
            {"role": "system", "content": prompt.system()},
            {"role": "user", "content": prompt.user_message(PLAIN)},
        ],
        "temperature": 0,
        "max_tokens": 1024,
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "screening_result",
                "strict": True,
                "schema": prompt.schema(),
            },
        },
    }
    assert found.provenance == prompt.provenance(prompt.user_message(PLAIN))
    assert "RC-2041" not in json.dumps(found.body)


@pytest.mark.parametrize(
    ("url", "called"),
    [
        ("http://h:8000", "http://h:8000/v1/chat/completions"),
        ("http://h:8000/", "http://h:8000/v1/chat/completions"),
        ("http://h:8000/v1", "http://h:8000/v1/chat/completions"),
        ("http://h:8000/v1/", "http://h:8000/v1/chat/completions"),
        ("http://h/llm", "http://h/llm/v1/chat/completions"),
        ("http://h/x/chat/completions", "http://h/x/chat/completions"),
        ("http://h/x/chat/completions?v=1", "http://h/x/chat/completions?v=1"),
        ("http://h/llm?v=1", "http://h/llm/v1/chat/completions?v=1"),
    ],
)
def test_a_url_is_used_as_it_is_or_completed(url, called):
    assert openai.request(target(url=url), "RC-2041", PLAIN, {}).url == called


def test_a_target_that_names_no_model_leaves_it_to_the_server():
    assert "model" not in asked(PLAIN)


def test_an_embedding_goes_only_to_a_server_that_takes_one():
    taken = asked(PLAIN | EMBEDDING, takes_embeddings=True)
    left_out = asked(PLAIN | EMBEDDING)

    assert {name: taken[name] for name in EMBEDDING} == EMBEDDING
    assert taken["messages"] == asked(PLAIN)["messages"]
    assert "AACAPw==" not in json.dumps(left_out)
    told = prompt.user_message(PLAIN, not_given=["embedding"])
    assert left_out["messages"][1]["content"] == told
    assert asked(PLAIN, takes_embeddings=True) == asked(PLAIN)


def test_an_image_goes_only_to_a_server_that_takes_one():
    payload = PLAIN | {"images": [IMAGE]}

    taken = asked(payload, takes_images=True)["messages"][1]["content"]
    left_out = asked(payload)["messages"][1]["content"]

    assert taken == [
        {"type": "text", "text": prompt.user_message(PLAIN)},
        {"type": "image_url", "image_url": {"url": IMAGE}},
    ]
    assert left_out == prompt.user_message(PLAIN, not_given=["images"])


@pytest.mark.parametrize(
    "image", ["https://elsewhere.example/a.png", "data:text/html;base64,AAAA", 7]
)
def test_what_is_not_an_image_itself_is_never_passed_on(image):
    content = asked(PLAIN | {"images": [image]}, takes_images=True)["messages"][1]

    assert content["content"] == prompt.user_message(PLAIN, not_given=["images"])


# --- What is made of the answer ---------------------------------------------------


def test_the_result_is_the_text_of_the_first_choice():
    assert openai.answer_of(completion()) == RESULT | {"model_id": "medgemma-4b-it"}


def test_the_model_is_named_by_its_server_and_not_by_itself():
    text = json.dumps(RESULT | {"model_id": "the best of models"})

    assert openai.answer_of(completion(text))["model_id"] == "medgemma-4b-it"
    assert "model_id" not in openai.answer_of(completion(text) | {"model": None})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"```json\n{TEXT}\n```", id="fenced"),
        pytest.param(f"```\n{TEXT}\n```\n", id="fenced without a language"),
        pytest.param(f"Here is the note:\n\n{TEXT}", id="after words"),
        pytest.param(f"{TEXT}\n\nI hope this helps.", id="before words"),
        pytest.param(f"Sure!\n```json\n{TEXT}\n```\nDone.", id="among words"),
        pytest.param(f" \n{TEXT}\n ", id="among white space"),
    ],
)
def test_a_result_in_a_wrapping_is_unwrapped(text):
    found = openai.answer_of(completion(text))

    assert found == RESULT | {"model_id": "medgemma-4b-it"}


def test_braces_and_fences_inside_a_text_do_not_end_the_object():
    result = {"risk": "discuss", "summary": ['a } b { c " ``` \\']}

    found = openai.answer_of(completion(f"Note: {json.dumps(result)} end"))

    assert found["summary"] == result["summary"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("I cannot say.", id="words"),
        pytest.param('{"risk": "refer"', id="unfinished"),
        pytest.param('{"risk": "on_track"} {"risk": "refer"}', id="two objects"),
        pytest.param(
            'Not {"risk": "on_track"} but {"risk": "refer"}', id="two choices"
        ),
        pytest.param('{"risk": "on_track", "risk": "refer"}', id="a key twice"),
        pytest.param("{'risk': 'refer'}", id="Python"),
        pytest.param('{"confidence": NaN}', id="no number"),
        pytest.param('{"risk": "refer",}', id="a comma too many"),
        pytest.param('[{"risk": "refer"}]', id="a list"),
        pytest.param('"on_track"', id="a text"),
        pytest.param("null", id="null"),
        pytest.param('{"summary": ["\\u0000"]}', id="cannot be stored"),
        pytest.param('{"a":' * 40 + "1" + "}" * 40, id="too deep"),
        pytest.param("{" * 100_000, id="bottomless"),
        pytest.param('{"a": ' + "9" * 5000 + "}", id="a number without end"),
    ],
)
def test_nothing_else_is_repaired(text):
    with pytest.raises(ModelAnswerNotJSON):
        openai.answer_of(completion(text))


def test_an_answer_that_was_cut_off_is_no_answer_even_if_it_reads_well():
    with pytest.raises(ModelAnswerCutOff):
        openai.answer_of(completion(TEXT, finish="length"))
    with pytest.raises(ModelAnswerCutOff):
        openai.answer_of(completion(None, finish="length"))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(completion(None), id="null"),
        pytest.param(completion(""), id="empty"),
        pytest.param(completion(" \n"), id="white space"),
        pytest.param(completion(None, refusal="I cannot help."), id="refusal"),
        pytest.param(completion(TEXT, refusal="I cannot help."), id="refusal and text"),
        pytest.param(completion(TEXT, finish="content_filter"), id="withheld"),
        pytest.param(
            completion(None, finish="tool_calls", tool_calls=[{"id": "1"}]), id="tool"
        ),
        pytest.param(completion(TEXT, function_call={"name": "f"}), id="function"),
    ],
)
def test_a_refusal_a_tool_call_or_nothing_is_no_answer(answer):
    with pytest.raises(ModelGaveNoAnswer):
        openai.answer_of(answer)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"error": {"message": "no such model"}},
        RESULT,
        {"choices": []},
        {"choices": {}},
        {"choices": [None]},
        {"choices": [{"text": TEXT}]},
        {"choices": [{"message": TEXT}]},
        completion(RESULT),
        completion([{"type": "text", "text": TEXT}]),
    ],
)
def test_what_is_no_chat_completion_is_named_so(answer):
    with pytest.raises(ProtocolMismatch):
        openai.answer_of(answer)


def test_no_error_repeats_the_model_or_the_child():
    for text in ["zq-sentinel", '{"zq-sentinel": 1, "zq-sentinel": 2}']:
        with pytest.raises(RoutingError) as caught:
            openai.answer_of(completion(text))
        assert "zq-sentinel" not in str(caught.value)


# --- A second try -----------------------------------------------------------------


def test_after_no_json_the_same_is_asked_once_more_with_a_word_about_it():
    first = openai.request(target(model="m"), "RC-2041", PLAIN, {})

    second = openai.ask_again(first, ModelAnswerNotJSON("no JSON"))

    assert second is not None
    rules, user = second.body["messages"]
    assert rules["content"] == f"{prompt.system()}\n\n{prompt.again()}"
    assert user == first.body["messages"][1]
    assert second.body | {"messages": []} == first.body | {"messages": []}
    assert (second.url, second.headers) == (first.url, first.headers)
    assert first.body["messages"][0]["content"] == prompt.system()
    assert openai.ask_again(second, ModelAnswerNotJSON("no JSON")) is None


@pytest.mark.parametrize(
    "error", [ModelAnswerCutOff("x"), ModelGaveNoAnswer("x"), ProtocolMismatch("x")]
)
def test_what_would_come_again_is_not_asked_again(error):
    first = openai.request(target(), "RC-2041", PLAIN, {})

    assert openai.ask_again(first, error) is None
