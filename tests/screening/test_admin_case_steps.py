"""What a clinician does on the page of a case beside saving and signing."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from audit.models import Audit
from screening.models import FollowUp, Job, Review
from screening.services.follow_up import ask_follow_up
from screening.services.review import (
    approve_family_text,
    ask_for_second_read,
    claim_review,
    save_review,
)
from tests.screening.desk import form_of, page_of, review_of, words_of
from tests.screening.signing import make_reader, sign

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


# --- Back to the draft ---


def test_the_draft_s_text_comes_back_into_one_field_and_nothing_typed_is_lost(
    desk, doctor
):
    review = review_of()
    written = {"summary": ["Mine."], "parent_text": "My own words."}
    save_review(review, user=doctor, version=1, values=written)
    form = form_of(desk, review) | {"note": "Typed and not saved."}

    page = desk.post(page_of(review), form | {"_restore": "summary"})

    shown = page.context["form"]
    assert shown["summary"].value() == "Plays with others.\nUses few words."
    assert shown["parent_text"].value() == "My own words."
    assert shown["note"].value() == "Typed and not saved."
    assert "Nothing is saved yet." in page.text
    assert re.search(r'<textarea name="summary"[^>]* autofocus', page.text)
    stored = Review.objects.get()
    assert (stored.summary, stored.version, stored.note) == (["Mine."], 2, "")


def test_the_draft_s_risk_comes_back_and_is_stored_by_the_next_save(desk, doctor):
    review = review_of()
    save_review(review, user=doctor, version=1, values={"risk": "refer"})
    form = form_of(desk, review)

    page = desk.post(page_of(review), form | {"_restore": "risk"})
    again = page.context["form"]
    desk.post(page_of(review), form | {"risk": again["risk"].value(), "_save": "1"})

    assert again["risk"].value() == "discuss"
    assert Review.objects.get().risk == "discuss"


@pytest.mark.parametrize("name", ["", "note", "version", "assignee"])
def test_nothing_but_what_a_draft_has_is_restored(desk, name):
    review = review_of()

    answer = desk.post(page_of(review), form_of(desk, review) | {"_restore": name})

    assert answer.status_code == 403


def test_it_is_offered_where_the_report_differs_from_a_usable_draft(desk, doctor):
    review = review_of()
    save_review(review, user=doctor, version=1, values={"summary": ["Mine."]})

    offered = re.findall(
        r'name="_restore" value="(\w+)"', desk.get(page_of(review)).text
    )
    Job.objects.update(result_problems=["risk_unknown"])
    unusable = desk.get(page_of(review)).text

    assert offered == ["summary"]
    assert 'name="_restore"' not in unusable


def test_enter_in_a_field_saves_and_restores_nothing(desk, doctor):
    review = review_of()
    save_review(review, user=doctor, version=1, values={"risk": "refer"})

    page = desk.get(page_of(review)).text

    form = page[page.index('id="review_form"') :]
    first = re.search(r'<button type="submit"[^>]*name="(\w+)"', form)
    assert first is not None
    assert first[1] == "_save"


# --- Family text ---


def test_an_approval_is_withdrawn_and_the_text_stays(desk, doctor):
    review = review_of()
    approve_family_text(review, user=doctor, version=1)
    form = form_of(desk, review)

    desk.post(page_of(review), form | {"_withdraw": "1"})

    stored = Review.objects.get()
    assert (stored.family_approved_by, stored.family_approved_at) == (None, None)
    assert stored.parent_text == review.parent_text
    assert Audit.objects.filter(action="review.family_withdrawn").count() == 1
    assert "Approve the family text" in desk.get(page_of(review)).text


def test_a_stale_page_withdraws_nothing(desk, doctor):
    review = review_of()
    approve_family_text(review, user=doctor, version=1)

    form = form_of(desk, review) | {"version": "1"}
    page = desk.post(page_of(review), form | {"_withdraw": "1"})

    assert "Nothing of yours was stored." in page.text
    assert Review.objects.get().family_approved_by == doctor


# --- Others ---


def test_a_review_is_handed_over_after_what_was_typed_is_saved(desk, doctor):
    review = review_of()
    colleague = make_reader("dr-lind")
    claim_review(review, user=doctor)
    form = form_of(desk, review) | {"note": "For you."}

    ways = desk.post(page_of(review), form | {"_hand_over": "1"})
    page = desk.get(ways.url)
    answer = desk.post(ways.url, {"to": colleague.pk})

    assert ways.url == page_of(review, "hand_over")
    assert "Dr-Lind" in words_of(page.text)
    assert answer.url == page_of(review)
    stored = Review.objects.get()
    assert (stored.assignee, stored.note) == (colleague, "For you.")


@pytest.mark.parametrize("to", ["", "0", "x", "me"])
def test_to_nobody_of_the_list_nothing_is_handed_over(desk, doctor, to):
    review = review_of()
    make_reader("dr-lind")
    claim_review(review, user=doctor)

    chosen = str(doctor.pk) if to == "me" else to
    page = desk.post(page_of(review, "hand_over"), {"to": chosen})

    assert "Choose a colleague" in page.text
    assert Review.objects.get().assignee == doctor


def test_handing_over_is_for_who_has_the_review(desk):
    review = review_of()
    claim_review(review, user=make_reader("dr-lind"))
    auditor = make_reader("auditor", rights=["view_review", "read_words"])

    assert desk.get(page_of(review, "hand_over")).url == page_of(review)
    assert desk_of(auditor).get(page_of(review, "hand_over")).status_code == 403


def test_a_new_screening_is_asked_for_and_shown_on_open_and_signed_pages(desk, doctor):
    review = review_of()
    day = timezone.localdate() + timedelta(days=60)
    form = form_of(desk, review) | {"_follow_up": "rescreen"}

    ways = desk.post(page_of(review), form)
    desk.post(ways.url, {"due_on": str(day), "note": "<b>Hearing</b> too."})

    asked = FollowUp.objects.get()
    assert (asked.kind, asked.due_on, asked.asked_by) == ("rescreen", day, doctor)
    page = desk.get(page_of(review)).text
    assert f"New screening by {day.day} {day:%b %Y}" in words_of(page)
    assert "&lt;b&gt;Hearing&lt;/b&gt; too." in page
    sign(Review.objects.select_related("job__case", "job__clinic").get(), user=doctor)
    again = desk.get(f"{page_of(review, 'follow_up')}?kind=referral")
    assert again.status_code == 200


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("rescreen", {}, "Choose the day by which it is to be."),
        ("rescreen", {"due_on": "soon"}, "Give a day, such as"),
        ("rescreen", {"due_on": "2001-01-01"}, "The day is to come"),
        ("referral", {"to": " "}, "Say to whom."),
        ("referral", {"to": "x" * 201}, "at most 200 characters"),
    ],
)
def test_what_is_not_whole_is_said_and_nothing_typed_is_lost(desk, kind, given, said):
    path = f"{page_of(review_of(), 'follow_up')}?kind={kind}"

    page = desk.post(path, given | {"note": "My note."}).text

    assert "Nothing was asked for." in page
    assert said in page
    assert "My note." in page
    assert not FollowUp.objects.exists()


def test_nothing_is_asked_for_on_a_case_to_be_read_blind_or_another_s(desk):
    review, other = review_of(), make_reader("dr-lind")
    claim_review(review, user=other)
    path = f"{page_of(review, 'follow_up')}?kind=referral"
    theirs = desk.post(path, {"to": "Audiology"})
    ask_for_second_read(review, user=other, version=1)

    blind = desk.post(path, {"to": "Audiology"})

    assert (theirs.url, blind.url) == (page_of(review), page_of(review))
    assert desk.get(f"{page_of(review, 'follow_up')}?kind=x").status_code == 302
    assert not FollowUp.objects.exists()


def test_a_second_reader_sees_nothing_of_what_was_asked_for(desk):
    review, other = review_of(), make_reader("dr-lind")
    claim_review(review, user=other)
    ask_follow_up(review, user=other, kind="referral", to="Dr Zqx, audiology")
    ask_for_second_read(review, user=other, version=1)

    page = desk.get(page_of(review, "second_read")).text

    assert "Zqx" not in page
    assert "Pass to a colleague" in page
    assert 'class="hit"' not in page


# --- Keys and errors ---


def test_keys_find_what_they_press_and_the_parts_of_the_page(desk, doctor):
    review = review_of()

    free = desk.get(page_of(review)).text
    claim_review(review, user=doctor)
    mine = desk.get(page_of(review)).text

    for key in ("claim", "edit", "save", "left", "signoff"):
        assert f'data-key="{key}"' in free, key
    assert 'data-key="claim"' not in mine
    parts = re.findall(
        r'<section aria-labelledby="(\w+)" data-part tabindex="-1">', mine
    )
    assert parts == ["reported", "report", "background"]


def test_after_an_error_the_summary_has_the_focus_and_leads_to_the_field(desk):
    review = review_of()
    form = form_of(desk, review) | {"reason_text": "x" * 1001, "_save": "1"}

    page = desk.post(page_of(review), form).text

    assert '<div class="notice is-bad" role="alert" tabindex="-1" autofocus>' in page
    assert '<a href="#id_reason_text">In your words</a>' in page
    [field] = re.findall(r'<textarea name="reason_text"[^>]*>', page)
    assert 'aria-invalid="true"' in field
    assert 'aria-describedby="id_reason_text_error"' in field
    assert 'id="id_reason_text_error"' in page


def test_who_only_reads_is_offered_none_of_it():
    review = review_of()
    client = desk_of(make_reader("auditor", rights=["view_review", "read_words"]))
    steps: list[dict[str, Any]] = [
        {"_withdraw": "1"},
        {"_restore": "summary"},
        {"_hand_over": "1"},
        {"_follow_up": "rescreen"},
    ]

    page = client.get(page_of(review)).text

    assert 'class="menu-panel"' not in page[page.index('id="content"') :]
    for step in steps:
        assert client.post(page_of(review), step).status_code == 403
    path = f"{page_of(review, 'follow_up')}?kind=referral"
    assert client.post(path, {"to": "x"}).status_code == 403
