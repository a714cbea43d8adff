"""The draft gate: what a key without ``drafts`` sees before a clinician has signed."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.utils import timezone

from screening.models import Case, Job, Review
from screening.services.keys import create_key, default_clinic
from tests.screening.signing import sign

RESULT = {"risk": "refer", "summary": ["Xyzzy-Quux"]}


def client_with(scopes):
    _, raw = create_key(
        name="reader", clinic=default_clinic(), scopes=scopes, actor="user:test"
    )
    return Client(headers={"x-api-key": raw})


@pytest.fixture
def reader(api):
    return client_with(["jobs:read", "jobs:write"])


@pytest.fixture
def job(api):
    """A job with a draft that nobody has signed."""
    clinic = default_clinic()
    case = Case.objects.create(clinic=clinic, case_id="anna")
    job = Job.objects.create(
        clinic=clinic,
        case=case,
        client="key:env",
        payload={"observations": "Xyzzy-Quux"},
        status="DONE",
        result=RESULT,
        risk="refer",
        model_risk="refer",
        rules_risk="monitor",
        finished_at=timezone.now(),
    )
    Review.objects.create(
        job=job, clinic=job.clinic, risk="refer", summary=["Xyzzy-Quux"]
    )
    return job


READS = {
    "status": lambda client, job: client.get(f"/api/status/{job.pk}").json(),
    "jobs": lambda client, job: client.get("/api/jobs").json()[0],
    "case": lambda client, job: client.get("/api/cases/anna").json()["jobs"][0],
}
reads = pytest.mark.parametrize("read", READS.values(), ids=READS)


@reads
def test_without_the_scope_an_unsigned_draft_is_not_shown(reader, job, read):
    body = read(reader, job)

    assert (body["status"], body["review_state"]) == ("DONE", "REQUIRES_REVIEW")
    assert (body["result"], body["risk"]) == (None, None)
    assert "Xyzzy-Quux" not in json.dumps(body)
    assert "refer" not in json.dumps(body)


@reads
@pytest.mark.parametrize("state", ["SIGNED_OFF", "DELIVERED"])
def test_without_the_scope_what_was_signed_is_shown_and_the_draft_is_not(
    reader, job, read, state
):
    sign(job.review, state=state, summary=["Signed-Words"])

    body = read(reader, job)

    assert (body["review_state"], body["outcome"]) == (state, "modified")
    assert body["result"] == {
        "risk": "refer",
        "summary": ["Signed-Words"],
        "recommendations": [],
        "parent_text": "",
    }
    assert (body["risk"], body["draft"]) == ("refer", None)
    assert "Xyzzy-Quux" not in json.dumps(body)


@reads
def test_after_an_overriding_signature_its_risk_is_shown_and_not_the_drafts(job, read):
    Job.objects.update(risk="monitor", model_risk="monitor")
    job.refresh_from_db()
    sign(
        job.review,
        risk="discuss",
        reason_code="concern",
        reason_text="An invented reason.",
    )

    for scopes in (["jobs:read"], ["jobs:read", "drafts"]):
        body = read(client_with(scopes), job)
        assert (body["risk"], body["result"]["risk"]) == ("discuss", "discuss")
        assert body["outcome"] == "overrode"
        assert body["draft"] == (RESULT if "drafts" in scopes else None)


@reads
def test_with_the_scope_an_unsigned_draft_is_shown(job, read):
    body = read(client_with(["jobs:read", "drafts"]), job)

    assert body["review_state"] == "REQUIRES_REVIEW"
    assert (body["result"], body["risk"]) == (RESULT, "refer")


@reads
def test_the_key_of_the_environment_sees_drafts(api, job, read):
    assert read(api, job)["result"] == RESULT


@reads
@pytest.mark.parametrize("state", ["REQUIRES_REVIEW", "SIGNED_OFF"])
def test_what_was_submitted_is_never_given_back(api, job, read, state):
    if state == "SIGNED_OFF":
        sign(job.review, state=state)

    assert "observations" not in json.dumps(read(api, job))


def test_a_job_that_failed_shows_its_error_without_the_scope(reader, job):
    Review.objects.all().delete()
    Job.objects.update(
        status="FAILED", result=None, risk="", error_code="E", error="why"
    )

    body = READS["status"](reader, job)

    assert (body["error"], body["error_code"]) == ("why", "E")
    assert body["review_state"] is None


def test_no_field_of_a_submission_can_set_what_a_reviewer_or_worker_sets(reader):
    for name in ["result", "risk", "review_state", "status", "signed_off_by", "state"]:
        response = reader.post(
            "/api/submit", json.dumps({name: "x"}), content_type="application/json"
        )
        assert response.status_code == 422
        assert set(response.json()["details"]) == {name}
