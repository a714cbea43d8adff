"""The pages of reviews: read, written and given back, each by its service."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from screening.models import Clinic, Job, Review
from screening.services.review import claim_review, save_review
from tests.screening.desk import LIST, form_of, page_of, review_of, words_of
from tests.screening.signing import make_reader

pytestmark = pytest.mark.django_db


@pytest.fixture
def doctor() -> User:
    return make_reader("dr-osei")


@pytest.fixture
def desk(doctor: User) -> Client:
    client = Client()
    client.force_login(doctor)
    return client


def other_desk(name: str = "dr-lind", **given: Any) -> Client:
    client = Client()
    client.force_login(make_reader(name, **given))
    return client


# --- The list -----------------------------------------------------------------------


def test_a_review_is_claimed_from_the_list(desk, doctor):
    review = review_of()
    assert 'name="_claim"' in desk.get(LIST).text

    answer = desk.post(page_of(review), {"_claim": "1"})

    review.refresh_from_db()
    assert answer.url == page_of(review)
    assert review.assignee == doctor


def test_reviews_of_other_clinics_are_neither_listed_nor_opened(desk):
    elsewhere = Clinic.objects.create(slug="elsewhere", name="Elsewhere")
    review = review_of(clinic=elsewhere)

    assert desk.get(LIST).context["shown"] == 0
    for step in ("change", "sign_off", "second_read", "history", "delete"):
        for answer in (
            desk.get(page_of(review, step)),
            desk.post(page_of(review, step)),
        ):
            assert answer.status_code in {302, 403}
            assert page_of(review) not in answer.headers.get("Location", "")
    assert review.job.case.case_id not in desk.get(LIST).text


def test_a_superuser_sees_every_clinic(admin_client):
    elsewhere = Clinic.objects.create(slug="elsewhere", name="Elsewhere")
    review = review_of(clinic=elsewhere)

    assert admin_client.get(LIST).context["shown"] == 1
    assert admin_client.get(page_of(review)).status_code == 200


def test_the_list_has_no_actions(desk):
    review = review_of()

    page = desk.get(LIST)
    for action in ("delete_selected", "sign_off", "sign_off_selected"):
        form = {"action": action, "_selected_action": [str(review.pk)], "index": "0"}
        desk.post(LIST, form)

    review.refresh_from_db()
    assert 'name="action"' not in page.text
    assert review.state == Review.State.REQUIRES_REVIEW


# --- Reading --------------------------------------------------------------------------


def test_the_child_stands_before_the_draft_and_the_draft_beside_the_report(desk):
    words = words_of(desk.get(page_of(review_of())).text)

    for earlier, later in (
        ("and only 5 words", "Risk in the draft"),
        ("What was reported", "Draft and your report"),
        ("Summary in the draft", "Text for the family in the draft"),
    ):
        assert words.index(earlier) < words.index(later)
    assert "The reference rules say" in words
    assert "left before you can sign" in words


def test_the_page_shows_how_the_draft_was_made(desk):
    review = review_of()
    Job.objects.filter(pk=review.job_id).update(
        model_id="example-model-4b",
        target="edge",
        route=[{"tries": [{"target": "edge", "prompt": "screening-1"}]}],
    )

    words = words_of(desk.get(page_of(review)).text)

    assert "example-model-4b" in words
    assert "screening-1" in words
    assert "clinic server" in words


def test_a_review_that_another_has_is_read_only_and_says_who(desk):
    review = review_of()
    claim_review(review, user=make_reader("dr-lind"))

    page = desk.get(page_of(review)).text

    assert "Dr-Lind has this review" in words_of(page)
    assert not re.search(r"<(textarea|select)", page)
    assert 'name="_save"' not in page


def test_who_may_only_view_reads_and_writes_nothing():
    review = review_of()
    client = other_desk("auditor", rights=["view_review", "read_words"])

    page = client.get(page_of(review))

    assert page.status_code == 200
    assert "<textarea" not in page.text
    assert 'name="_claim"' not in client.get(LIST).text
    for button in ("_claim", "_save", "_give_back", "_decide", "_addendum", "_release"):
        assert client.post(page_of(review), {button: "1"}).status_code == 403


def test_who_may_not_view_gets_nothing():
    review = review_of()
    client = other_desk("nobody", rights=[])

    for step in ("change", "sign_off", "second_read"):
        assert client.get(page_of(review, step)).status_code == 403


def test_a_post_without_a_button_of_ours_writes_nothing(desk):
    review = review_of()

    answer = desk.post(page_of(review), {"risk": "on_track", "_saveasnew": "1"})

    assert answer.status_code == 403
    assert Review.objects.get().version == 1


def test_pages_have_labels_and_nothing_inline(desk):
    review = review_of()
    for path in (LIST, page_of(review), page_of(review, "sign_off")):
        page = desk.get(path).text

        assert " style=" not in page
        assert "<style" not in page
        assert not re.search(r"<script(?![^>]*src=)", page)
        assert not re.search(r">\s*[{\[]", page)
        content = page[page.index('<div id="content"') : page.index("</main>")]
        for ident in re.findall(
            r'<(?:textarea|select|input)[^>]*\bid="([^"]+)"', content
        ):
            assert f'for="{ident}"' in content or "hidden" in content, ident


def test_list_and_page_take_few_queries(desk):
    reviews = [review_of(f"case-{n}") for n in range(3)]
    desk.get(LIST)  # looks for what is wrong, as some page does now and then
    for path in (LIST, page_of(reviews[0]), page_of(reviews[0], "sign_off")):
        with CaptureQueriesContext(connection) as captured:
            assert desk.get(path).status_code == 200
        assert len(captured) <= 12, path


# --- Writing --------------------------------------------------------------------------


def test_what_is_written_is_saved_by_the_services_and_the_draft_stays(desk, doctor):
    review = review_of()
    drafted = review.job.result
    form = form_of(desk, review) | {
        "risk": "refer",
        "reason_code": "concern",
        "reason_text": "The family is very worried.",
        "summary": "One.\r\n\r\n  Two. ",
        "note": "Ask again.",
    }

    answer = desk.post(page_of(review), form | {"_save": "1"})

    review.refresh_from_db()
    assert answer.url == page_of(review)
    assert (review.risk, review.summary, review.version) == (
        "refer",
        ["One.", "Two."],
        2,
    )
    assert (review.note, review.assignee) == ("Ask again.", doctor)
    assert Job.objects.get().result == drafted


def test_saving_what_was_not_changed_stores_nothing(desk):
    review = review_of()

    page = desk.post(
        page_of(review), form_of(desk, review) | {"_save": "1"}, follow=True
    )

    review.refresh_from_db()
    assert (review.version, review.assignee) == (1, None)
    assert "Nothing was changed." in page.text


def test_flags_and_the_family_text_are_acknowledged_and_approved(desk, doctor):
    review = review_of(summary=["This looks like autism."])
    form = form_of(desk, review)
    page = desk.get(page_of(review)).text
    [key] = re.findall(r'name="acknowledged" value="([^"]+)"', page)
    assert "<mark>autism</mark>" in page

    form |= {"acknowledged": [key, "promise:of-another-page"], "family_approved": "on"}
    desk.post(page_of(review), form | {"_save": "1"})

    review.refresh_from_db()
    assert [entry["key"] for entry in review.acknowledged] == [key]
    assert review.family_approved_by == doctor
    assert "Acknowledged by you today" in words_of(desk.get(page_of(review)).text)


def test_a_stale_page_is_an_error_of_the_form_and_loses_nothing(desk, doctor):
    review = review_of()
    form = form_of(desk, review) | {"summary": "Mine.", "note": "My note."}
    values = {"summary": ["Theirs."]}
    save_review(review, user=doctor, version=1, values=values)

    page = desk.post(page_of(review), form | {"_save": "1"})

    review.refresh_from_db()
    assert (review.summary, review.version, review.note) == (["Theirs."], 2, "")
    words = words_of(page.text)
    assert "Nothing of yours was stored." in words
    assert "Mine." in words
    assert "My note." in words
    assert "Stored now, by somebody else Theirs." in words
    desk.post(page_of(review), form | {"version": "2", "_save": "1"})
    review.refresh_from_db()
    assert review.summary == ["Mine."]


def test_what_was_typed_is_not_lost_when_another_took_the_review(desk):
    review = review_of()
    form = form_of(desk, review) | {"summary": "Mine."}
    claim_review(review, user=make_reader("dr-lind"))

    page = desk.post(page_of(review), form | {"_save": "1"}).text

    assert "What you typed was not stored" in page
    assert "Mine." in page
    assert 'name="_save"' not in page
    assert Review.objects.get().version == 1


def test_a_form_that_is_not_right_says_so_and_loses_nothing(desk):
    review = review_of()
    form = form_of(desk, review) | {"reason_text": "x" * 1001, "note": "My note."}

    page = desk.post(page_of(review), form | {"_save": "1"}).text

    assert "Nothing was stored." in page
    assert "at most 1000 characters" in page
    assert "My note." in page
    assert Review.objects.get().version == 1


@pytest.mark.parametrize("version", ["", "x", "-1", "9" * 40, "2"])
def test_a_wrong_version_stores_nothing(desk, version):
    review = review_of()
    form = form_of(desk, review) | {"version": version, "summary": "Mine."}

    page = desk.post(page_of(review), form | {"_save": "1"})

    assert page.status_code == 200
    assert Review.objects.get().version == 1


def test_giving_back_keeps_what_was_written(desk):
    review = review_of()
    form = form_of(desk, review) | {"summary": "Mine."}

    desk.post(page_of(review), form | {"_give_back": "1"})

    review.refresh_from_db()
    assert (review.assignee, review.summary) == (None, ["Mine."])


def test_claiming_on_the_page_keeps_what_was_written(desk, doctor):
    review = review_of()
    form = form_of(desk, review) | {"summary": "Mine."}

    desk.post(page_of(review), form | {"_claim": "1"})

    review.refresh_from_db()
    assert (review.assignee, review.summary) == (doctor, ["Mine."])
    assert review.claimed_at is not None


def test_a_case_without_a_usable_draft_is_written_from_nothing(desk):
    review = review_of()
    Job.objects.update(
        risk="unclassified",
        model_risk="unclassified",
        result={"risk": "fine"},
        result_problems=["risk_unknown"],
    )
    Review.objects.update(risk="unclassified", summary=[], parent_text="")

    words = words_of(desk.get(page_of(review)).text)

    assert "The model's answer could not be used." in words
    assert "Choose a risk" in words


def test_no_stock_page_writes_a_review(desk):
    review = review_of()
    before = list(Review.objects.values())

    add = reverse("admin:screening_review_add")
    for path in (add, page_of(review, "delete")):
        assert desk.post(path, {"post": "yes", "risk": "refer"}).status_code == 403
    assert list(Review.objects.values()) == before
