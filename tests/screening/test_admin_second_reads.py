"""A second reader sees what was reported and nothing else, until the view is sent."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from screening.models import Job, Review, SecondRead
from screening.services.review import (
    ask_for_second_read,
    claim_review,
    save_review,
    send_second_read,
)
from tests.screening.desk import LIST, form_of, page_of, review_of, words_of
from tests.screening.signing import RIGHTS, make_reader

pytestmark = pytest.mark.django_db
SECRETS = [
    "The child may be slow",
    "See a specialist soon",
    "We saw few words",
    "draft-model-zq",
    "adapter-zq",
    "0.62",
    "Few words of the model",
    "My own finding",
    "Written by the first reader",
    "A note between us",
    "Dr-Osei",
    "dr-osei",
    "lowered",
    "reference rules",
    "/audit/",
    "/job/",
    "/case/",
    "risk-discuss",
    "risk-refer",
    "risk-monitor",
]


@pytest.fixture
def doctor() -> User:
    return make_reader("dr-osei")


@pytest.fixture
def second() -> User:
    return make_reader("dr-lind")


def desk_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def lowered(doctor: User) -> Review:
    """Make a review in which the first reader has lowered a refer."""
    review = review_of(
        risk="refer",
        summary=["The child may be slow."],
        recommendations=["See a specialist soon."],
        parent_text="We saw few words.",
        explainability=[{"type": "item", "detail": "Few words of the model"}],
    )
    claim_review(review, user=doctor)
    values = {
        "risk": "monitor",
        "reason_code": "finding",
        "reason_text": "My own finding.",
        "summary": ["Written by the first reader."],
        "note": "A note between us.",
    }
    save_review(review, user=doctor, version=1, values=values)
    return Review.objects.select_related("job__case", "job__clinic").get(pk=review.pk)


def test_the_second_reader_sees_what_was_reported_and_nothing_else(doctor, second):
    review = lowered(doctor)

    page = desk_of(second).get(page_of(review, "second_read"))

    for secret in SECRETS:
        assert secret not in page.text, secret
    words = words_of(page.text)
    assert "Not walking yet, and only 5 words." in words
    assert "18-month checklist" in words
    assert "not yet" in words
    assert "Hidden" in words


def test_the_second_reader_is_led_away_from_the_case_until_the_view_is_sent(
    doctor, second
):
    review, client = lowered(doctor), desk_of(second)

    answers = [
        client.get(page_of(review)),
        client.post(page_of(review), {"_claim": "1"}),
        client.post(page_of(review), {"version": "2", "_save": "1"}),
    ]
    for answer in answers:
        assert (answer.status_code, answer.url) == (302, page_of(review, "second_read"))
    sign_off = client.get(page_of(review, "sign_off"), follow=True)
    assert sign_off.redirect_chain[-1][0] == page_of(review, "second_read")

    sent = client.post(
        page_of(review, "second_read"), {"risk": "monitor", "why": "Few words."}
    )

    assert sent.url == page_of(review)
    assert "Written by the first reader" in client.get(page_of(review)).text
    read = SecondRead.objects.get()
    assert (read.reader, read.risk, read.why) == (second, "monitor", "Few words.")


def rows_of(page: str) -> str:
    return words_of(
        page[: page.index('<div id="content"')]
        + '<div id="content">'
        + page[page.index('id="result_list"') :]
    )


def test_the_list_hides_the_risk_from_the_second_reader_alone(doctor, second):
    review = lowered(doctor)

    hidden = rows_of(desk_of(second).get(LIST).text)
    shown = rows_of(desk_of(doctor).get(LIST).text)

    assert "Hidden" in hidden
    assert "Monitor" not in hidden
    assert "draft says" not in hidden
    assert "Second read: give your own view first" in hidden
    assert "Monitor draft says refer" in shown
    page = desk_of(second).get(LIST, {"view": "needs-me"})
    assert page.context["shown"] == 1
    assert page_of(review) in page.text


def test_a_view_needs_a_risk_and_a_reason_and_is_sent_once(doctor, second):
    review, client = lowered(doctor), desk_of(second)
    path = page_of(review, "second_read")

    page = client.post(path, {"risk": "", "why": "My words."}).text
    assert "Choose a risk." in page
    assert "My words." in page
    assert "Say why" in client.post(path, {"risk": "refer", "why": " "}).text
    assert client.post(path, {"risk": "fine", "why": "x"}).status_code == 200
    assert not SecondRead.objects.exists()

    client.post(path, {"risk": "refer", "why": "x"})
    again = client.post(path, {"risk": "monitor", "why": "y"})

    assert again.url == page_of(review)
    assert SecondRead.objects.get().risk == "refer"


def test_looking_at_the_page_sends_nothing(doctor, second):
    review = lowered(doctor)

    desk_of(second).get(page_of(review, "second_read"), {"risk": "refer", "why": "x"})

    assert not SecondRead.objects.exists()


def test_the_first_reader_keeps_the_case_and_gives_no_second_view(doctor):
    review, client = lowered(doctor), desk_of(doctor)

    answer = client.post(page_of(review, "second_read"), {"risk": "refer", "why": "x"})

    assert answer.url == page_of(review)
    assert client.get(page_of(review)).status_code == 200
    assert "Wait for the second reader" in client.get(page_of(review)).text
    assert not SecondRead.objects.exists()


def test_who_may_not_write_gives_no_second_view(doctor):
    review = lowered(doctor)
    client = desk_of(make_reader("auditor", rights=["view_review", "read_words"]))

    answer = client.post(page_of(review, "second_read"), {"risk": "refer", "why": "x"})

    assert answer.status_code == 403
    assert client.get(page_of(review)).status_code == 200


def test_a_second_read_is_asked_for_with_what_was_written(doctor, second):
    review = review_of()
    claim_review(review, user=doctor)
    client = desk_of(doctor)
    form = form_of(client, review) | {"summary": "Mine."}

    client.post(page_of(review), form | {"_second_read": "1"})

    review.refresh_from_db()
    assert (review.second_read_for, review.summary) == ("asked", ["Mine."])
    blind = desk_of(second).get(page_of(review))
    assert blind.url == page_of(review, "second_read")
    assert "Mine." not in desk_of(second).get(blind.url).text


# --- Where the readers differ ---------------------------------------------------------


def differing(doctor: User, second: User) -> Review:
    review = lowered(doctor)
    send_second_read(review, user=second, risk="refer", why="Too few words.")
    return review


def third_person(**given: Any) -> User:
    return make_reader("dr-third", rights=[*RIGHTS, "adjudicate_review"], **given)


def test_a_third_person_decides_between_two_readers(doctor, second):
    review = differing(doctor, second)
    client = desk_of(third_person())
    assert "The two readers differ." in client.get(page_of(review)).text

    empty = client.post(page_of(review), {"_decide": "1"}).text
    form = {"decision-risk": "refer", "decision-why": "I agree with the second."}
    client.post(page_of(review), form | {"_decide": "1"})

    read = SecondRead.objects.get()
    assert "Choose a risk." in empty
    assert read.adjudicated_risk == "refer"
    assert "Sign Refer, as was decided" in desk_of(doctor).get(page_of(review)).text


@pytest.mark.parametrize("who", ["first", "second", "without the right"])
def test_neither_reader_nor_who_has_not_the_right_decides(doctor, second, who):
    review = differing(doctor, second)
    rights = [*RIGHTS, "adjudicate_review"]
    user = {
        "first": lambda: make_reader("dr-osei", rights=rights),
        "second": lambda: make_reader("dr-lind", rights=rights),
        "without the right": lambda: make_reader("dr-none"),
    }[who]()
    client = desk_of(user)
    form = {"decision-risk": "refer", "decision-why": "x", "_decide": "1"}

    assert 'name="_decide"' not in client.get(page_of(review)).text
    assert client.post(page_of(review), form).status_code in {302, 403}
    assert SecondRead.objects.get().adjudicator is None


def test_readers_who_agree_leave_nothing_to_decide(doctor, second):
    review = lowered(doctor)
    send_second_read(review, user=second, risk="monitor", why="The same.")

    assert 'name="_decide"' not in desk_of(third_person()).get(page_of(review)).text
    ask = desk_of(doctor).get(page_of(review)).text
    assert 'name="_second_read"' not in ask


def test_a_drawn_case_is_not_blind_until_somebody_has_it(doctor, second):
    review = review_of()
    Review.objects.update(second_read_for="sampled")

    assert desk_of(second).get(page_of(review)).status_code == 200
    claim_review(review, user=doctor)
    assert desk_of(second).get(page_of(review)).status_code == 200
    assert desk_of(make_reader("dr-fresh")).get(page_of(review)).status_code == 302
    ask_for_second_read(review, user=doctor, version=1)
    assert Job.objects.count() == 1
