"""Who may call which route. A route that is not in the table below fails the test."""

from __future__ import annotations

import hashlib
import logging
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import URLResolver
from django.utils import timezone

from pediscreen_site.urls import urlpatterns
from screening.models import ApiKey, Scope
from screening.services import keys
from screening.services.keys import create_key, default_clinic, revoke_key

KEYED = {
    ("POST", "api/submit"): Scope.JOBS_WRITE,
    ("POST", "api/submit/bulk"): Scope.JOBS_WRITE,
    ("GET", "api/status/<path:job_id>"): Scope.JOBS_READ,
    ("GET", "api/jobs"): Scope.JOBS_READ,
    ("POST", "api/jobs/<path:job_id>/cancel"): Scope.JOBS_WRITE,
    ("POST", "api/jobs/<path:job_id>/retry"): Scope.JOBS_WRITE,
    ("GET", "api/cases/<path:case_id>"): Scope.JOBS_READ,
    ("GET", "api/cases/<path:case_id>/report"): Scope.JOBS_READ,
    ("POST", "api/consents"): Scope.CONSENTS_WRITE,
    ("GET", "api/consents"): Scope.CONSENTS_READ,
    ("POST", "api/consents/<path:consent_id>/revoke"): Scope.CONSENTS_WRITE,
    ("POST", "register_agent"): Scope.AGENTS_WRITE,
    ("POST", "agents/<path:agent_id>/heartbeat"): Scope.AGENTS_WRITE,
    ("GET", "agents"): Scope.AGENTS_READ,
    ("POST", "agents/<path:agent_id>/lease"): Scope.AGENTS_WRITE,
    ("POST", "task/<path:task_id>/heartbeat"): Scope.AGENTS_WRITE,
    ("POST", "task/<path:task_id>/result"): Scope.AGENTS_WRITE,
    ("POST", "route_and_call"): Scope.TASKS_WRITE,
    ("POST", "route_task"): Scope.TASKS_WRITE,
    ("GET", "task/<path:task_id>"): Scope.TASKS_READ,
}
OPEN = {"health", "livez", "readyz", "api/schema", "api/docs", ""}
# It has a view of its own, and tests in tests/site.
METRICS = {"metrics"}
BY_SESSION = "admin/"
ALL_SCOPES = [str(scope) for scope in Scope]

SCOPE_OF = {
    (method, f"/{path.replace('<path:job_id>', str(uuid.UUID(int=1)))}"): scope
    for (method, path), scope in KEYED.items()
}
routes = pytest.mark.parametrize(("method", "path"), SCOPE_OF)


def walk(patterns, before=""):
    """Return the path and the view of every route."""
    for pattern in patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from walk(pattern.url_patterns, path)
        else:
            yield path, pattern.callback


def call(client, method, path, **headers):
    body = b"[{}]" if path.endswith("bulk") else b"{}"
    return client.generic(method, path, body, "application/json", headers=headers)


def make_key(scopes=ALL_SCOPES, **values):
    return create_key(
        name="test", clinic=default_clinic(), scopes=scopes, actor="user:test", **values
    )


def check_unknown(response):
    assert response.status_code == 401
    assert response.json() == {
        "code": "AUTH_FAIL",
        "message": "Invalid API key",
        "details": {},
        "detail": "Invalid API key",
    }
    assert response["WWW-Authenticate"] == "ApiKey"
    assert response["Cache-Control"] == "no-store"


@pytest.fixture
def anybody(api):
    """A client without a key."""
    return Client()


def test_every_route_is_known_to_this_test():
    ours = {path for path, _ in walk(urlpatterns) if not path.startswith(BY_SESSION)}

    assert ours == {path for _, path in KEYED} | OPEN | METRICS


def test_every_method_of_a_keyed_route_names_its_scope():
    found = set()
    for path, view in walk(urlpatterns):
        if path in OPEN | METRICS or path.startswith(BY_SESSION):
            continue
        for method, action in view.actions.items():
            if method != "head":
                found.add((method.upper(), path))
                assert view.cls.scopes[action] == KEYED[method.upper(), path]
    assert found == set(KEYED)


@routes
def test_without_a_key_it_is_401(anybody, method, path):
    check_unknown(call(anybody, method, path))


@routes
@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda raw: "wrong", id="a word"),
        pytest.param(lambda raw: raw[:-1], id="cut off"),
        pytest.param(lambda raw: f"{raw}x", id="a character more"),
        pytest.param(lambda raw: raw.swapcase(), id="other case"),
        pytest.param(lambda raw: f"{raw}, {raw}", id="twice"),
        pytest.param(lambda raw: f"Bearer {raw}", id="bearer"),
        pytest.param(lambda raw: f"{raw[:13]}{'x' * 43}", id="right prefix alone"),
        pytest.param(lambda raw: raw[:12], id="prefix"),
        pytest.param(lambda raw: hashlib.sha256(raw.encode()).hexdigest(), id="digest"),
        pytest.param(lambda raw: "psk_", id="no prefix"),
        pytest.param(lambda raw: "psk__", id="empty prefix"),
        pytest.param(lambda raw: "psk_\0\0_x", id="NUL"),
        pytest.param(lambda raw: "psk_%_x", id="SQL wildcard"),
        pytest.param(lambda raw: "psk_' OR 1=1_x", id="SQL"),
        pytest.param(lambda raw: "psk_ü_x", id="not ASCII"),
        pytest.param(lambda raw: "ключ", id="not Latin-1"),
        pytest.param(lambda raw: "k" * 100_000, id="100,000 characters"),
        pytest.param(lambda raw: " ", id="space"),
    ],
)
def test_with_a_key_that_is_none_it_is_401(anybody, method, path, made):
    _, raw = make_key()

    check_unknown(call(anybody, method, path, **{"x-api-key": made(raw)}))


@routes
def test_with_an_expired_key_it_is_401(anybody, method, path):
    _, raw = make_key(expires_at=timezone.now() - timedelta(seconds=1))

    check_unknown(call(anybody, method, path, **{"x-api-key": raw}))


@routes
def test_with_a_revoked_key_it_is_401_from_the_next_request_on(anybody, method, path):
    key, raw = make_key()
    before = call(anybody, method, path, **{"x-api-key": raw})

    revoke_key(key, actor="user:test")

    assert before.status_code in {200, 404, 422}
    check_unknown(call(anybody, method, path, **{"x-api-key": raw}))


@routes
def test_with_a_key_that_lacks_the_scope_it_is_403(anybody, method, path):
    needed = SCOPE_OF[method, path]
    _, raw = make_key(scopes=[s for s in ALL_SCOPES if s != needed])

    response = call(anybody, method, path, **{"x-api-key": raw})

    assert response.status_code == 403
    assert set(response.json()) == {"code", "message", "details", "detail"}
    assert response.json()["code"] == "FORBIDDEN"


@routes
def test_a_key_without_any_scope_opens_nothing(anybody, method, path):
    _, raw = make_key(scopes=[])

    assert call(anybody, method, path, **{"x-api-key": raw}).status_code == 403


@routes
def test_another_method_needs_a_key_too(anybody, method, path):
    for other in ("PUT", "DELETE", "OPTIONS", "TRACE"):
        check_unknown(call(anybody, other, path))


@routes
def test_a_key_elsewhere_than_in_its_header_is_not_looked_at(
    anybody, settings, method, path
):
    key = settings.API_KEY

    check_unknown(call(anybody, method, f"{path}?api_key={key}&x-api-key={key}"))
    check_unknown(call(anybody, method, path, Authorization=f"Bearer {key}"))
    check_unknown(call(anybody, method, path, Cookie=f"x-api-key={key}"))


@routes
def test_no_answer_and_no_log_line_holds_a_key(anybody, settings, caplog, method, path):
    caplog.set_level(logging.DEBUG)
    _, raw = make_key(scopes=[])
    wrong = raw[:-4] + "abcd"
    digest = hashlib.sha256(raw.encode()).hexdigest()
    secrets = [raw[13:], wrong[13:], settings.API_KEY, digest]

    for key in (raw, wrong, settings.API_KEY):
        response = call(anybody, method, path, **{"x-api-key": key})

        answered = f"{response.headers} {response.content.decode()}"
        assert not [secret for secret in secrets if secret in answered]
    assert not [secret for secret in secrets if secret in caplog.text]
    assert not [
        secret
        for record in caplog.records
        for secret in secrets
        if secret in str(record.__dict__)
    ]


@pytest.mark.parametrize("path", sorted(OPEN))
def test_an_open_route_asks_for_no_key_and_takes_any(anybody, path):
    without = anybody.get(f"/{path}")
    wrong = anybody.get(f"/{path}", headers={"x-api-key": "wrong"})

    assert without.status_code == wrong.status_code
    assert without.status_code in {200, 302}


def test_an_unknown_path_says_nothing_about_keys(anybody):
    assert anybody.get("/api/nothing").status_code == 404


def test_the_admin_asks_for_a_session_whatever_the_key(api):
    response = api.get("/admin/")

    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")


def test_a_revocation_by_another_process_is_seen_within_a_minute(anybody, monkeypatch):
    key, raw = make_key()
    assert call(anybody, "GET", "/api/jobs", **{"x-api-key": raw}).status_code == 200
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())

    remembered = call(anybody, "GET", "/api/jobs", **{"x-api-key": raw})
    real = keys.time.monotonic
    monkeypatch.setattr(keys.time, "monotonic", lambda: real() + 60)

    assert remembered.status_code == 200
    check_unknown(call(anybody, "GET", "/api/jobs", **{"x-api-key": raw}))


def test_the_last_use_of_a_key_is_noted(anybody):
    key, raw = make_key()

    call(anybody, "GET", "/api/jobs", **{"x-api-key": raw})

    key.refresh_from_db()
    assert timezone.now() - key.last_used_at < timedelta(seconds=30)


def test_the_header_may_be_written_in_any_case(api, settings):
    response = Client().get("/api/jobs", headers={"X-API-KEY": settings.API_KEY})

    assert response.status_code == 200


def test_without_any_key_the_api_is_open_in_debug_only(anybody, settings):
    settings.API_KEY = ""
    check_unknown(call(anybody, "GET", "/api/jobs"))

    settings.DEBUG = True
    assert call(anybody, "GET", "/api/jobs").status_code == 200
    check_unknown(call(anybody, "GET", "/api/jobs", **{"x-api-key": "wrong"}))

    make_key()
    check_unknown(call(anybody, "GET", "/api/jobs"))
