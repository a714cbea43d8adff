"""The rules that the database holds, and the claim that only one worker can make."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, models, transaction
from django.db.models.functions import Now
from django.utils import timezone

from audit.actions import Action
from audit.models import Audit
from audit.services import Event, record
from screening.models import (
    Addendum,
    Case,
    Clinic,
    FollowUp,
    IdempotencyKey,
    Job,
    Review,
    SavedView,
    SecondRead,
)
from screening.results import RISING
from tests.screening.retention_violations import VIOLATIONS as MORE_VIOLATIONS
from tests.screening.signing import unlock

OUR_APPS = ["screening", "audit"]
LONG_AGO = timezone.make_aware(datetime(2026, 1, 5, 9, 0))  # noqa: DTZ001 - made aware
RESULT = {"risk": "monitor"}
VALID: dict[str, dict[str, Any]] = {
    "PENDING": {"status": "PENDING"},
    "RUNNING": {"status": "RUNNING", "lease_until": LONG_AGO},
    "DONE": {
        "status": "DONE",
        "risk": "monitor",
        "result": RESULT,
        "finished_at": LONG_AGO,
    },
    "FAILED": {
        "status": "FAILED",
        "error_code": "MODEL_TIMEOUT",
        "finished_at": LONG_AGO,
    },
    "CANCELLED": {"status": "CANCELLED", "finished_at": LONG_AGO},
}


def make_case(case_id: str = "RC-2041") -> Case:
    clinic, _ = Clinic.objects.get_or_create(slug="riverside", name="Riverside")
    return Case.objects.get_or_create(clinic=clinic, case_id=case_id)[0]


def make_job(**values: Any) -> Job:
    case = make_case()
    values = {"payload": {}, "client": "key:abcd1234", **values}
    return Job.objects.create(case=case, clinic=case.clinic, **values)


def make_review(user: Any, **values: Any) -> Review:
    if values.get("state", "REQUIRES_REVIEW") != "REQUIRES_REVIEW":
        # The lock would refuse it before any constraint is asked.
        unlock()
        values = {
            "signed_off_by": user,
            "signed_off_at": LONG_AGO,
            "outcome": "approved",
            "meaning": "It means something.",
            "content_digest": "0" * 64,
            **values,
        }
    if values.get("state") == "DELIVERED":
        values = {"released_by": user, "released_at": LONG_AGO, **values}
    job = make_job(**VALID["DONE"])
    return Review.objects.create(
        job=job, clinic=job.clinic, **{"risk": "monitor", **values}
    )


def make_follow_up(user: Any, **values: Any) -> FollowUp:
    return FollowUp.objects.create(review=make_review(user), asked_by=user, **values)


def make_read(user: Any, **values: Any) -> SecondRead:
    other, _ = User.objects.get_or_create(username="another")
    usual = {"first_reader": user, "reader": other, "risk": "refer", "why": "So."}
    return SecondRead.objects.create(review=make_review(user), **usual | values)


def make_addenda(user: Any) -> None:
    unlock("screening_addendum")
    review = make_review(user)
    for _ in range(2):
        Addendum.objects.create(
            review=review, number=1, text="More.", signed_off_by=user
        )


def twice(make: Callable[[], Any]) -> Callable[[Any], Any]:
    return lambda user: [make(), make()]


def make_key() -> IdempotencyKey:
    return IdempotencyKey.objects.create(
        client="key:abcd1234", endpoint="submit", key="k", fingerprint="f", answer={}
    )


# --- Constraints ------------------------------------------------------------------

VIOLATIONS: list[tuple[str, Callable[[Any], Any]]] = [
    (
        "case_once_per_clinic",
        twice(lambda: Case.objects.create(clinic=make_case().clinic, case_id="A-1")),
    ),
    ("case_is_named", lambda user: make_case("")),
    ("job_status_known", lambda user: make_job(status="LOST")),
    ("job_priority_known", lambda user: make_job(priority="soon")),
    (
        "job_finished_iff_ended",
        lambda user: make_job(**{**VALID["CANCELLED"], "finished_at": None}),
    ),
    ("job_finished_iff_ended", lambda user: make_job(finished_at=LONG_AGO)),
    (
        "job_leased_iff_running",
        lambda user: make_job(**{**VALID["RUNNING"], "lease_until": None}),
    ),
    ("job_leased_iff_running", lambda user: make_job(lease_until=LONG_AGO)),
    (
        "job_failed_iff_error_code",
        lambda user: make_job(**{**VALID["FAILED"], "error_code": ""}),
    ),
    ("job_failed_iff_error_code", lambda user: make_job(error_code="MODEL_TIMEOUT")),
    ("job_done_iff_risk", lambda user: make_job(**{**VALID["DONE"], "risk": ""})),
    ("job_done_iff_risk", lambda user: make_job(**{**VALID["DONE"], "result": None})),
    ("job_done_iff_risk", lambda user: make_job(risk="on_track")),
    ("job_done_iff_risk", lambda user: make_job(result=RESULT)),
    ("job_risk_known", lambda user: make_job(**{**VALID["DONE"], "risk": "autism"})),
    (
        "review_signed_off_by_someone",
        lambda user: make_review(user, state="SIGNED_OFF", signed_off_by=None),
    ),
    (
        "review_signed_off_by_someone",
        lambda user: make_review(user, state="DELIVERED", signed_off_at=None),
    ),
    (
        "review_signed_off_by_someone",
        lambda user: make_review(user, signed_off_by=user, signed_off_at=LONG_AGO),
    ),
    (
        "review_signed_off_by_someone",
        lambda user: make_review(user, state="APPROVED"),
    ),
    (
        "review_signed_with_a_usable_risk",
        lambda user: make_review(user, state="SIGNED_OFF", risk="unclassified"),
    ),
    *(
        (
            "review_signed_with_meaning_and_digest",
            lambda user, name=name: make_review(user, state="SIGNED_OFF", **{name: ""}),
        )
        for name in ("outcome", "meaning", "content_digest")
    ),
    (
        "review_signed_with_meaning_and_digest",
        lambda user: make_review(user, outcome="approved"),
    ),
    (
        "review_released_only_if_signed",
        lambda user: make_review(user, released_by=user, released_at=LONG_AGO),
    ),
    (
        "review_released_only_if_signed",
        lambda user: make_review(user, state="DELIVERED", released_by=None),
    ),
    (
        "review_released_with_family_text_approved",
        lambda user: make_review(user, state="DELIVERED", parent_text="Plays well."),
    ),
    ("second_read_by_another_person", lambda user: make_read(user, reader=user)),
    (
        "second_read_decided_by_a_third_person",
        lambda user: make_read(user, adjudicator=user),
    ),
    (
        "second_read_gives_a_usable_risk",
        lambda user: make_read(user, risk="unclassified"),
    ),
    ("addendum_numbered_once", lambda user: make_addenda(user)),
    (
        "follow_up_kind_known",
        lambda user: make_follow_up(user, kind="other"),
    ),
    (
        "follow_up_referral_says_to_whom",
        lambda user: make_follow_up(user, kind="referral"),
    ),
    (
        "follow_up_rescreen_says_when",
        lambda user: make_follow_up(user, kind="rescreen", to="Hearing clinic"),
    ),
    (
        "saved_view_named_once",
        lambda user: [
            SavedView.objects.create(owner=user, name="Mine", query="view=mine")
            for _ in range(2)
        ],
    ),
    ("idempotency_key_once_per_client", twice(make_key)),
    (
        "audit_names_its_actor",
        lambda user: record([Event(action=Action.JOB_FAILED, actor="")]),
    ),
    (
        "audit_has_its_text",
        lambda user: models.Model.save(Audit(action=Action.JOB_FAILED, actor="user:1")),
    ),
    *MORE_VIOLATIONS,
]
SHADOWED = {
    "job_status_known": ("screening_job", "job_finished_iff_ended"),
    "webhook_status_known": ("screening_webhookdelivery", "webhook_finished_iff_ended"),
}
"""PostgreSQL checks by name: the second of these refuses such a row before the first
is asked, so it must be out of the way to see that the first refuses it too."""


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "violate"), VIOLATIONS)
def test_the_constraint_refuses_its_violation(name, violate, django_user_model):
    user = django_user_model.objects.create_user("reviewer")
    shadow = SHADOWED.get(name)
    if shadow and connection.vendor == "postgresql":
        connection.cursor().execute("ALTER TABLE {} DROP CONSTRAINT {}".format(*shadow))

    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        violate(user)

    assert says(refusal.value, name)


def says(error: IntegrityError, name: str) -> bool:
    """SQLite names checks by name, but unique constraints by their columns."""
    [constraint] = [found for found in constraints() if found.name == name]
    columns = getattr(constraint, "fields", ()) if connection.vendor == "sqlite" else ()
    return all(column in str(error) for column in columns) and (
        bool(columns) or name in str(error)
    )


def constraints() -> list[Any]:
    return [
        constraint
        for app in OUR_APPS
        for model in apps.get_app_config(app).get_models()
        for constraint in model._meta.constraints
    ]


def test_every_constraint_has_a_violation_to_refuse():
    assert {name for name, _ in VIOLATIONS} == {found.name for found in constraints()}


@pytest.mark.django_db
def test_every_constraint_is_in_the_database():
    with connection.cursor() as cursor:
        found = {
            name
            for table in connection.introspection.table_names(cursor)
            for name in connection.introspection.get_constraints(cursor, table)
        }

    assert {constraint.name for constraint in constraints()} <= found


@pytest.mark.django_db
@pytest.mark.parametrize("status", Job.Status)
def test_a_job_of_each_status_can_be_stored(status):
    job = make_job(**VALID[status])

    assert Job.objects.get(pk=job.pk).status == status


@pytest.mark.django_db
@pytest.mark.parametrize("risk", ["unclassified", *RISING])
def test_a_done_job_of_each_risk_can_be_stored(risk):
    job = make_job(**{**VALID["DONE"], "risk": risk})

    assert Job.objects.get(pk=job.pk).risk == risk


@pytest.mark.django_db
@pytest.mark.parametrize("state", Review.State)
def test_a_review_of_each_state_can_be_stored(state, django_user_model):
    user = django_user_model.objects.create_user("reviewer")

    assert make_review(user, state=state).pk


@pytest.mark.django_db
def test_two_clinics_may_use_the_same_identifier():
    other = Clinic.objects.create(slug="northgate", name="Northgate")

    assert Case.objects.create(clinic=other, case_id=make_case().case_id).pk


# --- Claim ------------------------------------------------------------------------


def claim(*jobs: Job, worker: str = "host-1") -> list[uuid.UUID]:
    return Job.objects.claim([job.pk for job in jobs], worker=worker)


@pytest.mark.django_db
def test_a_due_job_is_claimed_once_and_by_one_worker():
    job = make_job()

    assert claim(job, worker="host-1") == [job.pk]
    assert claim(job, worker="host-2") == []
    job.refresh_from_db()
    assert (job.status, job.worker, job.attempt) == ("RUNNING", "host-1", 1)


@pytest.mark.django_db
def test_a_claim_takes_those_that_are_due_and_leaves_the_rest():
    jobs = [make_job(**VALID[status]) for status in Job.Status]
    later = make_job(not_before=timezone.now() + timedelta(minutes=5))
    unknown = Job(pk=uuid.uuid4())

    taken = claim(*jobs, later, unknown)

    assert taken == [job.pk for job in jobs if job.status == "PENDING"]


@pytest.mark.django_db
def test_when_a_job_is_due_is_the_databases_to_say():
    job = make_job(not_before=timezone.now() + timedelta(minutes=5))

    with time_machine.travel(timezone.now() + timedelta(days=1)):
        assert claim(job) == []


@pytest.mark.django_db
def test_the_lease_ends_by_the_databases_clock(settings):
    settings.JOB_LEASE_SECONDS = 40
    job = make_job()
    before = timezone.now()

    with time_machine.travel(before - timedelta(days=400)):
        claim(job)

    job.refresh_from_db()
    lease = job.lease_until - before
    assert timedelta(seconds=39) < lease < timedelta(seconds=60)
    assert abs(job.started_at - before) < timedelta(seconds=20)
    assert abs(job.updated_at - before) < timedelta(seconds=20)


@pytest.mark.django_db
def test_each_claim_counts_and_the_first_one_dates_the_start():
    job = make_job()
    claim(job)
    Job.objects.filter(pk=job.pk).update(
        status="PENDING", lease_until=None, started_at=LONG_AGO, not_before=Now()
    )

    claim(job)

    job.refresh_from_db()
    assert (job.attempt, job.started_at) == (2, LONG_AGO)


@pytest.mark.django_db
def test_only_the_claim_under_way_holds_the_job():
    job = make_job()
    claim(job)

    assert Job.objects.held(1).exists()
    assert not Job.objects.held(0).exists()
    assert not Job.objects.held(2).exists()


@pytest.mark.django_db
@pytest.mark.parametrize(("seconds", "expired"), [(-1, True), (60, False)])
def test_a_lease_has_expired_once_its_time_is_over(seconds, expired):
    ends = Now() + timedelta(seconds=seconds)
    make_job(status="RUNNING", lease_until=ends)

    assert Job.objects.expired().exists() is expired
