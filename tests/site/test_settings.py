"""A mistake in the environment stops the start, names the variable and says the fix."""

from __future__ import annotations

import ast
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import environ
import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.environments import PRODUCTION
from tests.servers import ROOT
from tests.site.bad_values import BAD
from tests.system.stack import Stack

SETTINGS = ROOT / "pediscreen_site" / "settings.py"
READERS = {
    "file",
    "files",
    "signing_keys",
    "choice",
    "choices",
    "database",
    "domains",
    "flag",
    "folder",
    "hosts",
    "key",
    "networks",
    "number",
    "ports",
    "origins",
    "text",
    "time_zone",
    "url",
    "whole_number",
    "word",
}
SECRET = "x" * 50


def variables() -> list[str]:
    """List every environment variable that the settings read."""
    return [
        node.args[0].value
        for node in ast.walk(ast.parse(SETTINGS.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in READERS
        and isinstance(node.args[0], ast.Constant)
    ]


@pytest.fixture
def settings_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Read the settings anew in an environment of a secret key and these variables."""
    monkeypatch.setattr(environ.Env, "read_env", lambda *args, **kwargs: None)

    def read(**values: str) -> dict[str, Any]:
        for name in variables():
            monkeypatch.delenv(name, raising=False)
        for name, value in {"DJANGO_SECRET_KEY": SECRET, **values}.items():
            monkeypatch.setenv(name, value)
        found = runpy.run_path(str(SETTINGS))
        return {name: found[name] for name in found if name.isupper()}

    return read


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in BAD for value in BAD[name]]
)
def test_a_bad_value_names_its_variable_and_the_fix(settings_of, name, value):
    with pytest.raises(ImproperlyConfigured) as refusal:
        settings_of(**{name: value})

    message = str(refusal.value)
    assert re.search(rf"\b{name}\b", message)
    assert re.search(r"\bSet it (to|within)\b", message)


def test_every_variable_has_bad_values():
    assert sorted(BAD) == sorted(variables())


def test_the_secrets_of_a_url_are_not_quoted(settings_of):
    for name in ("DATABASE_URL", "REDIS_URL"):
        with pytest.raises(ImproperlyConfigured) as refusal:
            settings_of(**{name: "mongodb://app:zq-password@host/name"})

        assert "zq-password" not in str(refusal.value)


GOOD: list[tuple[str, str, str, Any]] = [
    ("DEBUG", "TRUE", "DEBUG", True),
    ("DEBUG", "on", "DEBUG", True),
    ("DEBUG", "0", "DEBUG", False),
    ("LOG_LEVEL", "warning", "LOG_LEVEL", "WARNING"),
    ("API_KEY", "key-from-a-file\n", "API_KEY", "key-from-a-file"),
    ("API_KEY", "$not-another-variable", "API_KEY", "$not-another-variable"),
    ("DJANGO_SECRET_KEY", "$" + SECRET, "SECRET_KEY", "$" + SECRET),
    ("ALLOWED_HOSTS", "a.org, .b.org,", "ALLOWED_HOSTS", ["a.org", ".b.org"]),
    ("REDIS_URL", "unix:///run/r.sock", "REDIS_URL", "unix:///run/r.sock"),
    ("REDIS_URL", "rediss://u:p@h:1/2", "REDIS_URL", "rediss://u:p@h:1/2"),
    ("EDGE_MODEL_URL", "http://[::1]:8/x?y", "EDGE_MODEL_URL", "http://[::1]:8/x?y"),
    ("JOB_LEASE_SECONDS", "60", "JOB_HEARTBEAT_SECONDS", 20),
    ("JOB_CONCURRENCY", " 4 ", "JOB_CONCURRENCY", 4),
    ("TIME_ZONE", "America/Chicago", "TIME_ZONE", "America/Chicago"),
    ("HTTPS", "true", "SESSION_COOKIE_SECURE", True),
    (
        "CONSENT_REQUIRED_SCOPES",
        " Research,raw_media,",
        "CONSENT_REQUIRED_SCOPES",
        {"research", "raw_media"},
    ),
    (
        "CSRF_TRUSTED_ORIGINS",
        "https://a.org,https://*.b.org:8443",
        "CSRF_TRUSTED_ORIGINS",
        ["https://a.org", "https://*.b.org:8443"],
    ),
]


@pytest.mark.parametrize(("name", "value", "setting", "expected"), GOOD)
def test_a_good_value_is_taken(settings_of, name, value, setting, expected):
    found = settings_of(**{name: value})[setting]

    assert found == expected


@pytest.mark.parametrize("name", [n for n in BAD if n != "DJANGO_SECRET_KEY"])
def test_an_empty_variable_counts_as_left_out(settings_of, name):
    assert settings_of(**{name: " "}) == settings_of()


def test_postgresql_gets_a_pool_and_timeouts_and_sqlite_gets_its_own(settings_of):
    url = "postgresql://app:password@host:5433/name"

    [found] = settings_of(DATABASE_URL=url, DATABASE_POOL_SIZE="5")[
        "DATABASES"
    ].values()
    [lite] = settings_of(DATABASE_URL="sqlite:////tmp/x.db")["DATABASES"].values()

    assert found["OPTIONS"]["pool"]["max_size"] == 5
    assert "statement_timeout" in found["OPTIONS"]["options"]
    assert (found["NAME"], found["HOST"], found["PORT"]) == ("name", "host", 5433)
    assert lite["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


# --- The secret key ---------------------------------------------------------------


def test_debug_makes_a_secret_key_of_its_own_at_each_start(settings_of):
    one = settings_of(DEBUG="true", DJANGO_SECRET_KEY="")["SECRET_KEY"]
    other = settings_of(DEBUG="true", DJANGO_SECRET_KEY="")["SECRET_KEY"]

    assert len(one) > 50
    assert one != other


def test_a_dot_env_file_is_read_and_the_environment_goes_first(tmp_path, monkeypatch):
    for name in ("DJANGO_SECRET_KEY", "LOG_LEVEL", "JOB_CONCURRENCY"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    (tmp_path / "pediscreen_site").mkdir()
    copied = shutil.copy(SETTINGS, tmp_path / "pediscreen_site")
    (tmp_path / ".env").write_text(
        f"DJANGO_SECRET_KEY={SECRET}\nLOG_LEVEL=DEBUG\nJOB_CONCURRENCY=7\n"
    )

    found = runpy.run_path(str(copied))

    assert found["SECRET_KEY"] == SECRET
    assert (found["LOG_LEVEL"], found["JOB_CONCURRENCY"]) == ("ERROR", 7)


# --- .env.example -----------------------------------------------------------------


def example() -> dict[str, tuple[str, str]]:
    """Return each variable of .env.example with its value and the comment above it."""
    found: dict[str, tuple[str, str]] = {}
    comment: list[str] = []
    for line in (ROOT / ".env.example").read_text().splitlines():
        if assigned := re.fullmatch(r"#([A-Z_]+)=(.*)", line):
            found[assigned[1]] = (assigned[2], " ".join(comment))
        comment = [*comment, line[2:]] if line.startswith("# ") else []
    return found


def test_every_variable_is_in_the_example_with_a_comment():
    assert sorted(example()) == sorted(set(variables()))
    assert all(len(comment) > 20 for _, comment in example().values())


def test_the_values_of_the_example_are_the_defaults(settings_of):
    values = {name: value for name, (value, _) in example().items()}
    del values["DJANGO_SECRET_KEY"]

    assert settings_of(**values) == settings_of()


# --- As a process -----------------------------------------------------------------


def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {name: os.environ[name] for name in os.environ if name not in variables()}
    clean["DJANGO_SETTINGS_MODULE"] = "pediscreen_site.settings"
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=clean | env,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.system
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DJANGO_SECRET_KEY", "", "DJANGO_SECRET_KEY is not set"),
        ("JOB_LEASE_SECONDS", "soon", "JOB_LEASE_SECONDS must be a number"),
        ("DATABASE_URL", "mysql://x/y", "DATABASE_URL must be a sqlite"),
    ],
)
def test_manage_py_says_what_is_wrong_on_one_line_and_fails(name, value, said):
    done = run("manage.py", "check", **{"DJANGO_SECRET_KEY": SECRET, name: value})

    assert done.returncode == 1
    assert done.stderr.startswith("Configuration error: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.system
def test_the_production_environment_passes_the_deployment_check():
    done = run(
        *["manage.py", "check", "--deploy", "--fail-level", "WARNING"], **PRODUCTION
    )

    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A migrated database without a key, and a Redis."""
    with Stack(API_KEY="", EDGE_MODEL_URL="http://127.0.0.1:9/") as stack:
        yield stack


def start(stack: Stack, **env: str) -> subprocess.CompletedProcess[str]:
    """Import the WSGI application, as a server does before its first request."""
    ours = {name: stack.env[name] for name in variables() if name in stack.env}
    return run("-c", "import pediscreen_site.wsgi", **(ours | env))


@pytest.mark.system
def test_without_any_key_the_api_does_not_start_and_says_how_to_make_one(stack):
    done = start(stack)

    assert done.returncode != 0
    assert "No API key is configured" in done.stderr
    assert "manage.py create_api_key" in done.stderr


@pytest.mark.system
@pytest.mark.parametrize("env", [{"DEBUG": "true"}, {"API_KEY": "k" * 40}])
def test_with_debug_or_with_a_key_the_api_starts(stack, env):
    done = start(stack, **env)

    assert done.returncode == 0, done.stderr


@pytest.mark.system
@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"JOB_HEARTBEAT_SECONDS": "20", "JOB_LEASE_SECONDS": "30"}, "screening.E002"),
        ({"JOB_BACKOFF_SECONDS": "9", "JOB_BACKOFF_MAX_SECONDS": "1"}, "E003"),
        ({"API_KEY": "short"}, "API_KEY is shorter than 24 characters"),
        ({"DJANGO_SECRET_KEY": "changeme"}, "SECRET_KEY has less than 50 characters"),
    ],
)
def test_settings_that_do_not_fit_or_could_be_guessed_stop_the_start(stack, env, said):
    done = start(stack, **({"API_KEY": "k" * 40} | env))

    assert done.returncode != 0
    assert said in done.stderr


@pytest.mark.system
@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////nowhere/at/all/db.sqlite3",
        "postgresql://app:zq-password@127.0.0.1:9/name",
    ],
)
def test_a_database_that_is_away_stops_no_start_and_is_told_of(stack, url):
    done = start(stack, DATABASE_URL=url)

    assert done.returncode == 0, done.stderr
    assert "The database is away at start-up" in done.stderr
    assert "zq-password" not in done.stderr


@pytest.mark.system
def test_a_key_in_the_database_is_enough_to_start(stack, tmp_path: Path):
    ours = {name: stack.env[name] for name in variables() if name in stack.env}

    made = run("manage.py", "create_api_key", "EHR bridge", **ours)

    assert made.returncode == 0, made.stderr
    assert made.stdout.splitlines()[-1].startswith("psk_")
    assert start(stack).returncode == 0
