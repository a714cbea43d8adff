"""GET /api/cases/{case_id}: one case, by the clinic's own identifier."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from screening.models import Case, Clinic, Job, Review
from screening.services.keys import create_key


def submit(api, **fields):
    response = api.post(
        "/api/submit", json.dumps(fields), content_type="application/json"
    )
    assert response.status_code == 200, response.content
    return response.json()


def case(api, case_id):
    return api.get(f"/api/cases/{quote(case_id, safe='')}")


@pytest.fixture
def other_clinic(api):
    """A client of another clinic."""
    clinic = Clinic.objects.create(slug="far", name="Far away")
    _, raw = create_key(
        name="far",
        clinic=clinic,
        scopes=["jobs:read", "jobs:write", "drafts"],
        actor="user:test",
    )
    return Client(headers={"x-api-key": raw})


def test_a_case_is_shown_with_its_jobs_newest_first(api):
    first = submit(api, case_id="anna")
    second = submit(api, case_id="anna")
    Job.objects.filter(pk=first["job_id"]).update(
        created_at=timezone.now() - timedelta(days=1)
    )
    submit(api, case_id="bert")

    response = case(api, "anna")

    assert response.status_code == 200
    body = response.json()
    assert set(body) == {
        *("case_id", "created_at", "review_state", "jobs", "follow_ups"),
    }
    assert (body["case_id"], body["review_state"]) == ("anna", "QUEUED")
    assert [job["job_id"] for job in body["jobs"]] == [
        second["job_id"],
        first["job_id"],
    ]
    assert body["jobs"][0] == api.get(f"/api/status/{second['job_id']}").json()
    assert response["Cache-Control"] == "no-store"


def test_the_review_state_is_that_of_the_newest_job(api):
    submit(api, case_id="anna")
    job = Job.objects.get()
    Job.objects.update(
        status="DONE", result={}, risk="refer", finished_at=timezone.now()
    )
    Review.objects.create(job=job, clinic=job.clinic, risk="refer")
    assert case(api, "anna").json()["review_state"] == "REQUIRES_REVIEW"

    Job.objects.update(created_at=timezone.now() - timedelta(days=1))
    submit(api, case_id="anna")

    assert case(api, "anna").json()["review_state"] == "QUEUED"


def test_a_case_without_jobs_has_no_review_state(api):
    clinic = Clinic.objects.get(slug="default")
    Case.objects.create(clinic=clinic, case_id="anna")

    body = case(api, "anna").json()

    assert (body["jobs"], body["review_state"]) == ([], None)


@pytest.mark.parametrize(
    "case_id",
    [
        *[
            "a/b",
            "/a",
            "a/",
            "//",
            "a?b=c&d",
            "a#b",
            "50%",
            "%2F",
            "a+b c",
            "a;b",
            "\\",
        ],
        *["Jürgen 👶", "..", "../../etc/passwd", "<b>", "'; DROP TABLE x", "{x}", "*"],
        *["a/report", "x" * 128, "👶" * 128],
    ],
)
def test_every_identifier_that_can_be_submitted_can_be_asked_for(api, case_id):
    submit(api, case_id=case_id)

    response = case(api, case_id)

    assert response.status_code == 200
    assert response.json()["case_id"] == case_id
    assert len(response.json()["jobs"]) == 1


@pytest.mark.parametrize(
    "case_id", ["Anna", "ann", "anna ", "anna/", "an%", "a" * 10_000]
)
def test_an_unknown_case_is_not_found(api, case_id):
    submit(api, case_id="anna")

    response = case(api, case_id)

    assert response.status_code == 404
    assert response.json() == {
        "code": "NOT_FOUND",
        "message": "case not found",
        "details": {},
        "detail": "case not found",
    }


@pytest.mark.parametrize("path", ["%00", "anna%00", "%ff%fe", "%ed%a0%80", "anna%0a"])
def test_a_name_that_no_case_can_have_is_not_found(api, path):
    submit(api, case_id="anna")

    response = api.get(f"/api/cases/{path}")

    assert response.status_code == 404
    assert response.json()["code"] == "NOT_FOUND"


def test_the_same_identifier_in_another_clinic_is_another_case(api, other_clinic):
    ours = submit(api, case_id="anna", age_months=24)
    theirs = submit(other_clinic, case_id="anna", age_months=9)

    assert Case.objects.filter(case_id="anna").count() == 2
    for client, job in ((api, ours), (other_clinic, theirs)):
        [shown] = case(client, "anna").json()["jobs"]
        assert shown["job_id"] == job["job_id"]


def test_a_case_of_another_clinic_is_answered_like_an_unknown_one(api, other_clinic):
    submit(api, case_id="anna")

    response = case(other_clinic, "anna")

    assert response.status_code == 404
    assert response.content == case(other_clinic, "nobody").content


def test_a_case_shows_at_most_200_jobs_in_three_queries(api):
    submit(api, case_id="anna")
    job = Job.objects.get()
    Job.objects.bulk_create(
        Job(clinic=job.clinic, case=job.case, client="key:env", payload={})
        for _ in range(205)
    )

    case(api, "anna")  # that it is read is written down now and then
    with CaptureQueriesContext(connection) as queries:
        response = case(api, "anna")

    assert len(response.json()["jobs"]) == 200
    assert len(queries) == 3


def test_head_is_answered_like_get_without_the_body(api):
    submit(api, case_id="anna")

    assert api.head("/api/cases/anna").status_code == 200
    assert api.head("/api/cases/bert").status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
def test_another_method_is_405(api, method):
    submit(api, case_id="anna")

    response = api.generic(method, "/api/cases/anna")

    assert (response.status_code, response.json()["code"]) == (
        405,
        "METHOD_NOT_ALLOWED",
    )
    assert Case.objects.count() == 1


def test_a_query_is_refused(api):
    submit(api, case_id="anna")

    response = api.get("/api/cases/anna?format=pdf")

    assert (response.status_code, response.json()["code"]) == (400, "INVALID_PAYLOAD")
