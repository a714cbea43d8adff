"""The page on agreement: every number from a known set, and who sees which."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from agreement.models import RollUp, Tally
from agreement.periods import in_words, period
from screening.models import Clinic
from tests.agreement.making import Signed, cases_drawn, store

pytestmark = pytest.mark.django_db

PAGE = "/admin/agreement/"


def make_person(*clinics: Clinic, rights: tuple[str, ...] = ("view_tally",)) -> User:
    user = User.objects.create_user("h.weiss", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    for clinic in clinics:
        clinic.members.add(user)
    return user


def come_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def words_of(text: str) -> str:
    """Return what a reader sees of a piece of a page, in one line."""
    text = re.sub(r"<(svg|style)\b.*?</\1>", " ", text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def main_of(page: str) -> str:
    return page[page.index('<div id="content-main">') : page.index("</main>")]


def rows_of(page: str, kind: str) -> list[str]:
    """Return the rows of the tables of a class, each in one line."""
    tables = re.findall(rf'<table class="{kind}">.*?</table>', main_of(page), re.DOTALL)
    rows = re.findall(r"<tr.*?</tr>", "".join(tables), re.DOTALL)
    return [words_of(row) for row in rows]


@pytest.fixture
def drawn(admin_client) -> str:
    store(cases_drawn())
    return admin_client.get(PAGE).text


# --- Every number -------------------------------------------------------------------


def test_the_four_figures_are_those_of_the_design(drawn):
    cards = re.findall(r'<section class="card" aria.*?</section>', drawn, re.DOTALL)

    assert [words_of(card) for card in cards] == [
        "Risk changed by the clinician 12.9% 95% interval 10.0% to 16.6% "
        "52 of 402 usable drafts",
        "Weighted kappa, draft and signed 0.93 95% interval 0.90 to 0.95 "
        "1 is full agreement, 0 is chance",
        "Refer found by the draft 76.6% 95% interval 64.9% to 85.3% "
        "49 of 64 signed as Refer",
        "Refer found by draft or rules 96.9% 95% interval 89.3% to 99.1% "
        "62 of 64 signed as Refer",
    ]


def test_the_head_says_how_many_cases_of_which_weeks(drawn):
    weeks = period(12, today=timezone.localdate())

    words = words_of(drawn)

    last = f"{in_words(weeks.last)} {weeks.last.year}"
    assert "412 cases signed in 12 weeks, " in words
    assert last in words


def test_each_group_has_its_shares_with_their_intervals(drawn):
    assert rows_of(drawn, "forest")[2:] == [
        "By model version",
        "medgemma-4b-it 1.3 214 10% 7% to 15% 82% 66% to 91%",
        "medgemma-4b-it 1.2 131 15% 10% to 22% 75% 53% to 89%",
        "rules-cdc2022 57 19% 11% to 31% 64% 35% to 85%",
        "By prompt version",
        "Prompt 5 236 11% 7% to 15% 81% 65% to 90%",
        "Prompt 4 109 15% 9% to 23% 76% 53% to 90%",
        "No prompt 57 19% 11% to 31% 64% 35% to 85%",
        "By age",
        "Under 12 months 88 16% 10% to 25% 62% 36% to 82%",
        "12 to 23 months 136 12% 8% to 19% 77% 57% to 90%",
        "2 to 3 years 112 12% 7% to 19% 83% 61% to 94%",
        "3 years and over 66 12% 6% to 22% 82% 52% to 95%",
        "By clinic",
        "Riverside 228 12% 8% to 17% 78% 63% to 89%",
        "Northgate 160 14% 10% to 21% 73% 54% to 86%",
        "Hillside under 10 too few to show",
        "Millbrook under 10 too few to show",
    ]


def test_draft_stands_against_signed_risk(drawn):
    assert rows_of(drawn, "matrix") == [
        "Draft On track signed Monitor signed Discuss signed Refer signed All",
        "On track 168 7 3 0 178",
        "Monitor 9 71 8 2 90",
        "Discuss 1 6 62 11 80",
        "Refer 0 1 4 49 54",
        "No usable answer 2 3 3 2 10",
    ]
    heats = re.findall(r'<td class="heat-(\d)( is-same)?">(\d+)', drawn)
    assert [heat for heat, same, _ in heats if same] == ["4", "3", "3", "2"]
    assert {heat for heat, _, number in heats if number == "0"} == {"0"}


def test_the_weeks_stand_in_tables_under_their_charts(drawn):
    rows = [row for row in rows_of(drawn, "tight") if not row.startswith("From")]
    first = period(12, today=timezone.localdate()).first
    days = [in_words(first + timedelta(weeks=n)) for n in range(12)]

    changed = [row.removeprefix(days[n]).strip() for n, row in enumerate(rows[:12])]
    assert changed == [
        "31 19% 9% to 36%",
        "34 18% 8% to 34%",
        "not shown not shown –",  # noqa: RUF001
        "37 16% 8% to 31%",
        "33 15% 7% to 31%",
        "under 10 not shown –",  # noqa: RUF001
        "36 11% 4% to 25%",
        "41 12% 5% to 26%",
        "38 11% 4% to 24%",
        "35 9% 3% to 22%",
        "42 10% 4% to 22%",
        "38 11% 4% to 24%",
    ]
    found = [row.removeprefix(days[2 * n]).strip() for n, row in enumerate(rows[24:])]
    assert found == [
        "11 64% 35% to 85%",
        "10 70% 40% to 89%",
        "10 80% 49% to 94%",
        "11 73% 43% to 90%",
        "12 83% 55% to 95%",
        "10 90% 60% to 98%",
    ]


def test_a_small_week_cannot_be_reckoned_from_the_others(drawn):
    shown = [
        int(number)
        for row in rows_of(drawn, "tight")[1:13]
        for number in re.findall(r"^\d+ \w+ (\d+) \d+%", row)
    ]

    assert len(shown) == 10
    assert 402 - sum(shown) == 8 + 29


def test_what_to_look_at_is_said_in_sentences(drawn):
    said = re.search(r'<ul class="checks is-column">.*?</ul>', drawn, re.DOTALL)
    lines = re.findall(r'<li class="([\w-]+)">(.*?)</li>', said[0], re.DOTALL)

    assert [(kind, words_of(line)) for kind, line in lines] == [
        (
            "is-bad",
            "2 children signed as Refer had a draft of Monitor. The reference rules "
            "had raised both before review. See the 2 cases",
        ),
        (
            "is-todo",
            "Prompt 5 has fewer changed risks than prompt 4 (11% against 15%), but the "
            "intervals overlap.",
        ),
        (
            "is-todo",
            "Under 12 months the draft finds fewer of the children to refer. The "
            "interval is wide: 36% to 82%.",
        ),
        ("is-ok", "No child signed as Refer had a draft of On track."),
    ]


def test_charts_have_titles_and_sentences_of_their_own(drawn):
    charts = re.findall(
        r'role="img" aria-labelledby="([\w-]+) ([\w-]+)"><title id="\1">([^<]+)</title>'
        r'<desc id="\2">([^<]+)</desc>',
        drawn,
    )

    assert charts[0][2] == "Share of drafts whose risk the clinician changed, by week"
    assert len(charts) == len({ids for _, ids, *_ in charts}) == 3
    assert charts[2][3].startswith("Rises from 64% on")


# --- Periods, empty, stale ----------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "weeks"),
    [
        ("4", 4),
        ("12", 12),
        ("52", 52),
        ("", 12),
        ("5", 12),
        ("-4", 12),
        ("x", 12),
        ("²", 12),
        ("9" * 5000, 12),
    ],
)
def test_a_period_can_be_chosen(admin_client, asked, weeks):
    store(cases_drawn())

    response = admin_client.get(PAGE, {"weeks": asked})

    assert response.context["period"].weeks == weeks
    chosen = re.search(r'weeks=(\d+)" aria-current="page"', response.text)
    assert int(chosen[1]) == weeks


def test_four_weeks_hold_only_what_was_signed_in_them(admin_client):
    store(cases_drawn())

    page = words_of(admin_client.get(PAGE, {"weeks": "4"}).text)

    assert "155 cases signed in 4 weeks" in page
    assert "15 of 153 usable drafts" in page


def test_before_the_first_run_the_page_says_so(admin_client):
    page = words_of(admin_client.get(PAGE).text)

    assert "Nothing has been rolled up yet" in page
    assert "%" not in page


@pytest.mark.parametrize("number", [0, 9])
def test_too_few_cases_are_not_shown(admin_client, number):
    store([Signed()] * number)

    response = admin_client.get(PAGE)

    assert "Too few to show" in words_of(response.text)
    assert "last roll-up was today" in words_of(response.text)
    assert 'class="figure"' not in response.text


def test_a_figure_that_rests_on_too_few_is_left_out_alone(admin_client):
    refers = [Signed(draft_risk="refer", signed_risk="refer")] * 9
    store([Signed(signed_risk="monitor")] * 3 + [Signed()] * 8 + refers)

    page = admin_client.get(PAGE).text

    assert "15.0% 95% interval 5.2% to 36.0% 3 of 20 usable drafts" in words_of(page)
    assert words_of(page).count("Too few to show Fewer than 10 signed as Refer") == 2
    assert "Riverside 20 15% 5% to 36% too few to show" in rows_of(page, "forest")


def test_this_week_is_not_shown_before_it_has_ended(admin_client):
    store([Signed(week=11)] * 20 + [Signed(week=12)] * 30)

    assert "20 cases signed in 12 weeks" in words_of(admin_client.get(PAGE).text)


def test_a_run_that_was_missed_is_said(admin_client):
    store(cases_drawn())
    assert "notice is-warn" not in main_of(admin_client.get(PAGE).text)

    RollUp.objects.update(ended_at=timezone.now() - timedelta(hours=37))

    assert "notice is-warn" in main_of(admin_client.get(PAGE).text)


def test_many_models_do_not_make_a_long_page(admin_client):
    store(Signed(model=f"model-{n:03}") for n in range(400))

    rows = rows_of(admin_client.get(PAGE).text, "forest")

    assert len(rows) < 40
    assert "380 others together 380 0% 0% to 1% too few to show" in rows


# --- Who sees what ------------------------------------------------------------------


def test_another_clinics_cases_are_not_counted():
    clinics = store(cases_drawn())
    person = make_person(clinics["Northgate"], clinics["Hillside"])

    page = come_in(person).get(PAGE).text

    assert "Riverside" not in page
    assert "23 of 160" not in words_of(page)  # Hillside's eight are in the total
    assert "24 of 168 usable drafts" in words_of(page)
    assert "Northgate not shown not shown, so that no smaller group" in words_of(page)


def test_who_belongs_to_no_clinic_sees_no_figures():
    store(cases_drawn())

    assert "Too few to show" in words_of(come_in(make_person()).get(PAGE).text)


def test_without_the_permission_there_is_neither_page_nor_line_in_the_menu():
    person = make_person(rights=("view_review",))
    client = come_in(person)

    assert client.get(PAGE).status_code == 403
    assert client.get(f"{PAGE}missed/?draft=monitor").status_code == 403
    assert PAGE not in client.get("/admin/").text
    assert Client().get(PAGE).status_code == 302


def test_with_the_permission_the_menu_has_a_line():
    assert f'href="{PAGE}"' in come_in(make_person()).get("/admin/").text


def test_a_supervisor_may_look_and_nobody_may_write():
    made = Permission.objects.filter(content_type__app_label="agreement")

    assert set(made.values_list("codename", flat=True)) == {"view_tally"}


def test_cases_are_linked_only_for_who_may_read_reviews():
    clinics = store(cases_drawn())
    person = make_person(*clinics.values())

    assert "See the 2 cases" not in come_in(person).get(PAGE).text


# --- Cost ---------------------------------------------------------------------------


def test_the_page_asks_few_questions_however_many_rows_there_are(
    admin_client, django_assert_max_num_queries
):
    admin_client.get("/admin/")
    store(cases_drawn())
    with django_assert_max_num_queries(40) as usual:
        admin_client.get("/admin/password_change/")

    with django_assert_max_num_queries(40) as found:
        admin_client.get(PAGE)

    of_tallies = [q["sql"] for q in found if "agreement_" in q["sql"]]
    assert len(of_tallies) == 3
    assert len(found) <= len(usual) + 6
    assert Tally.objects.count() > 200
