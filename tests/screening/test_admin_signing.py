"""The page on which a clinician signs, and the report that is signed and locked."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.models import Audit
from screening.models import Addendum, Review
from screening.services.review import approve_family_text, claim_review, save_review
from tests.screening.desk import LIST, form_of, page_of, review_of, words_of
from tests.screening.signing import PASSWORD, make_reader, sign

pytestmark = pytest.mark.django_db


@pytest.fixture
def doctor() -> User:
    return make_reader("dr-osei")


@pytest.fixture
def desk(doctor: User) -> Client:
    client = Client()
    client.force_login(doctor)
    return client


def desk_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def ready_review(doctor: User, **draft: Any) -> Review:
    """Make a review in which nothing is left to do but sign."""
    review = review_of(**draft)
    claim_review(review, user=doctor)
    approve_family_text(review, user=doctor, version=1)
    review.refresh_from_db()
    return review


def signing(review: Review, password: str = PASSWORD) -> dict[str, Any]:
    return {"version": review.version, "password": password, "_sign": "1"}


def test_the_whole_way_from_the_claim_to_the_release(desk, doctor):
    review = review_of(summary=["This looks like autism."])
    page = page_of(review)
    desk.post(page, {"_claim": "1"})

    form = form_of(desk, review)
    written = {
        "risk": "refer",
        "summary": "Walks late.",
        "reason_code": "finding",
        "reason_text": "Seen in the room.",
    }
    desk.post(page, form | written | {"_save": "1"})
    words = words_of(desk.get(page).text)
    assert "2 things left before you can sign" in words
    assert "Acknowledge the diagnosis flag" in words
    assert "Approve the family text" in words

    form = form_of(desk, review)
    ticked = {"acknowledged": ["diagnosis:autism"], "family_approved": "on"}
    answer = desk.post(page, form | ticked | {"_sign_off": "1"})
    assert answer.url == page_of(review, "sign_off")

    words = words_of(desk.get(answer.url).text)
    assert "I changed the risk from Discuss to Refer and 1 other field." in words
    assert "Ready to sign" in words
    assert "Sign off as Refer" in words
    review.refresh_from_db()
    assert desk.post(answer.url, signing(review)).url == page

    review.refresh_from_db()
    assert (review.state, review.outcome) == ("SIGNED_OFF", "overrode")
    assert (review.risk, review.signed_off_by) == ("refer", doctor)
    desk.post(page, {"text": "She walks.", "password": PASSWORD, "_addendum": "1"})
    desk.post(page, {"_release": "1"})

    review.refresh_from_db()
    assert review.state == "DELIVERED"
    words = words_of(desk.get(page).text)
    assert "Addendum 1 She walks." in words
    assert review.content_digest in words
    assert review.meaning in words
    actions = set(Audit.objects.values_list("action", flat=True))
    assert {"review.signed", "review.delivered"} <= actions


def test_to_look_at_the_page_signs_nothing(desk, doctor):
    review = ready_review(doctor)

    desk.get(page_of(review, "sign_off"), signing(review))
    desk.head(page_of(review, "sign_off"))

    review.refresh_from_db()
    assert review.state == "REQUIRES_REVIEW"


def test_a_wrong_password_signs_nothing_and_five_close_the_door(desk, doctor):
    review = ready_review(doctor)
    path = page_of(review, "sign_off")

    for left in (4, 3, 2, 1, 0):
        page = desk.post(path, signing(review, "wrong"))
        words = words_of(page.text)
        assert f"Nothing was signed. The password is not right. {left} tries" in words
        assert "wrong" not in page.text
    page = desk.post(path, signing(review))

    review.refresh_from_db()
    assert "Nothing was signed." in page.text
    assert review.state == "REQUIRES_REVIEW"


@pytest.mark.parametrize(
    "form", [{}, {"version": "1"}, {"password": PASSWORD}, {"version": "x"}]
)
def test_a_form_that_is_not_whole_signs_nothing(desk, doctor, form):
    review = ready_review(doctor)

    page = desk.post(page_of(review, "sign_off"), form)

    review.refresh_from_db()
    assert "Nothing was signed." in page.text
    assert review.state == "REQUIRES_REVIEW"


def test_a_stale_page_signs_nothing_and_leads_to_the_new_version(desk, doctor):
    review = ready_review(doctor)
    form = signing(review)
    save_review(review, user=doctor, version=2, values={"note": "Newer."})

    page = desk.post(page_of(review, "sign_off"), form)

    review.refresh_from_db()
    words = words_of(page.text)
    assert "Nothing was signed. Somebody has saved" in words
    assert "Open the new version" in words
    assert 'type="password"' not in page.text
    assert review.state == "REQUIRES_REVIEW"


def test_what_is_left_to_do_is_named_and_nothing_is_signed(desk, doctor):
    review = review_of()
    claim_review(review, user=doctor)

    shown = desk.get(page_of(review, "sign_off"))
    refused = desk.post(page_of(review, "sign_off"), signing(review))

    review.refresh_from_db()
    assert "Not ready to sign" in shown.text
    assert 'type="password"' not in shown.text
    assert "Nothing was signed. Something is left to do first." in words_of(
        refused.text
    )
    assert "Approve the family text" in refused.text
    assert review.state == "REQUIRES_REVIEW"


def test_what_was_removed_and_added_is_marked_and_said(desk, doctor):
    review = ready_review(doctor)
    values = {"summary": ["Plays with others.", "Uses five words."]}
    save_review(review, user=doctor, version=2, values=values)

    page = desk.get(page_of(review, "sign_off")).text

    assert re.search(r"<del><span[^>]*>removed: </span>few</del>", page)
    assert re.search(r"<ins><span[^>]*>added: </span>five</ins>", page)
    assert "1 of 4 fields differ" in page


def test_who_has_not_the_right_sees_no_page_to_sign(doctor):
    review = review_of()
    rights = ["view_review", "change_review", "read_words"]
    reader = make_reader("reader", rights=rights)
    client = desk_of(reader)

    assert "_sign_off" not in client.get(page_of(review)).text
    assert client.get(page_of(review, "sign_off")).status_code == 403
    assert client.post(page_of(review, "sign_off"), signing(review)).status_code == 403


def test_a_review_that_another_has_cannot_be_signed(doctor):
    review = ready_review(doctor)
    client = desk_of(make_reader("dr-lind"))

    answer = client.post(page_of(review, "sign_off"), signing(review))

    review.refresh_from_db()
    assert answer.url == page_of(review)
    assert review.state == "REQUIRES_REVIEW"


def test_no_bulk_action_signs(desk, doctor):
    reviews = [ready_review(doctor, case_id=f"case-{n}") for n in range(2)]
    chosen = [str(review.pk) for review in reviews]

    for action in ("sign_off", "delete_selected", "_sign"):
        form = {"action": action, "_selected_action": chosen, "index": "0"}
        desk.post(LIST, form | {"password": PASSWORD, "_sign": "1"})

    assert not Review.objects.exclude(state="REQUIRES_REVIEW").exists()


def test_a_signed_page_has_no_field_of_the_report(desk):
    review = sign(review_of())

    page = desk.get(page_of(review)).text

    content = page[page.index('<div id="content"') : page.index("</main>")]
    fields = re.findall(r'<(?:textarea|select|input)[^>]*\bname="([^"]+)"', content)
    assert set(fields) == {"csrfmiddlewaretoken", "text", "password"}
    for button in ("_save", "_claim", "_sign_off", "_give_back", "_second_read"):
        assert f'name="{button}"' not in content


def test_nothing_writes_in_a_signed_report(desk):
    review = review_of()
    form = form_of(desk, review) | {"summary": "Mine."}
    before = Review.objects.filter(pk=sign(review).pk).values().get()

    for button in ("_save", "_claim", "_give_back", "_second_read", "_sign_off"):
        page = desk.post(page_of(review), form | {button: "1"})
        assert page.status_code in {200, 302}
    desk.post(page_of(review, "sign_off"), signing(review))

    assert Review.objects.filter(pk=review.pk).values().get() == before
    page = desk.post(page_of(review), form | {"_save": "1"})
    assert "What you typed was not stored" in page.text


def test_an_addendum_needs_its_text_and_the_password_and_loses_nothing(desk):
    review = sign(review_of())
    form = {"text": "She walks now.", "password": "wrong", "_addendum": "1"}

    wrong = desk.post(page_of(review), form).text
    empty = desk.post(page_of(review), form | {"text": " ", "password": PASSWORD}).text

    assert "Nothing was added. The password is not right." in words_of(wrong)
    assert "She walks now." in wrong
    assert "Write the addendum first." in empty
    assert not Addendum.objects.exists()


def test_an_unsigned_report_is_neither_added_to_nor_released(desk, doctor):
    review = ready_review(doctor)

    desk.post(page_of(review), {"text": "x", "password": PASSWORD, "_addendum": "1"})
    page = desk.post(page_of(review), {"_release": "1"}, follow=True)

    review.refresh_from_db()
    assert "Only a signed report is released." in page.text
    assert review.state == "REQUIRES_REVIEW"
    assert not Addendum.objects.exists()


def test_only_who_may_release_is_offered_it():
    review = sign(review_of())
    rights = ["view_review", "change_review", "sign_off_review"]
    client = desk_of(make_reader("dr-lind", rights=rights))

    assert "_release" not in client.get(page_of(review)).text
    assert client.post(page_of(review), {"_release": "1"}).status_code == 403


def test_markup_in_what_is_written_comes_out_escaped(desk, doctor):
    attack = "<script>alert('zq')</script><img src=x onerror=alert(1)>"
    review = review_of(summary=[attack], parent_text=attack)
    values = {"note": attack, "recommendations": [f"{attack} more"]}
    save_review(review, user=doctor, version=1, values=values)
    reader = desk_of(make_reader("auditor", rights=["view_review", "read_words"]))

    for client, step in ((desk, "change"), (desk, "sign_off"), (reader, "change")):
        page = client.get(page_of(review, step)).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "&lt;script&gt;alert(" in page
