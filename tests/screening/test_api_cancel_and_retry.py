"""POST /api/jobs/{job_id}/cancel and /retry: from which states, and whose jobs."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Audit
from screening.models import Case, Clinic, Job, Review
from screening.services.keys import create_key, default_clinic

ENDED = {"DONE", "FAILED", "CANCELLED"}


def make_job(status, clinic=None):
    clinic = clinic or default_clinic()
    case, _ = Case.objects.get_or_create(clinic=clinic, case_id="anna")
    values = {"finished_at": timezone.now()} if status in ENDED else {}
    if status == "RUNNING":
        later = timezone.now() + timedelta(minutes=1)
        values |= {"lease_until": later, "worker": "w", "attempt": 3}
    if status == "DONE":
        values |= {"result": {"risk": "refer"}, "risk": "refer"}
    if status == "FAILED":
        values |= {"error_code": "E", "error": "why", "failures": 8, "crashes": 2}
    job = Job.objects.create(
        clinic=clinic, case=case, client="key:env", payload={}, status=status, **values
    )
    if status == "DONE":
        Review.objects.create(job=job, clinic=job.clinic, risk="refer")
    return job


def post(api, job_id, step, **headers):
    return api.post(f"/api/jobs/{job_id}/{step}", **headers)


def actions(job):
    events = Audit.objects.for_job(job.pk).changing()
    return list(events.values_list("action", flat=True))


@pytest.mark.parametrize("status", ["PENDING", "RUNNING"])
def test_a_job_that_has_not_ended_is_cancelled(api, status):
    job = make_job(status)

    response = post(api, job.pk, "cancel")

    assert response.status_code == 200
    body = response.json()
    assert (body["status"], body["review_state"]) == ("CANCELLED", None)
    assert body == api.get(f"/api/status/{job.pk}").json()
    job.refresh_from_db()
    assert (job.worker, job.lease_until) == ("", None)
    assert job.finished_at is not None
    assert actions(job) == ["job.cancelled"]


def test_cancelling_twice_is_harmless_and_recorded_once(api):
    job = make_job("PENDING")

    first = post(api, job.pk, "cancel")
    again = post(api, job.pk, "cancel")

    assert again.status_code == 200
    assert again.json() == first.json()
    assert actions(job) == ["job.cancelled"]


@pytest.mark.parametrize("status", ["DONE", "FAILED"])
def test_a_job_that_has_ended_is_not_cancelled(api, status):
    job = make_job(status)

    response = post(api, job.pk, "cancel")

    assert (response.status_code, response.json()["code"]) == (409, "CONFLICT")
    assert response.json()["details"] == {"status": status}
    job.refresh_from_db()
    assert job.status == status
    assert actions(job) == []


@pytest.mark.parametrize("status", ["PENDING", "FAILED", "CANCELLED"])
def test_a_job_is_queued_anew(api, redis, status):
    job = make_job(status)

    response = post(api, job.pk, "retry")

    assert response.status_code == 200
    body = response.json()
    assert (body["status"], body["review_state"]) == ("PENDING", "QUEUED")
    assert (body["error"], body["error_code"]) == (None, None)
    assert redis.lrange("rq:queue:pedi-screen", 0, -1) == [str(job.pk).encode()]
    job.refresh_from_db()
    assert (job.failures, job.crashes, job.finished_at) == (0, 0, None)
    assert actions(job) == ["job.replayed"]


@pytest.mark.parametrize("status", ["RUNNING", "DONE"])
def test_a_job_that_is_running_or_done_is_not_run_again(api, redis, status):
    job = make_job(status)
    before = api.get(f"/api/status/{job.pk}").json()

    response = post(api, job.pk, "retry")

    assert (response.status_code, response.json()["code"]) == (409, "CONFLICT")
    assert response.json()["details"] == {"status": status}
    assert api.get(f"/api/status/{job.pk}").json() == before
    assert redis.llen("rq:queue:pedi-screen") == 0
    assert actions(job) == []


def test_a_retried_job_keeps_counting_its_attempts(api):
    job = make_job("RUNNING")
    post(api, job.pk, "cancel")

    body = post(api, job.pk, "retry").json()

    assert body["attempt"] == 3


def test_a_job_is_retried_also_without_redis(api, settings):
    from screening import queue

    job = make_job("FAILED")
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    queue.inference_queue.cache_clear()
    try:
        response = post(api, job.pk, "retry")
    finally:
        queue.inference_queue.cache_clear()

    assert response.json()["status"] == "PENDING"


steps = pytest.mark.parametrize("step", ["cancel", "retry"])


@steps
def test_the_request_is_recorded_with_its_caller(api, step):
    job = make_job("PENDING")

    response = post(api, job.pk, step)

    [event] = Audit.objects.for_job(job.pk)
    assert (event.actor, event.clinic) == ("key:env", "default")
    assert event.request_id == response["X-Request-ID"]


@steps
@pytest.mark.parametrize(
    "job_id", [uuid.uuid4(), "nonsense", "a%2Fb", "%00", "x" * 10_000, "٢" * 32]
)
def test_an_unknown_or_malformed_id_is_not_found(api, step, job_id):
    response = post(api, job_id, step)

    assert response.status_code == 404
    assert response.json()["detail"] == "job not found"


@steps
def test_a_job_of_another_clinic_is_not_found_and_not_changed(api, step):
    far = Clinic.objects.create(slug="far", name="Far away")
    job = make_job("PENDING", clinic=far)
    unknown = post(api, uuid.uuid4(), step)

    response = post(api, job.pk, step)

    assert response.status_code == 404
    assert response.content == unknown.content
    job.refresh_from_db()
    assert job.status == "PENDING"
    assert actions(job) == []


@steps
def test_a_key_that_may_only_read_is_refused(api, step):
    job = make_job("PENDING")
    _, raw = create_key(
        name="reader",
        clinic=default_clinic(),
        scopes=["jobs:read", "drafts"],
        actor="user:test",
    )

    response = post(Client(headers={"x-api-key": raw}), job.pk, step)

    assert (response.status_code, response.json()["code"]) == (403, "FORBIDDEN")
    job.refresh_from_db()
    assert job.status == "PENDING"


@steps
def test_a_draft_is_not_shown_by_the_answer_either(api, step):
    job = make_job("DONE")
    _, raw = create_key(
        name="writer",
        clinic=default_clinic(),
        scopes=["jobs:write"],
        actor="user:test",
    )

    response = post(Client(headers={"x-api-key": raw}), job.pk, step)

    assert "refer" not in response.content.decode()


@steps
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "TRACE"])
def test_another_method_is_405_and_changes_nothing(api, step, method):
    job = make_job("PENDING")

    response = api.generic(method, f"/api/jobs/{job.pk}/{step}")

    assert (response.status_code, response.json()["code"]) == (
        405,
        "METHOD_NOT_ALLOWED",
    )
    assert response["Allow"] == "POST, OPTIONS"
    assert actions(job) == []


@steps
def test_a_query_is_refused(api, step):
    job = make_job("PENDING")

    response = api.post(f"/api/jobs/{job.pk}/{step}?force=1")

    assert (response.status_code, response.json()["code"]) == (400, "INVALID_PAYLOAD")
    assert actions(job) == []


@steps
def test_a_body_is_not_read(api, step):
    job = make_job("PENDING")

    response = api.generic(
        "POST", f"/api/jobs/{job.pk}/{step}", b"\xff{", "application/json"
    )

    assert response.status_code == 200
