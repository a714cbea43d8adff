"""Every refusal in one envelope, whoever refuses: a view, DRF, Django or a defect."""

from __future__ import annotations

import logging
import re

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404
from django.test import Client, RequestFactory
from django.utils.module_loading import import_string
from rest_framework import exceptions

from pediscreen_site.api import errors
from pediscreen_site.api.errors import CODE_BY_STATUS, STATUS_BY_CODE
from screening.api import submission_views
from wire.errors import Refusal

SENTINEL = "Xyzzy-Quux"
OF_THE_CONTRACT = {
    ("INVALID_PAYLOAD", 400),
    ("AUTH_FAIL", 401),
    ("FORBIDDEN", 403),
    ("NOT_FOUND", 404),
    ("METHOD_NOT_ALLOWED", 405),
    ("CONFLICT", 409),
    ("PAYLOAD_TOO_LARGE", 413),
    ("UNSUPPORTED_MEDIA_TYPE", 415),
    ("VALIDATION_ERROR", 422),
    ("RATE_LIMITED", 429),
    ("SAFE_ERROR", 500),
    ("SERVICE_UNAVAILABLE", 503),
}


def subclasses(cls):
    for sub in cls.__subclasses__():
        yield sub
        yield from subclasses(sub)


def check_envelope(response, status, code):
    assert response.status_code == status
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert set(body) == {"code", "message", "details", "detail"}
    assert body["code"] == code
    assert SENTINEL not in response.content.decode()


@pytest.fixture
def safe_api(api):
    """A client that answers 500 as a server would, instead of raising."""
    api.raise_request_exception = False
    return api


def test_every_refusal_of_ours_has_an_http_status():
    codes = {e.code for e in subclasses(Refusal) if hasattr(e, "code")}

    assert codes == set(STATUS_BY_CODE)


def test_every_refusal_of_drf_has_a_code():
    statuses = {error.status_code for error in subclasses(exceptions.APIException)}

    assert statuses <= set(CODE_BY_STATUS)


def test_the_codes_are_those_that_clients_know():
    assert {(code, status) for status, code in CODE_BY_STATUS.items()} - {
        ("NOT_ACCEPTABLE", 406)
    } == OF_THE_CONTRACT
    assert STATUS_BY_CODE["EMBEDDING_PARSE_ERROR"] == 400
    assert STATUS_BY_CODE["EMBEDDING_SHAPE_MISMATCH"] == 400
    assert STATUS_BY_CODE["IDEMPOTENCY_KEY_REUSED"] == 422


@pytest.mark.parametrize(
    ("exception", "status"),
    [
        (Http404(SENTINEL), 404),
        (PermissionDenied(SENTINEL), 403),
        (SuspiciousOperation(SENTINEL), 400),
        (OperationalError(SENTINEL), 503),
        (InterfaceError(SENTINEL), 503),
        (exceptions.Throttled(wait=3.2), 429),
        (exceptions.NotAuthenticated(), 401),
        (exceptions.MethodNotAllowed("PUT"), 405),
    ],
)
def test_what_django_and_drf_raise_is_answered_in_the_envelope(
    safe_api, monkeypatch, exception, status
):
    def refuse(*args, **kwargs):
        raise exception

    monkeypatch.setattr(submission_views, "submit_jobs", refuse)

    response = safe_api.post("/api/submit", "{}", content_type="application/json")

    check_envelope(response, status, CODE_BY_STATUS[status])
    assert ("Retry-After" in response) == (status in {429, 503})


def test_a_defect_is_500_and_says_nothing_of_itself(safe_api, monkeypatch):
    def defect(*args, **kwargs):
        raise RuntimeError(SENTINEL)

    monkeypatch.setattr(submission_views, "submit_jobs", defect)

    response = safe_api.post("/api/submit", "{}", content_type="application/json")

    check_envelope(response, 500, "SAFE_ERROR")
    assert "RuntimeError" not in response.content.decode()
    assert response["X-Request-ID"]


def test_a_defect_is_logged_by_its_kind_and_place_and_not_by_its_words(
    safe_api, monkeypatch, caplog, settings
):
    def defect(*args, **kwargs):
        raise RuntimeError(SENTINEL) from ValueError(SENTINEL)

    monkeypatch.setattr(submission_views, "submit_jobs", defect)
    formatter = import_string(settings.LOGGING["formatters"]["json"]["()"])()

    with caplog.at_level(logging.INFO):
        safe_api.post(
            "/api/submit",
            f'{{"observations": "{SENTINEL}"}}',
            content_type="application/json",
        )

    lines = [formatter.format(record) for record in caplog.records]
    assert any("RuntimeError at defect" in line for line in lines)
    assert SENTINEL not in "".join(lines)


def test_the_database_being_away_is_logged_without_its_words(
    safe_api, monkeypatch, caplog
):
    def away(*args, **kwargs):
        raise OperationalError(SENTINEL)

    monkeypatch.setattr(submission_views, "submit_jobs", away)

    safe_api.post("/api/submit", "{}", content_type="application/json")

    assert "The database is away (OperationalError)" in caplog.text
    assert SENTINEL not in caplog.text


@pytest.mark.parametrize(
    "path",
    [
        *[
            "/api",
            "/api/",
            "/api/nothing",
            "/api/submit/",
            "/api/jobs/",
            "/favicon.ico",
        ],
        *["/api/jobs//cancel", "/static/nothing.js", "/%00", "/%ff", "/health/"],
        *["/api/status/a%0ab", f"/{'x' * 10_000}", f"/{SENTINEL}", "/.git/config"],
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path_is_404_in_the_envelope(safe_api, path, method):
    response = safe_api.generic(method, path)

    check_envelope(response, 404, "NOT_FOUND")


def test_an_unknown_path_of_the_admin_is_a_page_for_people(safe_api, admin_client):
    response = admin_client.get("/admin/nothing/")

    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    "path", ["/health", "/api/jobs", "/api/nothing", "/api/schema"]
)
def test_another_host_is_400_in_the_envelope(safe_api, path):
    response = safe_api.get(path, headers={"host": "evil.example.org"})

    check_envelope(response, 400, "INVALID_PAYLOAD")


def test_a_refusal_of_djangos_own_is_in_the_envelope():
    request = RequestFactory().get("/api/jobs")

    response = errors.forbidden(request, PermissionDenied(SENTINEL))

    assert response.status_code == 403
    assert b'"FORBIDDEN"' in response.content
    assert SENTINEL not in response.content.decode()


@pytest.mark.parametrize("path", ["/api/schema", "/api/docs"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE"])
def test_another_method_on_a_page_is_405_in_the_envelope(safe_api, path, method):
    response = safe_api.generic(method, path)

    check_envelope(response, 405, "METHOD_NOT_ALLOWED")
    assert "GET" in response["Allow"]


@pytest.mark.parametrize("path", ["/api/schema", "/api/docs", "/api/jobs"])
def test_another_form_of_a_page_is_406_in_the_envelope(safe_api, path):
    response = safe_api.get(path, headers={"accept": "image/png"})

    check_envelope(response, 406, "NOT_ACCEPTABLE")


def test_every_answer_has_an_id_by_which_the_log_can_be_searched(safe_api):
    own = safe_api.get("/health", headers={"x-request-id": "from-the-proxy.1"})
    made = safe_api.get("/api/nothing", headers={"x-request-id": "a b\n"})

    assert own["X-Request-ID"] == "from-the-proxy.1"
    assert re.fullmatch("[0-9a-f]{32}", made["X-Request-ID"])


# --- Schema and docs -----------------------------------------------------------


def test_the_schema_is_openapi_3_1_and_asks_for_no_key(db):
    response = Client().get("/api/schema", headers={"accept": "application/json"})

    assert response.status_code == 200
    assert response.json()["openapi"].startswith("3.1")


def test_the_schema_names_every_refusal_of_every_operation(db):
    schema = Client().get("/api/schema", headers={"accept": "application/json"}).json()

    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            expected = {"200", "400", "401", "403", "405", "406", "503"}
            if "{" in path:
                expected.add("404")
            if "requestBody" in operation:
                expected |= {"413", "415", "422"}
            missing = expected - set(operation["responses"])
            assert not missing, f"{method} {path} lacks {missing}"


def test_the_docs_hold_no_script_of_their_own(db):
    page = Client().get("/api/docs")

    text = page.content.decode()
    assert page.status_code == 200
    scripts = re.findall("<script[^>]*>", text)
    assert len(scripts) >= 2
    assert all(" src=" in script for script in scripts)
    assert not re.search(r"<[^>]+\son\w+\s*=", text)
    policy = page["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy


def test_what_the_docs_are_made_of_is_served_by_ourselves(db):
    client = Client()
    text = client.get("/api/docs").content.decode()

    sources = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert len(sources) >= 3
    for source in sources:
        assert source.startswith("/")
        part = client.get(source.replace("&amp;", "&"))
        assert part.status_code == 200
        part.close()
