"""What is wrong with the configuration is found before the first request."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import checks

from screening import checks as ours
from tests.servers import database_kind

SQLITE = {"default": {"ENGINE": "django.db.backends.sqlite3"}}
POSTGRESQL = {"default": {"ENGINE": "django.db.backends.postgresql"}}


def found(*, deploy: bool = False) -> set[str]:
    messages = checks.run_checks(include_deployment_checks=deploy)
    return {str(m.id) for m in messages if str(m.id).startswith("screening.")}


CASES: list[tuple[str, dict[str, Any], bool]] = [
    ("screening.W001", {"EDGE_MODEL_URL": "", "CLOUD_MODEL_URL": ""}, True),
    ("screening.W001", {"EDGE_MODEL_URL": "http://a/", "CLOUD_MODEL_URL": ""}, False),
    ("screening.W001", {"EDGE_MODEL_URL": "", "CLOUD_MODEL_URL": "http://a/"}, False),
    (
        "screening.E002",
        {"JOB_LEASE_SECONDS": 20.0, "JOB_HEARTBEAT_SECONDS": 10.0},
        True,
    ),
    (
        "screening.E002",
        {"JOB_LEASE_SECONDS": 20.1, "JOB_HEARTBEAT_SECONDS": 10.0},
        False,
    ),
    (
        "screening.E003",
        {"JOB_BACKOFF_SECONDS": 3.1, "JOB_BACKOFF_MAX_SECONDS": 3.0},
        True,
    ),
    (
        "screening.E003",
        {"JOB_BACKOFF_SECONDS": 3.0, "JOB_BACKOFF_MAX_SECONDS": 3.0},
        False,
    ),
    ("screening.E004", {"API_KEY": "x" * 23}, True),
    ("screening.E004", {"API_KEY": "x" * 24}, False),
    ("screening.E004", {"API_KEY": ""}, False),
]


@pytest.mark.parametrize(("check", "values", "expected"), CASES)
def test_a_check_speaks_up_when_it_should_and_only_then(
    settings, check, values, expected
):
    for name, value in values.items():
        setattr(settings, name, value)

    assert (check in found(deploy=True)) is expected


@pytest.mark.parametrize(("databases", "speaks"), [(SQLITE, True), (POSTGRESQL, False)])
def test_sqlite_is_warned_of_in_production(monkeypatch, databases, speaks):
    monkeypatch.setattr("django.conf.settings.DATABASES", databases)

    messages = ours.check_sqlite(None)

    assert [message.id for message in messages] == ["screening.W005"] * speaks


def test_every_check_has_a_case():
    declared = {
        message
        for check in checks.registry.registry.get_checks(include_deployment_checks=True)
        if check.__module__ == ours.__name__
        for message in [check.__name__]
    }

    assert declared == {
        "check_api_key",
        "check_backoff",
        "check_lease",
        "check_model_servers",
        "check_sqlite",
    }


def test_every_message_says_the_fix_and_names_a_setting(settings, monkeypatch):
    settings.EDGE_MODEL_URL = settings.CLOUD_MODEL_URL = ""
    settings.JOB_LEASE_SECONDS = settings.JOB_HEARTBEAT_SECONDS = 10.0
    settings.JOB_BACKOFF_SECONDS, settings.JOB_BACKOFF_MAX_SECONDS = 2.0, 1.0
    settings.API_KEY = "short"
    monkeypatch.setattr("django.conf.settings.DATABASES", SQLITE)

    messages = [
        *ours.check_model_servers(None),
        *ours.check_lease(None),
        *ours.check_backoff(None),
        *ours.check_api_key(None),
        *ours.check_sqlite(None),
    ]

    assert [m.id for m in messages] == [
        "screening.W001",
        "screening.E002",
        "screening.E003",
        "screening.E004",
        "screening.W005",
    ]
    assert all(message.hint for message in messages)


def test_deployment_alone_asks_for_a_long_key_and_a_database_server(settings):
    settings.API_KEY = "short"

    assert "screening.E004" not in found()
    assert "screening.E004" in found(deploy=True)
    assert ("screening.W005" in found(deploy=True)) is (database_kind() == "sqlite")


def test_the_settings_of_the_tests_are_in_order():
    assert found() == set()
