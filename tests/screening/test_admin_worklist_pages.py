"""The worklist page after page, and the views that a person keeps."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.reading import RECENT
from screening.admin import worklist_rows
from screening.models import Review, SavedView
from tests.screening.desk import LIST, review_of, shown
from tests.screening.signing import make_reader, sign

pytestmark = pytest.mark.django_db


@pytest.fixture
def doctor(db: None) -> Any:
    return make_reader()


@pytest.fixture
def desk(client: Any, doctor: Any, redis: Any) -> Any:
    client.force_login(doctor)
    return client


# --- Pages ------------------------------


def test_every_row_comes_once_page_after_page(desk, monkeypatch):
    monkeypatch.setattr(worklist_rows, "PER_PAGE", 3)
    moment = timezone.now()
    for n in range(10):
        review = review_of(f"case-{n}", risk="refer" if n % 3 else "monitor")
        away = timedelta(hours=-1 if n < 5 else n)
        Review.objects.filter(pk=review.pk).update(due_at=moment + away)

    found, url = [], LIST
    while url:
        page = desk.get(url)
        found += shown(page)
        following = page.context["following"]
        url = f"{LIST}?cursor={following}" if following else ""

    assert len(found) == 10
    assert len(set(found)) == 10


def test_signed_reviews_come_newest_first_page_after_page(desk, monkeypatch):
    monkeypatch.setattr(worklist_rows, "PER_PAGE", 2)
    for n in range(5):
        sign(review_of(f"case-{n}"))

    found, url = [], f"{LIST}?view=signed"
    while url:
        page = desk.get(url)
        found += shown(page)
        following = page.context["following"]
        url = f"{LIST}?view=signed&cursor={following}" if following else ""

    assert found == [f"case-{n}" for n in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize("cursor", ["nonsense", "WyJ4Il0:1:2", "é"])
def test_a_cursor_that_is_not_ours_begins_anew(desk, cursor):
    review_of("case-1")

    assert shown(desk.get(LIST, {"cursor": cursor})) == ["case-1"]


def test_the_list_takes_as_many_queries_for_fifty_rows_as_for_one(desk):
    review_of("case-0")
    counts = []
    for number in (1, 50):
        while Review.objects.count() < number:
            review_of(f"case-{Review.objects.count()}")
        desk.get(LIST)
        RECENT.forget()  # that it is opened is written down within the twelve, too
        with CaptureQueriesContext(connection) as captured:
            desk.get(LIST)
        counts.append(len(captured))

    assert counts[0] == counts[1]
    assert counts[0] <= 12


# --- One's own views ------------------------------


def test_a_choice_of_filters_is_kept_under_a_name_and_dropped(desk, doctor):
    query = "view=mine&risk=refer"

    answer = desk.post(f"{LIST}?{query}", {"name": " My refers "})

    assert answer.url == f"{LIST}?{query}"
    page = desk.get(LIST)
    assert [each.words for each in page.context["saved"]] == ["My refers"]
    assert desk.get(f"{LIST}?{query}").context["current"].name == "My refers"
    desk.post(f"{LIST}?{query}", {"name": "My refers", "_drop": "1"})
    assert not SavedView.objects.exists()


def test_a_kept_view_holds_no_words_that_were_searched(desk):
    desk.post(f"{LIST}?view=mine&q=RC-2041&risk=refer", {"name": "mine"})

    assert SavedView.objects.get().query == "view=mine&risk=refer"


@pytest.mark.parametrize("name", ["", "   ", "x" * 41])
def test_a_view_without_a_fitting_name_is_not_kept(desk, name):
    page = desk.post(f"{LIST}?view=mine", {"name": name}, follow=True)

    assert "Nothing was kept. A view needs a name" in page.text
    assert not SavedView.objects.exists()


def test_eight_views_are_the_most(desk):
    for n in range(9):
        page = desk.post(f"{LIST}?view=mine", {"name": f"view {n}"}, follow=True)

    assert "8 views are the most" in page.text
    assert SavedView.objects.count() == 8


def test_nobody_sees_or_drops_the_views_of_another(desk, client):
    desk.post(f"{LIST}?view=mine", {"name": "mine alone"}, follow=True)
    client.force_login(make_reader("dr-lind"))

    assert "mine alone" not in client.get(LIST).text
    client.post(LIST, {"name": "mine alone", "_drop": "1"})
    assert SavedView.objects.count() == 1
