"""POST /api/submit/bulk: many submissions, one transaction, an answer to each line."""

from __future__ import annotations

import json

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from audit.models import Audit
from screening.models import Case, IdempotencyKey, Job
from screening.services import submission

SENTINEL = "Xyzzy-Quux"
NDJSON = "application/x-ndjson"


def bulk(api, lines, **headers):
    body = lines if isinstance(lines, bytes) else json.dumps(lines).encode()
    return api.generic("POST", "/api/submit/bulk", body, "application/json", **headers)


def ndjson(api, body, **headers):
    return api.generic("POST", "/api/submit/bulk", body, NDJSON, **headers)


def lines_of(number):
    return [{"case_id": f"case-{n}", "age_months": n % 241} for n in range(number)]


def refusal(response):
    return response.status_code, response.json()["code"]


def codes(response):
    """Return each line's error code, or None where it was accepted."""
    return [line.get("error", {}).get("code") for line in response.json()]


def test_all_lines_of_an_array_are_accepted_in_their_order(api):
    response = bulk(api, lines_of(3))

    assert response.status_code == 200
    answers = response.json()
    assert [answer["index"] for answer in answers] == [0, 1, 2]
    assert [answer["case_id"] for answer in answers] == ["case-0", "case-1", "case-2"]
    assert {answer["status"] for answer in answers} == {"PENDING"}
    for answer in answers:
        job = Job.objects.get(pk=answer["job_id"])
        assert job.case.case_id == answer["case_id"]
    assert Audit.objects.count() == 3


def test_all_lines_of_ndjson_are_accepted_in_their_order(api):
    body = b'{"case_id": "a"}\n\r\n{"case_id": "b"}\r\n  {"case_id": "c"}'

    response = ndjson(api, body)

    assert response.status_code == 200
    assert [answer["case_id"] for answer in response.json()] == ["a", "b", "c"]


def test_wrong_lines_are_answered_in_their_places_and_the_others_accepted(api):
    lines = [
        {"case_id": "good-1"},
        {"age_months": -1, "observations": SENTINEL},
        SENTINEL,
        {"case_id": "good-2"},
        None,
        [],
        {"colour": SENTINEL},
        {"embedding_b64": SENTINEL},
        {"embedding_b64": "AACAPw==", "shape": [1, 2]},
        {"case_id": "good-3"},
    ]

    response = bulk(api, lines)

    assert response.status_code == 207
    assert codes(response) == [
        *[None, "VALIDATION_ERROR", "INVALID_PAYLOAD", None, "INVALID_PAYLOAD"],
        *["INVALID_PAYLOAD", "VALIDATION_ERROR", "EMBEDDING_PARSE_ERROR"],
        *["EMBEDDING_SHAPE_MISMATCH", None],
    ]
    assert [answer["index"] for answer in response.json()] == list(range(10))
    for answer in response.json():
        if "error" in answer:
            assert set(answer) == {"index", "error"}
            assert set(answer["error"]) == {"code", "message", "details", "detail"}
    assert SENTINEL not in response.content.decode()
    assert set(Case.objects.values_list("case_id", flat=True)) == {
        *["good-1", "good-2", "good-3"]
    }


def test_a_line_that_cannot_be_stored_is_the_only_one_that_is_refused(api):
    response = bulk(
        api,
        rb'[{"case_id": "a"}, {"observations": "\u0000"}, {"\ud800": 1}, "\u0000", {}]',
    )

    assert response.status_code == 207
    assert codes(response) == [None, *["VALIDATION_ERROR"] * 3, None]
    assert set(response.json()[1]["error"]["details"]) == {"observations"}
    assert Job.objects.count() == 2


def test_unreadable_lines_of_ndjson_are_answered_in_their_places(api):
    lines = [
        b'{"case_id": "a"}',
        b'{"case_id": "Xyzzy-Quux',
        b'{"case_id": "x", "case_id": "y"}',
        b"\xff\xfe",
        b'{"age_months": NaN}',
        rb'{"case_id": "\u0000"}',
        b"[" * 50_000,
        b'[{"case_id": "inside"}]',
        b'{"case_id": "b"}',
    ]

    response = ndjson(api, b"\n".join(lines))

    assert response.status_code == 207
    assert codes(response) == [
        *[None, *["INVALID_PAYLOAD"] * 4, "VALIDATION_ERROR"],
        *["INVALID_PAYLOAD", "INVALID_PAYLOAD", None],
    ]
    assert SENTINEL not in response.content.decode()
    assert Job.objects.count() == 2


def test_only_wrong_lines_store_nothing_and_are_207(api):
    response = bulk(api, [{"age_months": -1}] * 3)

    assert response.status_code == 207
    assert not Job.objects.exists()
    assert not Audit.objects.changing().exists()
    [event] = Audit.objects.all()
    assert event.action == "request.refused"


def test_the_lines_that_are_refused_are_one_event_with_counts_by_code(api):
    lines = [{}, {"age_months": -1}, SENTINEL, {SENTINEL: 1}, {"case_id": "a"}]

    for _ in range(2):
        bulk(api, lines)

    events = Audit.objects.filter(action="request.refused").order_by("pk")
    assert len(events) == 2
    assert (events[0].actor, events[0].clinic) == ("key:env", "default")
    assert events[0].detail == {
        "route": "bulk",
        "method": "POST",
        "lines": 5,
        "refused": 3,
        "codes": {"VALIDATION_ERROR": 2, "INVALID_PAYLOAD": 1},
    }
    assert SENTINEL not in events[0].canonical
    assert Audit.objects.filter(action="job.submitted").count() == 4


def test_a_bulk_request_without_a_wrong_line_has_no_event_but_its_jobs(api):
    bulk(api, lines_of(2))

    assert set(Audit.objects.values_list("action", flat=True)) == {"job.submitted"}


def test_a_thousand_lines_are_accepted_with_as_many_queries_as_two(api):
    bulk(api, lines_of(1))
    with CaptureQueriesContext(connection) as few:
        bulk(api, [{"case_id": "a"}, {"case_id": "b"}])
    with CaptureQueriesContext(connection) as many:
        response = bulk(api, lines_of(1000))

    assert response.status_code == 200
    assert len({answer["job_id"] for answer in response.json()}) == 1000
    # SQLite takes so many parameters a statement and no more: a few batches.
    assert len(many) <= len(few) + 60
    begun = [query["sql"] for query in many if query["sql"].startswith("SAVEPOINT")]
    assert len(begun) <= 1 + sum("INSERT" in query["sql"] for query in many)


@pytest.mark.parametrize("number", [1001, 5000])
def test_more_than_a_thousand_lines_are_refused_and_none_is_stored(api, number):
    as_array = bulk(api, [{}] * number)
    as_ndjson = ndjson(api, b"{}\n" * number)

    assert refusal(as_array) == refusal(as_ndjson) == (422, "VALIDATION_ERROR")
    assert not Job.objects.exists()


@pytest.mark.parametrize("body", [b"", b"[]", b" "])
def test_a_bulk_request_without_a_submission_is_refused(api, body):
    assert refusal(bulk(api, body)) == (400, "INVALID_PAYLOAD")


@pytest.mark.parametrize("body", [b"", b"\n", b"\r\n \n"])
def test_an_ndjson_request_without_a_submission_is_refused(api, body):
    assert refusal(ndjson(api, body)) == (400, "INVALID_PAYLOAD")


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"submissions": []}',
        b"null",
        b'"text"',
        b"[{}",
        b"[NaN]",
        b'[{"a": 1, "a": 2}]',
        b"\xef\xbb\xbf[{}]",
        b"[" * 100_000,
        b"{}\n{}",
    ],
)
def test_an_array_that_cannot_be_read_is_refused_whole(api, body):
    assert refusal(bulk(api, body)) == (400, "INVALID_PAYLOAD")
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    "content_type",
    [
        *["application/json; charset=latin-1", "application/x-ndjson; charset=utf-16"],
        *["text/plain", "application/x-www-form-urlencoded", "text/csv", ""],
    ],
)
def test_anything_but_json_or_ndjson_in_utf_8_is_415(api, content_type):
    response = api.generic("POST", "/api/submit/bulk", b"[{}]", content_type)

    assert refusal(response) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_body_larger_than_the_bulk_limit_is_413(api, settings):
    settings.BULK_MAX_BYTES = 1024

    assert refusal(bulk(api, b"[{}]" + b" " * 1021)) == (413, "PAYLOAD_TOO_LARGE")
    assert refusal(ndjson(api, b"{}\n" * 400)) == (413, "PAYLOAD_TOO_LARGE")
    assert bulk(api, b"[{}]" + b" " * 1020).status_code == 200


def test_a_bulk_body_may_be_larger_than_a_single_one(api):
    lines = [{"observations": "o" * 20_000}] * 150

    assert len(json.dumps(lines)) > 2_900_000
    assert bulk(api, lines).status_code == 200


def test_the_same_key_twice_in_one_request_is_one_job(api):
    line = {"case_id": "anna", "idempotency_key": "key-1"}

    response = bulk(api, [line, {"case_id": "bert"}, line])

    first, _, again = response.json()
    assert response.status_code == 200
    assert first["job_id"] == again["job_id"]
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert Job.objects.count() == 2
    assert IdempotencyKey.objects.count() == 1


def test_the_same_key_for_two_requests_at_once_is_refused_for_the_second(api):
    response = bulk(
        api,
        [
            {"case_id": "anna", "idempotency_key": "key-1"},
            {"case_id": "bert", "idempotency_key": "key-1"},
            {"case_id": "carl"},
        ],
    )

    assert response.status_code == 207
    assert codes(response) == [None, "IDEMPOTENCY_KEY_REUSED", None]
    assert Job.objects.count() == 2


def test_keys_of_the_lines_are_those_of_the_single_route(api):
    single = api.post(
        "/api/submit",
        json.dumps({"case_id": "anna"}),
        content_type="application/json",
        headers={"Idempotency-Key": "key-1"},
    )

    response = bulk(api, [{"case_id": "anna", "idempotency_key": "key-1"}])

    assert response.json()[0]["job_id"] == single.json()["job_id"]
    assert response["Idempotent-Replayed"] == "true"


def test_a_request_of_which_only_a_part_is_known_is_not_called_replayed(api):
    known = {"case_id": "anna", "idempotency_key": "key-1"}
    bulk(api, [known])

    response = bulk(api, [known, {"case_id": "bert"}])

    assert "Idempotent-Replayed" not in response
    assert [line["replayed"] for line in response.json()] == [True, False]


def test_the_same_case_twice_in_one_request_is_one_case_with_two_jobs(api):
    response = bulk(api, [{"case_id": "anna"}, {"case_id": "anna", "age_months": 9}])

    assert response.status_code == 200
    assert Case.objects.get().jobs.count() == 2


def test_nothing_at_all_is_stored_when_the_audit_cannot_be(api, redis, monkeypatch):
    def away(events, sql, params):
        raise DatabaseError

    monkeypatch.setattr(submission, "record_beside", away)

    with pytest.raises(DatabaseError):
        bulk(api, [{"idempotency_key": "k"}, *lines_of(3)])
    assert not Case.objects.exists()
    assert not Job.objects.exists()
    assert not IdempotencyKey.objects.exists()
    assert redis.llen("rq:queue:pedi-screen") == 0


def test_jobs_are_queued_in_the_order_of_their_lines_and_urgent_ones_first(api, redis):
    priorities = ["normal", "high", "low", "urgent", "normal", "high", "urgent"]

    response = bulk(api, [{"priority": priority} for priority in priorities])

    ids = [line["job_id"] for line in response.json()]
    queued = [one.decode() for one in redis.lrange("rq:queue:pedi-screen", 0, -1)]
    assert queued == [ids[place] for place in (3, 6, 1, 5, 0, 2, 4)]
