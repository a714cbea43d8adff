"""Who looked at a child's record, and when."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from audit.actions import Action
from audit.models import Audit
from screening.models import Clinic, Review
from screening.services.reading import note_opened
from screening.services.review import claim_review
from tests.screening.desk import LIST, page_of, review_of
from tests.screening.signing import RIGHTS, make_reader

pytestmark = pytest.mark.django_db


@pytest.fixture
def doctor(db: None) -> Any:
    return make_reader(rights=(*RIGHTS, "view_case", "view_job"))


@pytest.fixture
def desk(client: Any, doctor: Any, redis: Any) -> Any:
    client.force_login(doctor)
    return client


def opened() -> list[tuple[str, str, Any, str]]:
    return [
        (event.actor, event.case_id, event.job_id, event.detail["page"])
        for event in Audit.objects.filter(action=Action.RECORD_OPENED).order_by("id")
    ]


def test_each_page_of_a_record_says_who_opened_it(desk, doctor):
    review = review_of("case-1")
    job = review.job
    paths = {
        "review": page_of(review),
        "job": reverse("admin:screening_job_change", args=[job.pk]),
        "case": reverse("admin:screening_case_change", args=[job.case.pk]),
    }

    for path in paths.values():
        assert desk.get(path).status_code == 200

    who = f"user:{doctor.pk}"
    assert opened() == [
        (who, "case-1", job.pk, "review"),
        (who, "case-1", job.pk, "job"),
        (who, "case-1", None, "case"),
    ]


def test_a_page_to_sign_and_a_second_read_are_openings_too(desk, client, doctor):
    review = review_of("case-1")
    Review.objects.filter(pk=review.pk).update(second_read_for="drawn")
    claim_review(review, user=doctor)
    desk.get(page_of(review, "sign_off"))
    other = make_reader("dr-lind")
    client.force_login(other)
    client.get(page_of(review, "second_read"))

    assert [(who, page) for who, _, _, page in opened()] == [
        (f"user:{doctor.pk}", "review"),
        (f"user:{other.pk}", "second_read"),
    ]


def test_the_same_page_again_is_one_event_in_five_minutes(desk, doctor):
    review = review_of()
    for _ in range(3):
        desk.get(page_of(review))

    assert len(opened()) == 1
    note_opened(review.job, user=make_reader("dr-lind"), page="review")
    assert len(opened()) == 2


def test_after_five_minutes_it_is_another_event(doctor, monkeypatch):
    review = review_of()
    monkeypatch.setattr("screening.services.reading.AGAIN_AFTER_SECONDS", -1.0)

    for _ in range(2):
        note_opened(review.job, user=doctor, page="review")

    assert len(opened()) == 2


def test_what_another_clinic_s_person_may_not_open_is_no_opening(desk):
    elsewhere = Clinic.objects.create(slug="elsewhere", name="Elsewhere")
    review = review_of(clinic=elsewhere)

    desk.get(page_of(review))
    desk.get(LIST)

    assert opened() == []


def test_who_looked_is_not_among_what_was_done(desk, doctor):
    review = review_of()
    claim_review(review, user=doctor)

    desk.get(page_of(review))
    page = desk.get(page_of(review))

    assert "Claimed" in page.text
    assert "Record opened" not in page.text
