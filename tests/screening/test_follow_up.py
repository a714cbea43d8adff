"""What is asked for beside a report: a new screening, a referral."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.utils import timezone

from audit.models import Audit
from screening.errors import NotReady, NotYours
from screening.models import Clinic, FollowUp, Review
from screening.services.follow_up import ask_follow_up, follow_ups_of
from screening.services.keys import create_key
from screening.services.review import claim_review
from tests.screening.desk import review_of
from tests.screening.signing import make_reader, sign

pytestmark = pytest.mark.django_db
SECRET = "Hearing has never been tested."


@pytest.fixture
def doctor() -> User:
    return make_reader("dr-osei")


def in_days(days: int) -> date:
    return timezone.localdate() + timedelta(days=days)


def test_a_new_screening_is_stored_and_the_report_stays_as_it_is(doctor):
    review = review_of()
    before = Review.objects.values().get()

    asked = ask_follow_up(
        review, user=doctor, kind="rescreen", due_on=in_days(60), note=f" {SECRET} "
    )

    assert list(follow_ups_of(review)) == [asked]
    assert (asked.kind, asked.due_on, asked.note) == ("rescreen", in_days(60), SECRET)
    assert asked.asked_by == doctor
    assert Review.objects.values().get() == before


def test_the_log_names_the_kind_and_no_words(doctor):
    ask_follow_up(
        review_of(), user=doctor, kind="referral", to="Dr Far, audiology", note=SECRET
    )

    event = Audit.objects.get(action="review.follow_up_asked")
    assert event.detail == {"kind": "referral"}
    assert event.actor == f"user:{doctor.pk}"


@pytest.mark.parametrize(
    "asked",
    [
        {"kind": "rescreen"},
        {"kind": "rescreen", "due_on": in_days(-1)},
        {"kind": "rescreen", "due_on": in_days(366 * 7)},
        {"kind": "referral"},
        {"kind": "referral", "to": "  "},
        {"kind": "referral", "to": "x" * 201},
        {"kind": "referral", "to": "x", "note": "x" * 1001},
        {"kind": "surgery", "to": "x"},
    ],
)
def test_what_is_not_whole_is_not_asked_for(doctor, asked):
    review = review_of()

    with pytest.raises(NotReady):
        ask_follow_up(review, user=doctor, **asked)

    assert not FollowUp.objects.exists()
    assert not Audit.objects.filter(action="review.follow_up_asked").exists()


def test_a_leap_day_has_a_last_day_too(doctor):
    with time_machine.travel("2028-02-29T12:00:00Z", tick=False):
        review = review_of()
        ask_follow_up(review, user=doctor, kind="rescreen", due_on=date(2034, 2, 28))

    assert FollowUp.objects.count() == 1


def test_an_open_review_of_another_is_left_alone_and_a_signed_one_may_be_asked_for(
    doctor,
):
    review = review_of()
    other = make_reader("dr-lind")
    claim_review(review, user=other)
    asked = {"kind": "referral", "to": "Audiology"}

    with pytest.raises(NotYours):
        ask_follow_up(review, user=doctor, **asked)
    sign(review, user=other)
    ask_follow_up(review, user=doctor, **asked)

    assert FollowUp.objects.count() == 1


def test_neither_another_clinic_nor_who_may_not_write_asks():
    review = review_of()
    far = Clinic.objects.create(slug="far", name="Far away")
    asked = {"kind": "referral", "to": "Audiology"}

    for user in (
        make_reader("dr-far", clinic=far),
        make_reader("auditor", rights=["view_review", "read_words"]),
    ):
        with pytest.raises(NotYours):
            ask_follow_up(review, user=user, **asked)

    assert not FollowUp.objects.exists()


def test_the_clinic_s_own_system_sees_what_was_asked_and_no_words(api, doctor):
    review = review_of("anna")
    ask_follow_up(review, user=doctor, kind="referral", to="Dr Zq", note=SECRET)
    ask_follow_up(review, user=doctor, kind="rescreen", due_on=in_days(30))
    before = api.get("/api/cases/anna").json()["follow_ups"]
    sign(review, user=doctor)

    answer = api.get("/api/cases/anna")

    # A referral gives away what nobody has signed yet.
    assert [each["kind"] for each in before] == ["rescreen"]
    first, second = answer.json()["follow_ups"]
    assert (first["kind"], first["due_on"]) == ("rescreen", str(in_days(30)))
    assert (second["kind"], second["due_on"]) == ("referral", None)
    assert set(first) == {"kind", "due_on", "asked_at"}
    assert SECRET not in answer.text
    assert "Zq" not in answer.text


def test_another_clinic_s_system_sees_nothing_of_it(client, doctor):
    ask_follow_up(review_of("anna"), user=doctor, kind="rescreen", due_on=in_days(30))
    far = Clinic.objects.create(slug="far", name="Far away")
    other = review_of("anna", clinic=far)
    _, raw = create_key(name="far", clinic=far, scopes=["jobs:read"], actor="user:test")

    answer = client.get("/api/cases/anna", headers={"x-api-key": raw})

    assert json.loads(answer.content)["follow_ups"] == []
    assert other.job.clinic == far
