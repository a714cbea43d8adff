"""GET /api/status/{job_id}: one job, now or when it has ended."""

from __future__ import annotations

import json
import time
import uuid

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from screening.api import views
from screening.models import Case, Clinic, Job, Review
from screening.services.keys import create_key

FIELDS = {
    *["job_id", "case_id", "status", "created_at", "updated_at", "result", "error"],
    *["error_code", "review_state", "attempt", "target", "model_id", "risk"],
    *["draft", "outcome", "signed_at"],
    "priority",
}


@pytest.fixture
def job(api):
    """A job that waits for a worker."""
    response = api.post(
        "/api/submit", json.dumps({"case_id": "anna"}), content_type="application/json"
    )
    return Job.objects.get(pk=response.json()["job_id"])


@pytest.fixture
def foreign_job(job):
    """A job of another clinic."""
    clinic = Clinic.objects.create(slug="far", name="Far away")
    case = Case.objects.create(clinic=clinic, case_id="anna")
    return Job.objects.create(clinic=clinic, case=case, client="key:far", payload={})


@pytest.fixture
def _held(monkeypatch):
    """Let a held request keep the test's own connection."""
    monkeypatch.setattr(views.connection, "close", lambda: None, raising=False)


def change(job, **values):
    Job.objects.filter(pk=job.pk).update(**values)


def status(api, job_id, **query):
    return api.get(f"/api/status/{job_id}", query)


def test_a_waiting_job_is_shown_with_every_field(api, job):
    response = status(api, job.pk)

    assert response.status_code == 200
    body = response.json()
    assert set(body) == FIELDS
    assert body["job_id"] == str(job.pk)
    assert body["case_id"] == "anna"
    assert (body["status"], body["review_state"]) == ("PENDING", "QUEUED")
    assert body["created_at"] == job.created_at.isoformat().replace("+00:00", "Z")
    nothing_yet = ["result", "error", "error_code", "target", "model_id", "risk"]
    assert [body[name] for name in nothing_yet] == [None] * 6
    assert body["attempt"] == 0


def test_a_running_job_is_shown_with_its_attempt(api, job):
    Job.objects.claim([job.pk], worker="w")

    body = status(api, job.pk).json()

    assert (body["status"], body["attempt"]) == ("RUNNING", 1)


def test_a_job_that_is_done_is_shown_with_its_result_and_needs_review(api, job):
    result = {"risk": "refer", "summary": ["ünïcødé 👶"], "odd": [1, None, {"a": 0.5}]}
    change(
        job,
        status="DONE",
        result=result,
        risk="refer",
        target="edge",
        model_id="m-1",
        finished_at=timezone.now(),
    )
    Review.objects.create(job=job, clinic=job.clinic, risk="refer")

    body = status(api, job.pk).json()

    assert body["result"] == result
    assert (body["risk"], body["target"], body["model_id"]) == ("refer", "edge", "m-1")
    assert body["review_state"] == "REQUIRES_REVIEW"


@pytest.mark.parametrize("result", [{}, {"answer": [1, 2]}, {"answer": None}])
def test_a_result_of_any_shape_is_shown(api, job, result):
    change(
        job,
        status="DONE",
        result=result,
        risk="unclassified",
        finished_at=timezone.now(),
    )

    response = status(api, job.pk)

    assert response.status_code == 200
    assert response.json()["result"] == result


def test_an_error_is_a_text_of_at_most_2048_characters(api, job):
    change(
        job,
        status="FAILED",
        error_code="MODEL_TIMEOUT",
        error="e" * 2048,
        finished_at=timezone.now(),
    )

    body = status(api, job.pk).json()

    assert body["status"] == "FAILED"
    assert body["error"] == "e" * 2048
    assert body["error_code"] == "MODEL_TIMEOUT"
    assert (body["result"], body["review_state"]) == (None, None)


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda pk: uuid.uuid4(), id="unknown"),
        pytest.param(lambda pk: str(pk).upper(), id="upper case"),
        pytest.param(lambda pk: pk.hex, id="without hyphens"),
        pytest.param(lambda pk: f"{{{pk}}}", id="in braces"),
        pytest.param(lambda pk: f"urn:uuid:{pk}", id="URN"),
        pytest.param(lambda pk: f"{pk}x", id="one character more"),
        pytest.param(lambda pk: str(pk)[:-1], id="one character less"),
        pytest.param(lambda pk: f"{pk}%00", id="NUL at the end"),
        pytest.param(lambda pk: f"{pk}%20", id="space at the end"),
        pytest.param(lambda pk: f"{pk}/", id="slash at the end"),
        pytest.param(lambda pk: f"%2e%2e%2fstatus%2f{pk}", id="path upwards"),
        pytest.param(lambda pk: "1", id="number"),
        pytest.param(lambda pk: "null", id="null"),
        pytest.param(lambda pk: "%ff%fe", id="broken UTF-8"),
        pytest.param(lambda pk: "'%20OR%201=1", id="SQL"),
        pytest.param(lambda pk: "x" * 10_000, id="10,000 characters"),
        pytest.param(lambda pk: "٢" * 32, id="digits of another script"),
    ],
)
def test_what_is_no_job_of_ours_is_answered_like_any_unknown_id(api, job, made):
    unknown = status(api, uuid.uuid4())

    response = status(api, made(job.pk))

    assert response.status_code == unknown.status_code == 404
    assert response.content == unknown.content
    assert response.json() == {
        "code": "NOT_FOUND",
        "message": "job not found",
        "details": {},
        "detail": "job not found",
    }


def test_a_job_of_another_clinic_is_answered_like_an_unknown_one(api, foreign_job):
    unknown = status(api, uuid.uuid4())

    response = status(api, foreign_job.pk)

    assert response.status_code == 404
    assert response.content == unknown.content
    same = ["Content-Type", "Cache-Control", "Content-Length", "Allow", "Vary"]
    assert [response.headers.get(h) for h in same] == [
        unknown.headers.get(h) for h in same
    ]


def test_the_other_clinic_sees_its_own_job_and_not_ours(api, job, foreign_job):
    _, raw = create_key(
        name="far", clinic=foreign_job.clinic, scopes=["jobs:read"], actor="user:test"
    )
    other = Client(headers={"x-api-key": raw})

    assert status(other, foreign_job.pk).status_code == 200
    assert status(other, job.pk).status_code == 404


def test_head_is_answered_like_get_without_the_body(api, job):
    known = api.head(f"/api/status/{job.pk}")
    unknown = api.head(f"/api/status/{uuid.uuid4()}")

    assert (known.status_code, unknown.status_code) == (200, 404)
    assert known.content == b""
    assert known["Content-Length"] == str(len(status(api, job.pk).content))


def test_a_job_and_its_absence_are_kept_out_of_every_cache(api, job):
    for job_id in (job.pk, uuid.uuid4(), "nonsense"):
        assert status(api, job_id)["Cache-Control"] == "no-store"


@pytest.mark.parametrize("wait", ["0", "0.0", "0.01", "1e-2", "0.000000000000000001"])
@pytest.mark.usefixtures("_held")
def test_a_wait_within_bounds_is_taken(api, job, wait):
    assert status(api, job.pk, wait=wait).status_code == 200


@pytest.mark.parametrize(
    "wait",
    [
        *["31", "30.001", "-1", "-0.5", "abc", "", " ", "nan", "inf", "-inf", "1_0"],
        *["٣", "0x1", "1e400", "1e9999", " 1", "1 ", "1,5", "true", "9" * 5000],
    ],
)
def test_a_wait_out_of_bounds_is_refused_by_its_name(api, job, wait):
    response = status(api, job.pk, wait=wait)

    assert (response.status_code, response.json()["code"]) == (422, "VALIDATION_ERROR")
    assert set(response.json()["details"]) == {"wait"}


@pytest.mark.parametrize("query", ["x=1", "wait=1&wait=1", "wait[]=1", "format=json"])
def test_an_unknown_or_repeated_parameter_is_refused(api, job, query):
    response = api.get(f"/api/status/{job.pk}?{query}")

    assert (response.status_code, response.json()["code"]) == (400, "INVALID_PAYLOAD")


def test_with_wait_a_job_that_has_ended_is_answered_at_once(api, job):
    change(job, status="CANCELLED", finished_at=timezone.now())
    begun = time.monotonic()

    response = status(api, job.pk, wait=30)

    assert response.json()["status"] == "CANCELLED"
    assert time.monotonic() - begun < 10


@pytest.mark.usefixtures("_held")
def test_with_wait_a_job_that_does_not_end_is_answered_when_the_time_is_up(api, job):
    begun = time.monotonic()

    response = status(api, job.pk, wait=0.3)

    assert response.json()["status"] == "PENDING"
    assert 0.3 <= time.monotonic() - begun < 10


@pytest.mark.usefixtures("_held")
def test_with_wait_the_end_of_the_job_ends_the_waiting(api, job, monkeypatch):
    naps = []

    def nap(seconds):
        naps.append(seconds)
        if len(naps) == 3:
            change(job, status="CANCELLED", finished_at=timezone.now())

    monkeypatch.setattr(views.time, "sleep", nap)

    response = status(api, job.pk, wait=30)

    assert response.json()["status"] == "CANCELLED"
    assert len(naps) == 3
    assert naps == sorted(naps)


def test_a_waiting_request_holds_no_database_connection(api, job, monkeypatch):
    closed = []
    monkeypatch.setattr(views.connection, "close", lambda: closed.append(1))
    monkeypatch.setattr(
        views.time, "sleep", lambda seconds: closed.append(f"slept {seconds}")
    )

    status(api, job.pk, wait=0.05)

    assert closed
    slept = [n for n, entry in enumerate(closed) if entry != 1]
    assert all(closed[n - 1] == 1 for n in slept)


def test_when_too_many_wait_already_the_answer_comes_at_once(api, job):
    places = 0
    while views.held_requests().acquire(blocking=False):
        places += 1
    begun = time.monotonic()
    try:
        response = status(api, job.pk, wait=30)
    finally:
        for _ in range(places):
            views.held_requests().release()

    assert places > 0
    assert response.status_code == 200
    assert time.monotonic() - begun < 10


def test_a_held_request_gives_its_place_back_also_when_it_breaks(api, job, monkeypatch):
    def nap(seconds):
        raise InterruptedError

    monkeypatch.setattr(views.connection, "close", lambda: None)
    monkeypatch.setattr(views.time, "sleep", nap)
    free = views.held_requests()._value

    with pytest.raises(InterruptedError):
        status(api, job.pk, wait=1)

    assert views.held_requests()._value == free
    assert connection.is_usable()
