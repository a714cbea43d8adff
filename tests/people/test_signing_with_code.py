"""A signature asks for the second factor too: first in a session, and after a break."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit.models import Audit
from people.services.factors import begin_factor, confirm_factor, remove_factor
from screening.errors import NotReady, WrongPassword
from screening.models import Addendum, Review
from screening.services.review import approve_family_text, claim_review
from screening.services.signing import add_addendum, sign_off
from tests.people.making import code_of
from tests.screening.desk import page_of, review_of, words_of
from tests.screening.signing import PASSWORD, make_reader

pytestmark = pytest.mark.django_db
BOTH = (
    "Nothing was signed. The password and the code are not both right. {} tries left."
)


@pytest.fixture
def doctor() -> User:
    """A clinician with a second factor, whose app shows a code that is fresh."""
    return with_factor(make_reader("dr-osei"))


@pytest.fixture
def desk(doctor: User) -> Client:
    client = Client()
    client.force_login(doctor)
    return client


def with_factor(user: User) -> User:
    begin_factor(user, password=PASSWORD)
    confirm_factor(user, code=code_of(user))
    TOTPDevice.objects.filter(user=user).update(last_t=-1)
    return user


def ready(doctor: User, case_id: str = "case-1") -> Review:
    review = review_of(case_id)
    claim_review(review, user=doctor)
    approve_family_text(review, user=doctor, version=1)
    review.refresh_from_db()
    return review


def state_of(review: Review) -> str:
    return Review.objects.get(pk=review.pk).state


def form(review: Review, **given: str) -> dict[str, Any]:
    return {"version": review.version, "password": PASSWORD, "_sign": "1", **given}


# --- The service ----------------------------------------------------------------------


def test_a_signature_needs_password_and_code(doctor):
    review = ready(doctor)

    signed = sign_off(
        review, user=doctor, password=PASSWORD, version=2, code=code_of(doctor)
    )

    assert signed.state == "SIGNED_OFF"


@pytest.mark.parametrize(
    ("password", "code"),
    [(PASSWORD, ""), (PASSWORD, "000000"), ("wrong", "right"), ("wrong", "000000")],
)
def test_whichever_is_wrong_nothing_is_signed_and_the_words_are_the_same(
    doctor, password, code
):
    review = ready(doctor)
    code = code_of(doctor) if code == "right" else code

    with pytest.raises(WrongPassword) as refusal:
        sign_off(review, user=doctor, password=password, version=2, code=code)

    assert str(refusal.value) == BOTH.format(4)
    assert state_of(review) == "REQUIRES_REVIEW"
    event = Audit.objects.latest("id")
    assert event.action == "review.sign_refused"
    assert event.detail["code"] == "WRONG_PASSWORD_OR_CODE"


def test_a_code_signs_once(doctor):
    one, other, code = ready(doctor), ready(doctor, "case-2"), code_of(doctor)
    given = {"user": doctor, "password": PASSWORD, "version": 2, "code": code}
    sign_off(one, **given)

    with pytest.raises(WrongPassword):
        sign_off(other, **given)

    assert state_of(other) == "REQUIRES_REVIEW"


def test_a_code_that_opened_the_desk_signs_nothing(doctor, client):
    review, code = ready(doctor), code_of(doctor)
    given = {"username": "dr-osei", "password": PASSWORD, "code": code}
    assert client.post("/admin/login/", given).status_code == 302

    with pytest.raises(WrongPassword):
        sign_off(review, user=doctor, password=PASSWORD, version=2, code=code)


def test_a_wrong_password_does_not_use_the_code_up(doctor):
    review, code = ready(doctor), code_of(doctor)
    with pytest.raises(WrongPassword):
        sign_off(review, user=doctor, password="wrong", version=2, code=code)

    sign_off(review, user=doctor, password=PASSWORD, version=2, code=code)

    assert state_of(review) == "SIGNED_OFF"


def test_a_recovery_code_signs_once_in_place_of_an_apps(doctor):
    begin_factor(doctor, password=PASSWORD)
    codes = confirm_factor(doctor, code=code_of(doctor))
    one, other = ready(doctor), ready(doctor, "case-2")
    given = {"user": doctor, "password": PASSWORD, "version": 2, "code": codes[0]}

    sign_off(one, **given)
    with pytest.raises(WrongPassword):
        sign_off(other, **given)


def test_five_wrong_codes_close_the_door_for_the_right_one(doctor):
    review = ready(doctor)
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(WrongPassword, match=f"{left} tries left"):
            sign_off(review, user=doctor, password=PASSWORD, version=2, code="000000")
    TOTPDevice.objects.update(throttling_failure_count=0)

    with pytest.raises(WrongPassword, match="0 tries left"):
        sign_off(
            review, user=doctor, password=PASSWORD, version=2, code=code_of(doctor)
        )

    assert state_of(review) == "REQUIRES_REVIEW"


@pytest.mark.parametrize(("minutes", "is_signed"), [(14, True), (16, False)])
def test_the_password_is_enough_until_there_was_a_break(doctor, minutes, is_signed):
    review = ready(doctor)
    seen = timezone.now() - timedelta(minutes=minutes)
    given = {"user": doctor, "version": 2, "code_seen_at": seen}

    with pytest.raises(WrongPassword, match="The password") as refusal:
        sign_off(review, password="wrong", **given)
    if is_signed:
        assert "The password is not right." in str(refusal.value)
        sign_off(review, password=PASSWORD, **given)
    else:
        with pytest.raises(WrongPassword, match="not both right"):
            sign_off(review, password=PASSWORD, **given)

    assert (state_of(review) == "SIGNED_OFF") == is_signed


def test_an_addendum_needs_both_as_well(doctor):
    review = sign_off(
        ready(doctor), user=doctor, password=PASSWORD, version=2, code=code_of(doctor)
    )
    given = {"user": doctor, "text": "She walks.", "password": PASSWORD}

    with pytest.raises(WrongPassword, match="not both right"):
        add_addendum(review, **given)
    assert not Addendum.objects.exists()
    add_addendum(review, **given, code_seen_at=timezone.now())

    assert Addendum.objects.get().number == 1


def test_who_has_no_factor_signs_with_the_password_and_hears_of_no_code(db):
    doctor = make_reader("dr-lind")
    review = ready(doctor)

    with pytest.raises(WrongPassword, match="The password is not right"):
        sign_off(review, user=doctor, password="wrong", version=2)
    sign_off(review, user=doctor, password=PASSWORD, version=2)

    assert state_of(review) == "SIGNED_OFF"


def test_what_is_left_to_do_is_still_said_after_a_right_code(doctor):
    review = review_of()
    claim_review(review, user=doctor)

    with pytest.raises(NotReady):
        sign_off(
            review, user=doctor, password=PASSWORD, version=1, code=code_of(doctor)
        )


# --- The pages ------------------------------------------------------------------------


def test_the_page_asks_for_the_code_at_the_first_signature_of_a_session(desk, doctor):
    one, other = ready(doctor), ready(doctor, "case-2")

    assert 'name="code"' in desk.get(page_of(one, "sign_off")).text
    missing = desk.post(page_of(one, "sign_off"), form(one))
    assert "Nothing was signed. Your code is needed." in words_of(missing.text)
    wrong = desk.post(page_of(one, "sign_off"), form(one, code="000000"))
    assert BOTH.format(4) in words_of(wrong.text)
    assert "000000" not in wrong.text.partition('name="code"')[2][:200]
    TOTPDevice.objects.update(throttling_failure_count=0)
    right = desk.post(page_of(one, "sign_off"), form(one, code=code_of(doctor)))

    assert right.status_code == 302
    assert state_of(one) == "SIGNED_OFF"
    assert 'name="code"' not in desk.get(page_of(other, "sign_off")).text
    assert 'name="code"' not in desk.get(page_of(one)).text
    desk.post(page_of(other, "sign_off"), form(other))
    assert state_of(other) == "SIGNED_OFF"


def test_the_page_asks_again_after_a_break_and_in_another_session(doctor):
    one, other = ready(doctor), ready(doctor, "case-2")
    with time_machine.travel("2036-01-01T00:00:00Z", tick=False) as clock:
        desk = Client()
        desk.force_login(doctor)
        desk.post(page_of(one, "sign_off"), form(one, code=code_of(doctor)))
        assert state_of(one) == "SIGNED_OFF"
        elsewhere = Client()
        elsewhere.force_login(doctor)
        assert 'name="code"' in elsewhere.get(page_of(other, "sign_off")).text
        for _ in range(2):
            clock.shift(timedelta(minutes=8))
            asked = 'name="code"' in desk.get(page_of(other, "sign_off")).text
        assert asked
        desk.post(page_of(other, "sign_off"), form(other))
        assert state_of(other) == "REQUIRES_REVIEW"


def test_an_addendum_asks_for_the_code_too(desk, doctor):
    review = ready(doctor)
    code = code_of(doctor)
    sign_off(review, user=doctor, password=PASSWORD, version=2, code=code)
    sent = {"text": "She walks.", "password": PASSWORD, "_addendum": "1"}

    assert 'name="code"' in desk.get(page_of(review)).text
    page = desk.post(page_of(review), sent | {"code": code}).text
    assert "Nothing was added. The password and the code are not both" in words_of(page)
    assert not Addendum.objects.exists()
    TOTPDevice.objects.update(last_t=-1, throttling_failure_count=0)
    desk.post(page_of(review), sent | {"code": code_of(doctor)})

    assert Addendum.objects.get().text == "She walks."


def test_a_factor_that_was_set_up_since_is_asked_for_in_the_same_session(db):
    doctor = make_reader("dr-lind")
    desk = Client()
    desk.force_login(doctor)
    one, other = ready(doctor), ready(doctor, "case-2")
    desk.post(page_of(one, "sign_off"), form(one, code="junk"))
    assert state_of(one) == "SIGNED_OFF"

    desk.post("/admin/second-factor/set-up/")
    desk.post("/admin/second-factor/confirm/", {"code": code_of(doctor)})

    assert 'name="code"' in desk.get(page_of(other, "sign_off")).text


def test_where_the_factor_was_taken_away_the_password_is_enough(doctor, admin_user):
    remove_factor(doctor, by=admin_user)
    review = ready(doctor)

    sign_off(review, user=doctor, password=PASSWORD, version=2)

    assert state_of(review) == "SIGNED_OFF"
