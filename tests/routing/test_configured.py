"""The model servers of the environment, and what is checked of them at start-up."""

from __future__ import annotations

import pytest

from routing.checks import check_targets
from routing.configured import configured_targets
from routing.protocols import PROTOCOLS
from routing.targets import Target


def test_there_is_a_target_for_each_url_edge_first(settings):
    settings.EDGE_MODEL_URL = "http://edge.example/infer"
    settings.CLOUD_MODEL_URL = "https://cloud.example/v1"
    settings.CLOUD_MODEL_PROTOCOL = "openai"
    settings.CLOUD_MODEL_NAME = "model-1"
    settings.CLOUD_MODEL_TOKEN_ENV = "CLOUD_TOKEN"

    assert configured_targets() == [
        Target(name="edge", url="http://edge.example/infer"),
        Target(
            name="cloud",
            url="https://cloud.example/v1",
            protocol="openai",
            model="model-1",
            token_env="CLOUD_TOKEN",
        ),
    ]


def test_without_a_url_there_is_no_target(settings):
    settings.EDGE_MODEL_URL = settings.CLOUD_MODEL_URL = ""

    assert configured_targets() == []


@pytest.mark.parametrize(
    ("values", "named"),
    [
        pytest.param({"EDGE_MODEL_PROTOCOL": "ollama"}, "names no model", id="model"),
        pytest.param(
            {"EDGE_MODEL_PROTOCOL": "openai", "EDGE_MODEL_TOKEN_ENV": "NOT_SET"},
            "NOT_SET",
            id="token",
        ),
    ],
)
def test_a_target_that_lacks_something_is_an_error_at_start_up(settings, values, named):
    for name, value in values.items():
        setattr(settings, name, value)

    [error] = check_targets(None)

    assert error.id == "routing.E001"
    assert named in error.msg
    assert "EDGE_MODEL_PROTOCOL" in error.hint


def test_a_target_that_lacks_nothing_is_no_error(settings, monkeypatch):
    monkeypatch.setenv("EDGE_TOKEN", "a-token")
    settings.EDGE_MODEL_PROTOCOL = "openai"
    settings.EDGE_MODEL_NAME = "model-1"
    settings.EDGE_MODEL_TOKEN_ENV = "EDGE_TOKEN"

    assert check_targets(None) == []


def test_the_settings_know_every_protocol(settings):
    assert set(settings.MODEL_PROTOCOLS) == set(PROTOCOLS)
