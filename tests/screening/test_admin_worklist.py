"""The worklist: what needs me, by when, and nothing that would sway a second reader."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from screening.models import Clinic, Review
from screening.services.review import claim_review, send_second_read
from tests.screening.desk import LIST, page_of, review_of, shown, words_of
from tests.screening.signing import PASSWORD, make_reader, sign

pytestmark = pytest.mark.django_db


@pytest.fixture
def doctor(db: None) -> Any:
    return make_reader()


@pytest.fixture
def desk(client: Any, doctor: Any, redis: Any) -> Any:
    client.force_login(doctor)
    return client


def tab(page: Any, words: str) -> int:
    return next(each.count for each in page.context["tabs"] if each.words == words)


def due(review: Review, **away: float) -> Review:
    Review.objects.filter(pk=review.pk).update(
        due_at=timezone.now() + timedelta(**away)
    )
    return review


# --- What is first ------------------------------


def test_cases_stand_under_the_hours_that_are_left(desk):
    due(review_of("later"), days=9)
    due(review_of("soon"), hours=6, minutes=6)
    due(review_of("week"), days=3)
    due(review_of("late"), minutes=-155)

    page = desk.get(LIST)

    words = words_of(page.text)
    assert shown(page) == ["late", "soon", "week", "later"]
    assert [(each.words, each.count) for each in page.context["groups"]] == [
        ("Overdue", 1),
        ("Due within 24 hours", 1),
        ("Due this week", 1),
        ("Due later", 1),
    ]
    assert "over by 2 h 35 min" in words
    assert "in 6 h 05 min" in words
    assert "4 cases need you: 1 is overdue and 1 more is due within 24 hours." in words


def test_of_what_is_overdue_the_gravest_is_first(desk):
    rising = ["on_track", "monitor", "discuss", "unclassified", "refer"]
    for hours, risk in zip(range(9, 0, -1), rising, strict=False):
        due(review_of(risk, risk=risk), hours=-hours)

    assert shown(desk.get(LIST)) == rising[::-1]


def test_a_row_says_what_to_know_and_with_whom(desk, doctor):
    review_of("a", flags={"lost_skill": True, "parent_concern": True})
    claim_review(review_of("b"), user=doctor)

    words = words_of(desk.get(LIST).text)

    assert "Lost a skill Caregiver is worried" in words
    assert "Nothing flagged" in words
    assert "20 months" in words
    assert "You" in words


def test_a_row_tells_of_the_draft_what_a_clinician_should_doubt(desk):
    review = review_of(
        confidence=0.41, parent_text="She will surely catch up. It is ADHD."
    )
    today = timezone.localdate()
    Review.objects.filter(pk=review.pk).update(
        listed_risk="refer",
        risk="refer",
        window_months=18,
        window_closes_on=today + timedelta(days=9),
        escalated_at=timezone.now(),
    )

    words = words_of(desk.get(LIST).text)

    assert "draft says discuss" in words
    assert "Rules and draft differ" in words
    assert "Low confidence, 0.41" in words
    assert "2 safety flags" in words
    assert "18-month screen: 9 days left" in words
    assert "Escalated, but the clinic has no supervisor" in words


def test_nothing_to_do_is_said_calmly(desk):
    words = words_of(desk.get(LIST).text)

    assert "Nothing needs you" in words


# --- Views and filters ------------------------------


def test_each_view_keeps_its_reviews_and_counts_them(desk, doctor):
    mine, late = review_of("mine"), review_of("late")
    review_of("free")
    theirs, signed, window = (review_of(each) for each in ("theirs", "signed", "win"))
    claim_review(mine, user=doctor)
    colleague = make_reader("dr-lind")
    claim_review(theirs, user=colleague)
    blind = review_of("blind")
    Review.objects.filter(pk=blind.pk).update(second_read_for="drawn")
    claim_review(blind, user=colleague)
    sign(signed)
    due(late, seconds=-1)
    Review.objects.filter(pk=window.pk).update(
        window_months=18, window_closes_on=timezone.localdate() + timedelta(days=14)
    )
    expected = {
        "needs-me": ("Needs me", {"mine", "free", "late", "win", "blind"}),
        "mine": ("Mine", {"mine"}),
        "unclaimed": ("Unclaimed", {"free", "late", "win"}),
        "second-reads": ("Second reads", {"blind"}),
        "overdue": ("Overdue", {"late"}),
        "window": ("Window closing", {"win"}),
        "others": ("With others", {"theirs"}),
        "signed": ("Signed, 7 days", {"signed"}),
    }

    for view, (words, kept) in expected.items():
        page = desk.get(LIST, {"view": view})
        assert set(shown(page)) == kept, view
        assert tab(page, words) == len(kept), view


def test_who_decides_between_two_readers_is_asked_to(client, redis):
    first, second = make_reader("first"), make_reader("second")
    rights = ("view_review", "adjudicate_review", "read_words")
    third = make_reader("third", rights=rights)
    review = review_of("differs")
    Review.objects.filter(pk=review.pk).update(second_read_for="drawn")
    claim_review(review, user=first)
    send_second_read(review, user=second, risk="refer", why="No words yet.")

    client.force_login(third)
    assert shown(client.get(LIST)) == ["differs"]
    client.force_login(second)
    assert shown(client.get(LIST)) == []


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("risk=refer", ["grave"]),
        ("risk=discuss&flag=lost", ["lost"]),
        ("flag=differ", ["differs"]),
        ("flag=unsure", ["unsure"]),
        ("age=12-23&with=nobody", ["differs", "grave", "lost", "unsure"]),
        ("age=36-up", []),
        ("risk=nonsense&flag=%27&age=", ["differs", "grave", "lost", "unsure"]),
    ],
)
def test_filters_narrow_the_list_together(desk, query, kept):
    review_of("grave", risk="refer")
    review_of("lost", flags={"lost_skill": True})
    review_of("unsure", confidence=0.3)
    differs = review_of("differs")
    Review.objects.filter(pk=differs.pk).update(listed_risk="refer")

    page = desk.get(f"{LIST}?view=unclaimed&{query}")

    assert sorted(shown(page)) == kept


def test_a_filter_counts_what_each_choice_would_keep(desk):
    review_of("grave", risk="refer")
    review_of("lost", flags={"lost_skill": True})

    page = desk.get(LIST, {"flag": "lost"})

    menus = {each.title: each for each in page.context["menus"]}
    risks = {each.words: each.count for each in menus["Risk"].tabs}
    flags = {each.words: each.count for each in menus["Flag"].tabs}
    assert risks["Any risk"] == 1
    assert risks["Refer"] == 0
    assert risks["Discuss"] == 1
    assert flags["Any"] == 2
    assert flags["Lost a skill"] == 1
    assert menus["Flag"].chosen == "Lost a skill"


def test_a_person_of_very_many_clinics_has_right_counts(desk, doctor):
    clinics = [
        Clinic.objects.create(slug=f"c-{n:03}", name=f"Clinic {n:03}")
        for n in range(130)
    ]
    doctor.clinics.add(*clinics)
    review_of("first", clinic=clinics[0])
    for n in range(3):
        review_of(f"last-{n}", clinic=clinics[-1])

    page = desk.get(LIST, {"risk": "discuss"})

    (menu,) = (each for each in page.context["menus"] if each.title == "Clinic")
    counted = {each.words: each.count for each in menu.tabs if each.count}
    assert counted == {"All my clinics": 4, "Clinic 000": 1, "Clinic 129": 3}


def test_a_search_finds_a_whole_number_in_every_view(desk, doctor):
    review = review_of("RC-2041")
    sign(review_of("NG-1"))

    for asked in ("RC-2041", str(review.job_id)):
        assert shown(desk.get(LIST, {"view": "mine", "q": asked})) == ["RC-2041"]
    assert shown(desk.get(LIST, {"q": "NG-1"})) == ["NG-1"]
    assert shown(desk.get(LIST, {"q": "RC-20"})) == []


# --- Blind ------------------------------


def test_a_row_to_be_read_blind_gives_nothing_away(desk):
    review = review_of("hidden-one", risk="on_track", confidence=0.1)
    Review.objects.filter(pk=review.pk).update(
        second_read_for="low_confidence", listed_risk="refer", risk="on_track"
    )
    claim_review(review, user=make_reader("dr-lind"))

    words = words_of(desk.get(LIST).text)
    rows = words[words.index("hidden-one") - 120 :]

    assert "Hidden until you give your own view" in words
    assert "Second read: give your own view first" in rows
    for told in ("draft says", "differ", "Low confidence", "safety flag"):
        assert told not in words[words.index("Waiting") :], told
    for query in ("risk=on_track", "risk=refer", "flag=differ", "flag=unsure"):
        page = desk.get(f"{LIST}?{query}")
        assert shown(page) == [], query
        counts = [
            each.count
            for menu in page.context["menus"]
            if menu.title == "Risk"
            for each in menu.tabs
            if each.words in {"On track", "Refer"}
        ]
        assert counts == [0, 0]
    assert shown(desk.get(LIST, {"risk": "hidden"})) == ["hidden-one"]


def test_what_is_to_be_read_blind_is_not_sorted_by_its_risk(desk):
    colleague = make_reader("dr-lind")
    for name, risk in (("a", "on_track"), ("b", "refer")):
        review = review_of(name, risk=risk)
        Review.objects.filter(pk=review.pk).update(
            second_read_for="drawn",
            due_at=timezone.now() - timedelta(hours=2 if name == "a" else 1),
        )
        claim_review(review, user=colleague)

    assert shown(desk.get(LIST)) == ["a", "b"]


# --- Who ------------------------------


def test_other_clinics_are_neither_listed_nor_counted(desk):
    elsewhere = Clinic.objects.create(slug="elsewhere", name="Elsewhere")
    review_of("foreign", clinic=elsewhere)

    page = desk.get(LIST)

    assert shown(page) == []
    assert all(each.count == 0 for each in page.context["tabs"])
    assert shown(desk.get(LIST, {"q": "foreign"})) == []
    assert "elsewhere" not in page.text.casefold()


def test_without_the_right_to_see_reviews_home_is_the_list_of_pages(client, redis):
    client.force_login(make_reader("operator", rights=("view_job",)))

    page = client.get(LIST)

    assert page.status_code == 200
    assert "Worklist" not in words_of(page.text)


def test_the_old_address_of_the_list_leads_to_the_worklist(desk):
    answer = desk.get("/admin/screening/review/?view=mine")

    assert answer.url == f"{LIST}?view=mine"


def test_a_signed_row_says_who_signed_it(desk, doctor):
    sign(review_of("case-9"), user=doctor)

    words = words_of(desk.get(LIST, {"view": "signed"}).text)

    assert "Signed" in words
    assert doctor.get_full_name() in words
    assert PASSWORD not in words


def test_a_claim_from_the_list_opens_the_case(desk, doctor):
    review = review_of()

    answer = desk.post(page_of(review), {"_claim": "1"})

    assert answer.url == page_of(review)
    assert Review.objects.get().assignee == doctor
