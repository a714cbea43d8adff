"""Reviews are claimed, written and signed by their services, and then are locked."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from audit.models import Audit
from audit.proofs.commitments import opens
from screening.errors import NotReady, NotYours, StalePage, WrongPassword
from screening.models import Addendum, Clinic, Job, Review, Signature
from screening.reports import digest_of, signed_bytes
from screening.results import check_result
from screening.safety import flags_of
from screening.services.execution import with_rules
from screening.services.review import (
    acknowledge_flags,
    adjudicate,
    approve_family_text,
    ask_for_second_read,
    claim_review,
    give_up_claim,
    reviews_of,
    save_review,
    send_second_read,
)
from screening.services.settlement import settle
from screening.services.signing import (
    add_addendum,
    draft_of,
    left_before_signing,
    release_report,
    sign_off,
)
from tests.screening.making import claimed_job, outcome
from tests.screening.signing import PASSWORD, RIGHTS, make_reader, sign

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]
ANSWER = {"risk": "monitor", "summary": ["Says two words."], "confidence": 0.9}


def make_review(answer=ANSWER, **fields) -> Review:
    """Draft a review as a worker does."""
    job = claimed_job(**{"age_months": 24, **fields})
    result = check_result(answer, case_id=job.case.case_id)
    settle([with_rules(outcome(job, target="edge", result=result))], worker="w1")
    review = Review.objects.select_related("job__case", "job__clinic").get(job=job)
    Job.objects.filter(pk=job.pk).update(risk=answer["risk"])
    Review.objects.filter(pk=review.pk).update(risk=answer["risk"])
    return Review.objects.select_related("job__case", "job__clinic").get(job=job)


@pytest.fixture
def doctor() -> User:
    return make_reader()


def reload(review: Review) -> Review:
    return Review.objects.select_related("job__case", "job__clinic").get(pk=review.pk)


def actions():
    events = Audit.objects.filter(action__startswith="review.").order_by("id")
    return list(events.values_list("action", flat=True))


# --- Claim and write ----------------------------------------------------------------


def test_a_review_is_claimed_by_one_person(doctor):
    review, other = make_review(), make_reader("dr-lind")
    claim_review(review, user=doctor)
    claim_review(review, user=doctor)

    with pytest.raises(NotYours):
        claim_review(review, user=other)
    give_up_claim(review, user=other)
    assert reload(review).assignee == doctor

    give_up_claim(review, user=doctor)
    claim_review(review, user=other)
    assert reload(review).assignee == other


def test_what_is_written_is_a_new_version_and_leaves_the_draft(doctor):
    review = make_review()

    version = save_review(
        review, user=doctor, version=1, values={"summary": ["Other words."]}
    )

    stored = reload(review)
    assert (version, stored.version, stored.assignee) == (2, 2, doctor)
    assert stored.summary == ["Other words."]
    assert stored.job.result == ANSWER


def test_a_stale_page_stores_nothing(doctor):
    review = make_review()
    save_review(review, user=doctor, version=1, values={"note": "First."})

    with pytest.raises(StalePage) as refusal:
        save_review(review, user=doctor, version=1, values={"note": "Second."})

    assert refusal.value.details["version"] == 2
    assert reload(review).note == "First."


def test_another_persons_review_is_not_written(doctor):
    review = make_review()
    claim_review(review, user=doctor)

    with pytest.raises(StalePage):
        save_review(
            review, user=make_reader("dr-lind"), version=1, values={"note": "Mine."}
        )


def test_a_changed_family_text_needs_its_approval_anew(doctor):
    review = make_review({**ANSWER, "parent_text": "We talked."})
    version = approve_family_text(review, user=doctor, version=1)
    version = save_review(review, user=doctor, version=version, values={"note": "n"})
    assert reload(review).family_approved_by == doctor

    save_review(review, user=doctor, version=version, values={"parent_text": "Other."})

    assert reload(review).family_approved_by is None


def test_a_person_of_another_clinic_neither_sees_nor_touches_a_review():
    north = Clinic.objects.create(slug="north", name="North")
    stranger, review = make_reader("dr-far", clinic=north), make_review()

    assert not reviews_of(stranger).exists()
    with pytest.raises(NotYours):
        claim_review(review, user=stranger)
    with pytest.raises(StalePage):
        save_review(review, user=stranger, version=1, values={"note": "n"})
    with pytest.raises(StalePage):
        sign_off(review, user=stranger, password=PASSWORD, version=1)


# --- Sign ---------------------------------------------------------------------------


def test_a_signature_stores_who_when_what_it_means_and_its_digest(doctor):
    signed = sign(make_review(), user=doctor, summary=["Other words."])

    assert (signed.state, signed.outcome) == ("SIGNED_OFF", "modified")
    assert (signed.signed_off_by, signed.signer_name) == (doctor, "Dr-Osei")
    assert signed.changes == [
        {
            "field": "summary",
            "before": ["Says two words."],
            "after": ["Other words."],
        }
    ]
    signature = Signature.objects.get()
    assert signature.content["meaning"] == signed.meaning
    assert signature.content["summary"] == ["Other words."]
    assert signed.content_digest == digest_of(signature.content)
    event = Audit.objects.get(action="review.signed")
    assert event.actor == f"user:{doctor.pk}"
    assert "digest" not in event.detail
    salt = bytes(signed.job.salt)
    assert opens(event.detail["commitment"], signed_bytes(signature.content), salt=salt)
    assert "Other words." not in str(event.detail)


def test_a_wrong_password_signs_nothing_and_five_of_them_close_the_door(doctor):
    review = make_review()
    claim_review(review, user=doctor)
    lefts = []
    for _ in range(5):
        with pytest.raises(WrongPassword) as refusal:
            sign_off(review, user=doctor, password="wrong", version=1)
        lefts.append(refusal.value.details["tries_left"])

    with pytest.raises(WrongPassword):
        sign_off(review, user=doctor, password=PASSWORD, version=1)

    assert lefts == [4, 3, 2, 1, 0]
    assert reload(review).state == "REQUIRES_REVIEW"
    assert actions().count("review.sign_refused") == 6


def test_who_has_not_the_right_signs_nothing():
    user = make_reader(rights=[r for r in RIGHTS if r != "sign_off_review"])

    with pytest.raises(NotYours):
        sign_off(make_review(), user=user, password=PASSWORD, version=1)


def test_a_stale_page_cannot_sign(doctor):
    review = make_review()
    save_review(review, user=doctor, version=1, values={"note": "n"})

    with pytest.raises(StalePage, match="Nothing was signed"):
        sign_off(review, user=doctor, password=PASSWORD, version=1)


def test_what_is_left_to_do_refuses_the_signature_and_is_named(doctor):
    review = make_review()
    version = save_review(review, user=doctor, version=1, values={"risk": "discuss"})

    with pytest.raises(NotReady) as refusal:
        sign_off(review, user=doctor, password=PASSWORD, version=version)

    assert refusal.value.details["left"] == ["Give a reason for the changed risk"]
    assert not Signature.objects.exists()


def test_safety_flags_must_be_acknowledged(doctor):
    review = make_review({**ANSWER, "summary": ["The child has autism."]})
    assert [todo.code for todo in left_before_signing(review)] == ["flag"]

    [flag] = flags_of(draft_of(review), draft_of(review))
    acknowledge_flags(review, user=doctor, version=1, keys=[flag.key])

    stored = reload(review)
    assert left_before_signing(stored) == ()
    assert [(e["key"], e["by"]) for e in stored.acknowledged] == [(flag.key, doctor.pk)]


def test_words_of_a_promise_do_not_stay_in_the_family_text(doctor):
    review = make_review({**ANSWER, "parent_text": "Your child will catch up."})
    codes = {todo.code for todo in left_before_signing(review)}

    assert codes == {"flag", "unsafe", "family"}


# --- Two readers --------------------------------------------------------------------


def lowered(doctor) -> Review:
    review = make_review({**ANSWER, "risk": "refer"})
    save_review(
        review,
        user=doctor,
        version=1,
        values={"risk": "monitor", "reason_code": "other", "reason_text": "So."},
    )
    return reload(review)


def test_a_lowered_refer_waits_for_another_person(doctor):
    review, other = lowered(doctor), make_reader("dr-lind")
    assert [todo.code for todo in left_before_signing(review)] == ["second_read"]
    with pytest.raises(NotYours):
        send_second_read(review, user=doctor, risk="monitor", why="Mine again.")

    send_second_read(review, user=other, risk="monitor", why="I agree.")

    assert left_before_signing(reload(review)) == ()
    with pytest.raises(NotReady):
        send_second_read(review, user=other, risk="refer", why="No.")


def test_where_readers_differ_a_third_person_decides_once(doctor):
    review, other = lowered(doctor), make_reader("dr-lind")
    third = make_reader("dr-chen", rights=[*RIGHTS, "adjudicate_review"])
    send_second_read(review, user=other, risk="refer", why="I would refer.")
    assert [todo.code for todo in left_before_signing(review)] == ["adjudication"]

    with pytest.raises(NotYours):
        adjudicate(review, user=other, risk="refer", why="Me again.")
    adjudicate(review, user=third, risk="refer", why="The checklist.")
    with pytest.raises(NotReady):
        adjudicate(review, user=third, risk="monitor", why="No.")

    assert [todo.code for todo in left_before_signing(review)] == ["decided"]
    save_review(review, user=doctor, version=2, values={"risk": "refer"})
    assert left_before_signing(reload(review)) == ()


@pytest.mark.parametrize(
    ("confidence", "why"), [(0.1, "low_confidence"), (0.5, ""), (None, "")]
)
def test_low_confidence_asks_for_a_second_reader(confidence, why):
    answer = {**ANSWER} if confidence else {"risk": "monitor", "summary": ["Words."]}
    if confidence:
        answer["confidence"] = confidence

    assert make_review(answer).second_read_for == why


def test_a_share_is_drawn_and_anybody_may_ask(settings, doctor):
    settings.SECOND_READ_SHARE = 1.0
    assert make_review().second_read_for == "drawn"
    settings.SECOND_READ_SHARE = 0.0
    review = make_review(case_id="case-2")
    ask_for_second_read(review, user=doctor, version=1)
    assert [todo.code for todo in left_before_signing(reload(review))] == [
        "second_read"
    ]


# --- After the signature ------------------------------------------------------------


def test_a_signed_report_is_added_to_and_released_and_stays_as_it_is(doctor):
    signed = sign(make_review(), user=doctor)
    before = signed.content_digest

    for text in ("Hearing was tested.", "And sight."):
        add_addendum(signed, user=doctor, password=PASSWORD, text=text)
    release_report(signed, user=doctor)
    release_report(signed, user=doctor)

    stored = reload(signed)
    assert (stored.state, stored.released_by) == ("DELIVERED", doctor)
    assert stored.content_digest == before
    assert [a.number for a in Addendum.objects.all()] == [1, 2]
    assert actions()[-3:] == ["review.added_to", "review.added_to", "review.delivered"]


def test_an_unsigned_report_is_neither_added_to_nor_released(doctor):
    review = make_review()

    with pytest.raises(NotReady):
        release_report(review, user=doctor)
    with pytest.raises(NotReady):
        add_addendum(review, user=doctor, password=PASSWORD, text="More.")


def test_a_signed_review_is_not_written_any_more(doctor):
    signed = sign(make_review(), user=doctor)

    give_up_claim(signed, user=doctor)
    with pytest.raises(NotYours):
        claim_review(signed, user=doctor)
    with pytest.raises(StalePage):
        save_review(signed, user=doctor, version=signed.version, values={"note": "n"})
    assert reload(signed).note == ""
