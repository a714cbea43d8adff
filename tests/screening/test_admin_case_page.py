"""The page of an open case: the child first, and each thing in its place."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from screening.models import Clinic, Job, Review
from screening.services.follow_up import ask_follow_up
from screening.services.review import (
    acknowledge_flags,
    ask_for_second_read,
    claim_review,
    save_review,
)
from tests.screening.desk import page_of, review_of, words_of
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


def payload_of(review: Review, **changed: Any) -> None:
    Job.objects.filter(pk=review.job_id).update(payload=review.job.payload | changed)


def row_of(page: str, heading: str) -> str:
    """Return the row of the comparison that begins with a heading."""
    start = page.index(f'<h4 class="entry-label">{heading}')
    end = page.find('<div class="compare-row">', start)
    return page[start:end]


# --- The child ---


def test_both_ages_the_checklist_and_the_next_screening_are_said_and_drawn(desk):
    review = review_of()
    payload_of(review, age_months=20, gestational_weeks=29)

    page = desk.get(page_of(review)).text
    words = words_of(page)

    assert "Corrected age 17 months 2 weeks 11 weeks taken off" in words
    assert "Checklist used 15 months highest age reached" in words
    day = timezone.localdate() + timedelta(days=16)
    assert f"Next screen {day.day} {day:%b %Y} 18 months, in 16 days" in words
    assert "20 months old, corrected to 17 m 2 w, so the 15-month checklist" in words
    assert 'role="img" aria-labelledby="ruler-t ruler-d"' in page


@pytest.mark.parametrize("age", [None, 0, 1, 24, 71, 72, 240])
def test_a_child_of_any_age_has_a_page(desk, age):
    review = review_of()
    payload_of(review, age_months=age)

    page = desk.get(page_of(review))

    assert page.status_code == 200
    assert ('class="ruler"' in page.text) is (age is not None)


def test_what_was_matched_in_the_words_is_underlined_and_named(desk):
    review = review_of()

    page = desk.get(page_of(review)).text

    assert '<span class="hit" title="not yet: Walks alone' in page
    assert ">Not walking<span" in page
    assert "Underlined: matched to checklist items by key words alone." in page


def test_markup_in_the_words_comes_out_escaped_and_lines_stay(desk):
    review = review_of()
    attack = "<b>Is not walking</b> & no words.\n<i>two</i>\r\n\r\n</p><script>x"
    payload_of(review, observations=attack)

    page = desk.get(page_of(review)).text

    [quote] = re.findall(r'<blockquote class="words">(.*?)</blockquote>', page, re.S)
    assert "<b>" not in quote
    assert "<script>" not in quote
    assert quote.count("<p>") == 2
    assert "&lt;/b&gt; &amp; <span class" in quote
    assert "<br>&lt;i&gt;two&lt;/i&gt;" in quote


# --- The draft and the report ---


def test_a_weight_is_a_bar_and_a_number_and_the_doubt_is_said(desk):
    review = review_of(
        uncertainty_reason="one answer is not sure",
        explainability=[
            {"type": "item", "detail": "Few words", "score": 0.42},
            {"type": "item", "detail": "Beyond", "score": 7},
            {"type": "item", "detail": "No weight"},
        ],
    )

    page = desk.get(page_of(review)).text

    assert '<rect class="meter-fill" x="0" y="2" width="42"' in page
    assert page.count('class="meter-fill"') == 2
    words = words_of(page)
    assert "Few words 0.42" in words
    assert "No weight not given" in words
    assert (
        "0.62, which is not a probability. Its doubt: one answer is not sure" in words
    )


def test_where_no_weight_is_given_that_is_said_once(desk):
    pieces = [{"type": "item", "detail": detail} for detail in ("Few words", "Points")]

    words = words_of(desk.get(page_of(review_of(explainability=pieces))).text)

    assert "What the draft rests on no weights given Few words Points" in words
    assert "not given" not in words[words.index("rests on") :][:60]


def test_a_flag_stands_at_its_field_with_the_phrase_marked_there_alone(desk):
    review = review_of(
        summary=["This looks like autism."], recommendations=["Ask about autism."]
    )
    Job.objects.update(result=review.job.result | {"recommendations": ["Play more."]})

    page = desk.get(page_of(review)).text

    summary = row_of(page, "Summary in the draft")
    assert "<mark>autism</mark>" in summary
    assert "A screening cannot establish a disorder." in summary
    assert summary.count('name="acknowledged"') == 1
    assert "<mark>" not in row_of(page, "Recommendations in the draft")
    assert page.count('name="acknowledged"') == 1


def test_words_of_the_report_alone_are_flagged_beside_the_report(desk, doctor):
    review = review_of()
    values = {"recommendations": ["Think of autism."]}
    save_review(review, user=doctor, version=1, values=values)

    row = row_of(desk.get(page_of(review)).text, "Recommendations in the draft")

    draft, report = row.split('<div class="is-yours">')
    assert "flagbox" not in draft
    assert 'name="acknowledged"' in report


def test_an_acknowledged_flag_says_by_whom_and_what_became_of_it(doctor):
    review = review_of(summary=["This looks like autism."])
    acknowledge_flags(review, user=doctor, version=1, keys=["diagnosis:autism"])
    save_review(review, user=doctor, version=2, values={"summary": ["Few words."]})
    other = make_reader("dr-lind")

    mine = words_of(desk_of(doctor).get(page_of(review)).text)
    theirs = words_of(desk_of(other).get(page_of(review)).text)

    assert "Acknowledged by you today" in mine
    assert "The report's summary no longer says it." in mine
    assert "Acknowledged by Dr-Osei today" in theirs


def test_what_is_left_leads_to_the_box_or_field_in_which_it_is_done(desk, doctor):
    review = review_of(
        summary=["This looks like autism.", "He will grow out of it."],
    )
    acknowledge_flags(review, user=doctor, version=1, keys=["diagnosis:autism"])

    page = desk.get(page_of(review)).text

    links = re.findall(r'<a href="#(\w+)"( data-key="left")?>', page)
    assert links == [("id_ack_2", ' data-key="left"'), ("id_family_approved", "")]
    for ident, _ in links:
        assert f'id="{ident}"' in page
    assert 'id="id_ack_1"' in page


def test_hard_and_unsafe_sentences_of_the_family_text_are_shown(desk, doctor):
    hard = (
        "Notwithstanding considerable developmental heterogeneity, communicative "
        "intentionality necessitates comprehensive multidisciplinary evaluation."
    )
    text = f"{hard} {hard} {hard} Your child will catch up soon."
    save_review(review_of(), user=doctor, version=1, values={"parent_text": text})

    words = words_of(desk.get(page_of(Review.objects.get())).text)

    assert "Hard to read: grade" in words
    assert f"Look at: {hard}" in words
    assert "Has promise words. Look at: Your child will catch up soon." in words


def test_the_rules_say_which_items_they_rest_on(desk):
    review = review_of()
    Job.objects.update(rules_risk="discuss", risk="discuss", model_risk="monitor")
    payload_of(
        review,
        observations="",
        age_months=18,
        milestones={"18m.movement.walks_alone": "not_yet"},
    )

    words = words_of(desk.get(page_of(review)).text)

    assert (
        "The reference rules say Discuss. One item is not yet met (\u201cWalks" in words
    )
    assert "The rules can raise a case, never lower it." in words


# --- Its neighbours ---


def due_in(hours: int, case_id: str, **given: Any) -> Review:
    review = review_of(case_id, **given)
    due = timezone.now() + timedelta(hours=hours)
    Review.objects.filter(pk=review.pk).update(due_at=due)
    return review


def ways_from(client: Client, review: Review) -> dict[str, str]:
    page = client.get(page_of(review)).text
    return dict(re.findall(r'rel="(prev|next)" href="([^"]+)"', page))


def test_the_cases_before_and_after_are_those_that_need_the_person(desk, doctor):
    far = Clinic.objects.create(slug="far", name="Far away")
    other = make_reader("dr-lind")
    first, here, last = due_in(-3, "first"), due_in(5, "here"), due_in(99, "last")
    claim_review(first, user=doctor)
    claim_review(due_in(4, "theirs"), user=other)
    sign(due_in(6, "signed"), user=other)
    due_in(6, "far", clinic=far)

    assert ways_from(desk, here) == {"prev": page_of(first), "next": page_of(last)}
    assert ways_from(desk, first) == {"next": page_of(here)}
    assert ways_from(desk, last) == {"prev": page_of(here)}


def test_a_case_to_be_read_blind_is_a_neighbour_and_leads_to_its_own_page(desk):
    other = make_reader("dr-lind")
    here, blind = due_in(1, "here"), due_in(2, "blind")
    claim_review(blind, user=other)
    ask_for_second_read(blind, user=other, version=1)

    assert ways_from(desk, here) == {"next": page_of(blind)}
    assert desk.get(page_of(blind)).url == page_of(blind, "second_read")


def test_two_that_are_due_at_once_follow_each_other_and_one_without_a_time_has_none(
    desk,
):
    due = timezone.now() + timedelta(hours=1)
    a, b, c = review_of("a"), review_of("b"), review_of("c")
    Review.objects.exclude(pk=c.pk).update(due_at=due)

    assert ways_from(desk, a) == {"next": page_of(b)}
    assert ways_from(desk, b) == {"prev": page_of(a)}
    assert ways_from(desk, c) == {}


# --- What it costs ---


def test_the_page_takes_twelve_queries_at_most(
    desk, doctor, django_assert_max_num_queries
):
    review = review_of(summary=["This looks like autism."])
    due_in(1, "before")
    claim_review(review, user=doctor)
    acknowledge_flags(review, user=doctor, version=1, keys=["diagnosis:autism"])
    ask_follow_up(review, user=doctor, kind="referral", to="Audiology")
    desk.get(page_of(review))

    with django_assert_max_num_queries(12):
        assert desk.get(page_of(review)).status_code == 200
