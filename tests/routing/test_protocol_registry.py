"""What holds for every protocol: its name, its secrets, and no surprise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.errors import (
    ModelAnswerNotJSON,
    TargetMisconfigured,
    TryAnother,
    UnusableAnswer,
)
from routing.protocols import PROTOCOLS, native, protocol_of
from routing.targets import Target

SECRET = "zq-secret-sentinel"
WORDS = "zq-observation-sentinel"
PAYLOAD = {"age_months": 24, "observations": WORDS}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
texts = st.one_of(
    st.text(max_size=40),
    st.text(alphabet='{}[]":,`\\ \n1a\ud800\x00', max_size=60),
    anything.map(json.dumps),
    st.tuples(st.text(max_size=5), anything.map(json.dumps)).map("{".join),
)
contents = texts | anything
messages = anything | st.fixed_dictionaries(
    {"content": contents},
    optional={"refusal": anything, "tool_calls": anything, "role": anything},
)
completions = st.fixed_dictionaries(
    {
        "choices": anything
        | st.lists(
            anything
            | st.fixed_dictionaries({"message": messages, "finish_reason": anything}),
            max_size=2,
        )
    },
    optional={"model": anything},
)
bodies = st.one_of(
    st.dictionaries(st.text(max_size=8), anything, max_size=4),
    completions,
    st.fixed_dictionaries({"predictions": st.lists(completions, max_size=2)}),
    st.fixed_dictionaries(
        {"message": messages, "done_reason": anything, "model": anything}
    ),
    st.fixed_dictionaries(
        {
            "model_name": anything,
            "outputs": anything
            | st.lists(
                anything
                | st.fixed_dictionaries(
                    {"name": anything, "data": st.lists(contents, max_size=2)}
                ),
                max_size=2,
            ),
        }
    ),
)


def target(protocol: str, **options: Any) -> Target:
    values = {"name": "edge", "url": "http://edge:8000", "model": "m"} | options
    return Target(protocol=protocol, **values)


def everything_that_may_be_shown(error: BaseException) -> str:
    seen = [repr(error), str(error), repr(vars(error))]
    return " ".join([*seen, repr(error.__cause__)])


# --- The registry -----------------------------------------------------------------


def test_every_protocol_is_registered_under_its_own_name():
    assert {name: protocol.name for name, protocol in PROTOCOLS.items()} == {
        name: name
        for name in ("native", "openai", "ollama", "vertex", "open_inference")
    }


def test_a_target_speaks_the_native_protocol_unless_told_otherwise():
    assert protocol_of(Target(name="edge", url="http://h/")) is native


def test_a_protocol_that_is_not_known_is_a_configuration_error():
    with pytest.raises(TargetMisconfigured, match="edge names a protocol"):
        protocol_of(target("gopher"))


def test_what_is_configured_wrongly_leaves_the_other_targets_to_be_asked():
    assert issubclass(TargetMisconfigured, TryAnother)


# --- The native protocol ----------------------------------------------------------


def test_a_native_request_is_exactly_this():
    found = native.request(target("native", url="http://h/infer?a=1"), "RC-1", {}, {})

    assert found.url == "http://h/infer?a=1"
    assert found.headers == {}
    assert found.provenance == {}
    assert json.dumps(found.body) == (
        '{"case_id": "RC-1", "age_months": null, "observations": "", '
        '"embedding_b64": null, "shape": null, "max_new_tokens": 256, '
        '"temperature": 0.0}'
    )


def test_a_native_request_is_not_repeated():
    found = native.request(target("native"), "RC-1", PAYLOAD, {})

    assert native.ask_again(found, ModelAnswerNotJSON("no JSON")) is None


# --- Secrets ----------------------------------------------------------------------


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_token_is_sent_as_a_header_and_shown_nowhere(name):
    server = target(name, token_env="EDGE_TOKEN")

    found = PROTOCOLS[name].request(
        server, "RC-1", PAYLOAD, {"EDGE_TOKEN": f"{SECRET}\n", "OTHER": "x"}
    )

    assert found.headers == {"Authorization": f"Bearer {SECRET}"}
    assert SECRET not in repr(found) + str(found) + repr(server)
    assert SECRET not in json.dumps(found.body) + found.url
    assert WORDS not in repr(found) + str(found)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_target_that_names_no_token_sends_none(name):
    found = PROTOCOLS[name].request(target(name), "RC-1", PAYLOAD, {"A": SECRET})

    assert found.headers == {}


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize(
    "value", [f"{SECRET}\r\nX-More: 1", f"{SECRET} two words", f"{SECRET}ñ", "", " "]
)
def test_a_token_that_cannot_be_a_header_is_refused_without_being_shown(name, value):
    server = target(name, token_env="EDGE_TOKEN")

    with pytest.raises(TargetMisconfigured, match="EDGE_TOKEN") as caught:
        PROTOCOLS[name].request(server, "RC-1", PAYLOAD, {"EDGE_TOKEN": value})

    assert SECRET not in everything_that_may_be_shown(caught.value)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_token_that_is_not_set_is_a_configuration_error(name):
    server = target(name, token_env="EDGE_TOKEN")

    with pytest.raises(TargetMisconfigured, match=r"^EDGE_TOKEN, .* is not set"):
        PROTOCOLS[name].request(server, "RC-1", PAYLOAD, {})


# --- Whatever a server answers ----------------------------------------------------


@pytest.mark.parametrize("name", PROTOCOLS)
@given(body=bodies)
def test_an_answer_is_a_result_or_a_routing_error(name, body):
    try:
        found = PROTOCOLS[name].answer_of(body)
    except UnusableAnswer:
        return
    assert name in {"native", "open_inference"} or isinstance(found, dict)


@pytest.mark.parametrize("name", PROTOCOLS)
@given(
    age=st.none() | st.integers(0, 240),
    weeks=st.none() | st.integers(22, 44),
    observations=st.text(max_size=80),
    flags=st.dictionaries(
        st.sampled_from(["lost_skill", "parent_concern"]), st.booleans()
    ),
)
def test_every_submission_can_be_sent(name, age, weeks, observations, flags):
    payload = {
        "age_months": age,
        "gestational_weeks": weeks,
        "observations": observations,
        "flags": flags,
    }

    found = PROTOCOLS[name].request(target(name), "RC-1", payload, {})

    assert json.loads(json.dumps(found.body)) == found.body
