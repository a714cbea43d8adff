"""POST /api/submit, field by field: what is taken, what is refused, what is stored."""

from __future__ import annotations

import json
import uuid

import pytest
from django.db import OperationalError

from audit.models import Audit
from screening.models import Case, Job
from tests.screening.webhooks import make_endpoint

SENTINEL = "Xyzzy-Quux"


def submit(api, document):
    return api.post(
        "/api/submit", data=json.dumps(document), content_type="application/json"
    )


def answers(number):
    return {f"{n % 60}m.language.item_{n}": "yes" for n in range(number)}


TAKEN = [
    ("case_id", "c"),
    ("case_id", "c" * 128),
    ("age_months", 0),
    ("age_months", 240),
    ("observations", ""),
    ("observations", "Says two words.\n\tPoints. Ünïcødé 👶 \u202eodd\u200b order"),
    ("observations", "=HYPERLINK('x') <script>alert(1)</script> '; DROP TABLE x"),
    ("observations", "o" * 20_000),
    ("shape", [1, 1]),
    ("shape", [65_536, 65_536]),
    ("preferred_target", "edge"),
    ("preferred_target", "cloud"),
    ("preferred_target", "auto"),
    ("preferred_target_strict", True),
    ("priority", "urgent"),
    ("priority", "high"),
    ("priority", "normal"),
    ("priority", "low"),
    ("gestational_weeks", 22),
    ("gestational_weeks", 44),
    ("milestones", {}),
    ("milestones", {"24m.language.two_words_together": "not_yet"}),
    ("milestones", {"9m.motor.sits": "not_sure", "9m.motor.rolls": "yes"}),
    ("milestones", answers(200)),
    ("milestones", {f"240m.{'a' * 40}.{'b' * 80}": "yes"}),
    ("flags", {}),
    ("flags", {"lost_skill": True, "parent_concern": False}),
    ("consent", {}),
    ("consent", {"consent_given": True, "consent_id": "c", "scopes": []}),
    ("consent", {"consent_id": "c" * 128, "scopes": ["s" * 64] * 20}),
    ("callback_url", "https://clinic.example.org/hook?a=b"),
    ("callback_url", f"https://clinic.example.org/{'p' * 1973}"),
    ("idempotency_key", "!"),
    ("idempotency_key", "~" * 255),
]

NOT_TEXT = [1, 1.5, True, None, [], {}]
NOT_A_NUMBER = ["24", " 24 ", "٢٤", "", 24.0, 1e2, True, None, [], {}, [24]]
NOT_A_FLAG = ["true", "false", 1, 0, None, [], {}]
REFUSED = [
    *(("case_id", value) for value in [*NOT_TEXT, "", "c" * 129]),
    *(("age_months", value) for value in NOT_A_NUMBER),
    *(("age_months", value) for value in [-1, 241, 2**31, 10**12, 10**20]),
    *(("observations", value) for value in [*NOT_TEXT, "o" * 20_001]),
    *(("embedding_b64", value) for value in [*NOT_TEXT, "", "A" * 349_532]),
    *(("shape", value) for value in [1, "1,256", None, {}, [], [1], [1, 1, 1]]),
    *(("shape", [1, value]) for value in [*NOT_A_NUMBER, 0, -1, 65_537, 10**20]),
    *(("preferred_target", value) for value in [*NOT_TEXT, "", "Edge", SENTINEL]),
    *(("preferred_target_strict", value) for value in NOT_A_FLAG),
    *(("priority", value) for value in [*NOT_TEXT, "", "URGENT", SENTINEL]),
    *(("gestational_weeks", value) for value in [*NOT_A_NUMBER, 21, 45, 10**20]),
    *(("milestones", value) for value in [1, "yes", None, [], answers(201)]),
    *(("milestones", {"9m.motor.sits": value}) for value in [*NOT_TEXT, SENTINEL]),
    *(
        ("milestones", {key: "yes"})
        for key in [
            *["", "sits", SENTINEL, "m.motor.sits", "1000m.motor.sits", "9m..sits"],
            *["9m.Motor.sits", "9m.motor.", "9m.motor.sits\n", "9m.motor.sits.x"],
            *["٩m.motor.sits", f"9m.{'a' * 41}.b", f"9m.a.{'b' * 81}"],
        ]
    ),
    *(("flags", value) for value in [1, "lost_skill", None, [], {"smiles": True}]),
    *(("flags", {"lost_skill": value}) for value in NOT_A_FLAG),
    *(("consent", value) for value in [1, "yes", True, None, [], {"given": True}]),
    *(("consent", {"consent_given": value}) for value in NOT_A_FLAG),
    *(("consent", {"consent_id": value}) for value in [*NOT_TEXT, "", "c" * 129]),
    *(("consent", {"scopes": value}) for value in ["s", None, {}, ["s"] * 21]),
    *(("consent", {"scopes": [value]}) for value in [*NOT_TEXT, "s" * 65]),
    *(
        ("callback_url", value)
        for value in [
            *NOT_TEXT,
            *["", SENTINEL, "http://clinic.example.org/", "ftp://clinic.example.org/"],
            *["https://", "//clinic.example.org/", "javascript:alert(1)"],
            *["https://clinic.example.org/a b", "https://clinic.example.org/\n"],
            *["https://clinic.example.org/\r\nx: y", " https://clinic.example.org/"],
            f"https://clinic.example.org/{'p' * 1974}",
        ]
    ),
    *(
        ("idempotency_key", value)
        for value in [*NOT_TEXT, "", "a b", "ü", "key\n", "\x7f", "k" * 256]
    ),
]


def test_an_empty_submission_is_a_valid_one(api):
    response = submit(api, {})

    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"job_id", "queued_at", "status", "case_id"}
    assert uuid.UUID(body["case_id"]).version == 4
    job = Job.objects.get(pk=body["job_id"])
    assert (job.status, job.payload, job.priority) == ("PENDING", {}, "normal")
    assert job.case.case_id == body["case_id"]
    assert body["queued_at"] == job.created_at.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(("field", "value"), TAKEN)
def test_what_is_allowed_is_taken_and_stored_as_it_came(api, field, value):
    make_endpoint("")  # what signs callbacks
    response = submit(api, {field: value})

    assert response.status_code == 200, response.content[:500]
    job = Job.objects.get(pk=response.json()["job_id"])
    kept = {
        **job.payload,
        "case_id": job.case.case_id,
        "priority": job.priority,
        "idempotency_key": value,
    }
    assert kept[field] == value


@pytest.mark.parametrize(("field", "value"), REFUSED)
def test_what_is_not_allowed_is_refused_by_the_name_of_its_field(api, field, value):
    response = submit(api, {"observations": SENTINEL, field: value})

    assert response.status_code == 422, response.content[:500]
    body = response.json()
    assert set(body) == {"code", "message", "details", "detail"}
    assert body["code"] == "VALIDATION_ERROR"
    assert set(body["details"]) == {field}
    assert SENTINEL not in response.content.decode()
    assert not Job.objects.exists()
    assert not Case.objects.exists()


def test_every_wrong_field_is_named_at_once(api):
    response = submit(api, {"age_months": -1, "priority": "", "shape": 3, "colour": 1})

    details = response.json()["details"]
    assert set(details) == {"age_months", "priority", "shape", "colour"}


@pytest.mark.parametrize(
    "name", ["status", "result", "attempt", "clinic", "job_id", "risk", "__proto__", ""]
)
def test_a_field_that_is_not_known_is_refused_by_its_name(api, name):
    response = submit(api, {name: SENTINEL})

    assert response.status_code == 422
    assert response.json()["details"] == {name: ["This field is not known."]}
    assert SENTINEL not in response.content.decode()
    assert not Job.objects.exists()


def test_names_of_unknown_fields_are_answered_shortened_and_not_without_end(api):
    response = submit(api, {f"{n}{'x' * 1000}": 1 for n in range(1000)})

    assert response.status_code == 422
    assert len(response.content) < 10_000


def test_an_accepted_job_is_on_the_queue_and_in_the_audit_by_its_id_alone(api, redis):
    response = submit(api, {"case_id": "anna", "observations": SENTINEL})

    job_id = response.json()["job_id"]
    assert redis.lrange("rq:queue:pedi-screen", 0, -1) == [job_id.encode()]
    assert SENTINEL.encode() not in b"".join(redis.hvals(f"rq:job:{job_id}"))
    [event] = Audit.objects.for_job(job_id)
    assert (event.action, event.actor) == ("job.submitted", "key:env")
    assert event.request_id == response["X-Request-ID"]
    assert SENTINEL not in json.dumps(event.detail)


def test_an_urgent_job_goes_to_the_front_of_the_queue(api, redis):
    ids = [
        submit(api, {"priority": priority}).json()["job_id"]
        for priority in ["normal", "low", "high", "urgent"]
    ]

    queued = [one.decode() for one in redis.lrange("rq:queue:pedi-screen", 0, -1)]
    assert set(queued[:2]) == {ids[2], ids[3]}
    assert queued[2:] == ids[:2]


def test_the_answer_is_the_same_without_redis_and_the_job_is_stored(api, settings):
    from screening import queue

    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    queue.inference_queue.cache_clear()
    try:
        response = submit(api, {"case_id": "no-redis"})
    finally:
        queue.inference_queue.cache_clear()

    assert response.status_code == 200
    assert Job.objects.get(pk=response.json()["job_id"]).status == "PENDING"


def test_with_the_database_away_it_is_503_and_says_when_to_come_again(api, monkeypatch):
    def away(*args, **kwargs):
        raise OperationalError(f"connection to {SENTINEL} refused")

    monkeypatch.setattr("screening.services.submission.insert_returning", away)

    response = submit(api, {"case_id": "no-database"})

    assert response.status_code == 503
    assert response.json()["code"] == "SERVICE_UNAVAILABLE"
    assert int(response["Retry-After"]) > 0
    assert SENTINEL not in response.content.decode()
    assert not Case.objects.exists()
    assert not Audit.objects.exists()


def test_answers_are_kept_out_of_every_cache(api):
    assert submit(api, {})["Cache-Control"] == "no-store"
    assert submit(api, {"age_months": -1})["Cache-Control"] == "no-store"
