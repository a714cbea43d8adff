"""Handing a review over: to a colleague who may write and need not read blind."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from audit.models import Audit
from screening.errors import NotReady, NotYours
from screening.models import Clinic, Review
from screening.services.handing_over import colleagues_for, hand_over
from screening.services.review import (
    ask_for_second_read,
    claim_review,
    give_up_claim,
    save_review,
    send_second_read,
)
from tests.screening.desk import review_of
from tests.screening.signing import make_reader, sign

pytestmark = pytest.mark.django_db


@pytest.fixture
def doctor() -> User:
    return make_reader("dr-osei")


@pytest.fixture
def colleague() -> User:
    return make_reader("dr-lind")


def test_a_colleague_has_the_review_with_all_that_was_written(doctor, colleague):
    review = review_of()
    save_review(review, user=doctor, version=1, values={"note": "Mine."})

    hand_over(review, user=doctor, to=colleague)

    review.refresh_from_db()
    assert (review.assignee, review.note, review.version) == (colleague, "Mine.", 2)
    assert review.claimed_at <= timezone.now()
    event = Audit.objects.get(action="review.handed_over")
    assert event.actor == f"user:{doctor.pk}"
    assert event.detail == {"to": f"user:{colleague.pk}"}
    assert save_review(review, user=colleague, version=2, values={"note": "Ours."})


@pytest.mark.parametrize("who", ["nobody's", "another's", "signed"])
def test_only_who_has_a_review_hands_it_over(doctor, colleague, who):
    review = review_of()
    if who == "another's":
        claim_review(review, user=colleague)
    elif who == "signed":
        sign(review, user=doctor)

    with pytest.raises(NotYours):
        hand_over(review, user=doctor, to=colleague)

    assert not Audit.objects.filter(action="review.handed_over").exists()


@pytest.mark.parametrize(
    "rights", [["view_review", "read_words"], ["view_review", "change_review"]]
)
def test_it_goes_to_nobody_who_may_not_write_or_not_read_it(doctor, rights):
    review = review_of()
    claim_review(review, user=doctor)
    reader = make_reader("auditor", rights=rights)

    with pytest.raises(NotYours):
        hand_over(review, user=doctor, to=reader)

    assert not colleagues_for(review, user=doctor).exists()
    assert Review.objects.get().assignee == doctor


def test_it_stays_in_its_clinic_and_with_those_who_work_there(doctor, colleague):
    review = review_of()
    claim_review(review, user=doctor)
    far = Clinic.objects.create(slug="far", name="Far away")
    stranger = make_reader("dr-far", clinic=far)
    gone = make_reader("dr-gone")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    boss = User.objects.create_superuser("boss")

    for other in (stranger, gone, boss, doctor):
        with pytest.raises(NotYours):
            hand_over(review, user=doctor, to=other)

    assert list(colleagues_for(review, user=doctor)) == [colleague]


def test_while_a_second_reader_is_awaited_nobody_takes_it_over(doctor, colleague):
    review = review_of()
    claim_review(review, user=doctor)
    ask_for_second_read(review, user=doctor, version=1)

    with pytest.raises(NotReady, match="waits for a second reader"):
        hand_over(review, user=doctor, to=colleague)

    assert Review.objects.get().assignee == doctor


def test_who_has_read_it_second_does_not_take_it_over(doctor, colleague):
    third = make_reader("dr-third")
    review = review_of()
    claim_review(review, user=doctor)
    ask_for_second_read(review, user=doctor, version=1)
    send_second_read(review, user=colleague, risk="discuss", why="The same.")
    review = Review.objects.select_related("job__case", "job__clinic").get()

    with pytest.raises(NotReady, match="has read it second"):
        hand_over(review, user=doctor, to=colleague)
    assert list(colleagues_for(review, user=doctor)) == [third]
    hand_over(review, user=doctor, to=third)

    assert Review.objects.get().assignee == third


def test_who_saves_has_the_review_from_that_moment(doctor):
    review = review_of()

    save_review(review, user=doctor, version=1, values={"note": "Mine."})
    first = Review.objects.get().claimed_at
    save_review(review, user=doctor, version=2, values={"note": "Again."})

    assert first is not None
    assert Review.objects.get().claimed_at == first
    give_up_claim(review, user=doctor)
    assert Review.objects.get().claimed_at is None
