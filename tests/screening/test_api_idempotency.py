"""The same request twice is one job: by header, or by a field of the body."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from audit.models import Audit
from screening.models import Clinic, IdempotencyKey, Job
from screening.services import submission
from screening.services.keys import create_key, default_clinic
from tests.servers import database_kind

REQUEST = {"case_id": "anna", "age_months": 24, "flags": {"lost_skill": True}}
REUSED = (422, "IDEMPOTENCY_KEY_REUSED")


def submit(api, document, key=None, path="/api/submit"):
    headers = {} if key is None else {"Idempotency-Key": key}
    return api.post(
        path, json.dumps(document), content_type="application/json", headers=headers
    )


def refusal(response):
    return response.status_code, response.json()["code"]


def client_of(clinic):
    _, raw = create_key(
        name="another", clinic=clinic, scopes=["jobs:write"], actor="user:test"
    )
    return Client(headers={"x-api-key": raw})


@pytest.fixture
def other_client(api):
    """A key of its own for the same clinic."""
    return client_of(default_clinic())


def test_the_same_request_again_gets_the_first_answer(api, redis):
    first = submit(api, REQUEST, "key-1")
    again = submit(api, REQUEST, "key-1")

    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert Job.objects.count() == 1
    assert Audit.objects.changing().count() == 1
    assert redis.llen("rq:queue:pedi-screen") == 1


def test_the_answer_stays_the_first_one_after_the_job_has_ended(api):
    first = submit(api, REQUEST, "key-1")
    Job.objects.update(status="CANCELLED", finished_at=timezone.now())

    again = submit(api, REQUEST, "key-1")

    assert again.json() == first.json()


def test_the_same_content_in_another_order_is_the_same_request(api):
    first = submit(api, REQUEST, "key-1")
    again = submit(api, dict(reversed(REQUEST.items())), "key-1")

    assert again.json() == first.json()


def test_a_case_id_that_was_made_is_replayed_too(api):
    first = submit(api, {"age_months": 24}, "key-1")
    again = submit(api, {"age_months": 24}, "key-1")

    assert again.json()["case_id"] == first.json()["case_id"]


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"case_id": "anna"},
        {**REQUEST, "case_id": "Anna"},
        {**REQUEST, "age_months": 25},
        {**REQUEST, "priority": "urgent"},
        {**REQUEST, "flags": {"lost_skill": False}},
        {**REQUEST, "observations": ""},
    ],
)
def test_the_same_key_for_another_request_is_refused(api, other):
    first = submit(api, REQUEST, "key-1")

    response = submit(api, other, "key-1")

    assert refusal(response) == REUSED
    assert set(response.json()["details"]) == {"idempotency_key"}
    assert "key-1" not in response.content.decode()
    assert [str(pk) for pk in Job.objects.values_list("pk", flat=True)] == [
        first.json()["job_id"]
    ]


def test_a_key_in_the_body_works_like_one_in_the_header(api):
    first = submit(api, {**REQUEST, "idempotency_key": "key-1"})
    in_body = submit(api, {**REQUEST, "idempotency_key": "key-1"})
    in_header = submit(api, REQUEST, "key-1")

    assert in_body.json() == in_header.json() == first.json()
    assert in_body["Idempotent-Replayed"] == in_header["Idempotent-Replayed"] == "true"


def test_the_header_goes_before_the_body(api):
    first = submit(api, {**REQUEST, "idempotency_key": "in-body"}, "in-header")

    same_header = submit(api, {**REQUEST, "idempotency_key": "another"}, "in-header")
    same_body = submit(api, {**REQUEST, "idempotency_key": "in-body"})

    assert same_header.json() == first.json()
    assert same_body.json()["job_id"] != first.json()["job_id"]


def test_without_a_key_the_same_request_is_two_jobs(api):
    assert submit(api, REQUEST).json() != submit(api, REQUEST).json()
    assert Job.objects.count() == 2
    assert not IdempotencyKey.objects.exists()


def test_another_client_has_keys_of_its_own(api, other_client):
    ours = submit(api, REQUEST, "key-1")
    theirs = submit(other_client, REQUEST, "key-1")
    differently = submit(other_client, {}, "key-1")

    assert theirs.status_code == 200
    assert theirs.json()["job_id"] != ours.json()["job_id"]
    assert "Idempotent-Replayed" not in theirs
    assert refusal(differently) == REUSED


def test_another_clinic_does_not_learn_that_a_key_is_in_use(api):
    ours = submit(api, REQUEST, "key-1")
    clinic = Clinic.objects.create(slug="far", name="Far away")

    theirs = submit(client_of(clinic), {"age_months": 3}, "key-1")

    assert theirs.status_code == 200
    assert theirs.json()["job_id"] != ours.json()["job_id"]


def test_a_key_of_the_bulk_route_is_another_than_the_same_of_the_single_one(api):
    single = submit(api, REQUEST, "key-1")

    bulk = submit(api, [REQUEST], "key-1", path="/api/submit/bulk")

    assert bulk.json()[0]["job_id"] != single.json()["job_id"]


@pytest.mark.parametrize("key", ["!", "~", "k" * 255, 'a"b,c;d=e', "a\\b"])
def test_a_key_of_visible_ascii_is_taken(api, key):
    first = submit(api, REQUEST, key)

    assert first.status_code == 200
    assert submit(api, REQUEST, key).json() == first.json()


@pytest.mark.parametrize(
    "key", ["", " ", "a b", " a", "a ", "k" * 256, "a\tb", "\x7f", "ü", "k" * 5000]
)
def test_a_key_that_is_none_is_refused_and_stores_nothing(api, key):
    response = submit(api, REQUEST, key)

    assert refusal(response) == (400, "INVALID_PAYLOAD")
    assert not Job.objects.exists()


def test_a_refused_submission_does_not_use_up_its_key(api):
    assert submit(api, {**REQUEST, "age_months": -1}, "key-1").status_code == 422
    assert not IdempotencyKey.objects.exists()

    response = submit(api, REQUEST, "key-1")

    assert response.status_code == 200
    assert "Idempotent-Replayed" not in response


def test_a_submission_that_could_not_be_stored_does_not_use_up_its_key(
    api, monkeypatch
):
    def away(events, sql, params):
        raise OperationalError

    with monkeypatch.context() as patch:
        patch.setattr(submission, "record_beside", away)
        assert submit(api, REQUEST, "key-1").status_code == 503
    assert not IdempotencyKey.objects.exists()

    assert submit(api, REQUEST, "key-1").status_code == 200


@pytest.mark.parametrize(
    ("age", "replayed"),
    [(timedelta(hours=23, minutes=59), True), (timedelta(hours=24, minutes=1), False)],
)
def test_a_key_is_free_again_after_a_day(api, age, replayed):
    first = submit(api, REQUEST, "key-1")
    IdempotencyKey.objects.update(created_at=timezone.now() - age)

    later = submit(api, REQUEST, "key-1")

    assert (later.json() == first.json()) is replayed
    assert ("Idempotent-Replayed" in later) is replayed
    assert IdempotencyKey.objects.count() == 1


def test_a_key_that_is_free_again_may_stand_for_another_request(api):
    submit(api, REQUEST, "key-1")
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))

    assert submit(api, {}, "key-1").status_code == 200


def test_when_two_come_at_once_the_later_gets_the_answer_of_the_first(api, monkeypatch):
    first = submit(api, REQUEST, "key-1")
    looked = []
    known_keys = submission._known_keys

    def not_yet_there(*args):
        looked.append(args)
        return {} if len(looked) == 1 else known_keys(*args)

    monkeypatch.setattr(submission, "_known_keys", not_yet_there)

    later = submit(api, REQUEST, "key-1")

    assert len(looked) == 2
    assert later.json() == first.json()
    assert later["Idempotent-Replayed"] == "true"
    assert Job.objects.count() == 1


@pytest.mark.skipif(
    database_kind() == "sqlite", reason="SQLite has one writer: nothing to wait for"
)
def test_while_the_first_request_is_being_stored_the_second_is_409(api):
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(
                "INSERT INTO screening_idempotencykey"
                " (client, endpoint, key, fingerprint, answer)"
                " VALUES ('key:env', 'submit', 'key-1', '', '{}')"
            )
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '100ms'")

        response = submit(api, REQUEST, "key-1")
    finally:
        other.rollback()
        other.close()

    assert refusal(response) == (409, "IDEMPOTENCY_KEY_BUSY")
    assert int(response["Retry-After"]) > 0
    assert not Job.objects.exists()


@pytest.mark.parametrize("key", ["k", "k" * 255])
def test_a_bulk_request_again_gets_the_answers_of_the_first(api, key):
    lines = [REQUEST, {"case_id": "bert"}, {}]
    path = "/api/submit/bulk"
    first = submit(api, lines, key, path=path)

    again = submit(api, lines, key, path=path)

    assert (first.status_code, again.status_code) == (200, 200)
    assert again["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert [line.pop("replayed") for line in again.json()] == [True] * 3
    assert [line["job_id"] for line in again.json()] == [
        line["job_id"] for line in first.json()
    ]
    assert Job.objects.count() == 3
