"""Behind a case: earlier screenings, how the draft was made, what happened."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from audit.actions import Action
from audit.models import Audit
from audit.services import Event, record
from screening.admin.background import SIGNS
from screening.admin.charts import (
    Point,
    Step,
    age_ruler,
    meter,
    put_seconds,
    screenings,
    short_age,
    time_bars,
)
from screening.admin.making import making_of
from screening.models import Job, Review
from screening.services.review import claim_review, save_review
from tests.screening.desk import page_of, review_of
from tests.screening.signing import RIGHTS, make_reader, sign

pytestmark = pytest.mark.django_db


@pytest.fixture
def doctor() -> User:
    return make_reader("dr-osei")


@pytest.fixture
def desk(doctor: User) -> Client:
    client = Client()
    client.force_login(doctor)
    return client


def background(page: str) -> str:
    start = page.index('<section aria-labelledby="background"')
    return page[start : page.index("</section>", start)]


def earlier(
    days: int, *, age: int | None, case_id: str = "case-1", **given: Any
) -> Review:
    review = review_of(case_id, **given)
    at = timezone.now() - timedelta(days=days)
    payload = review.job.payload | {"age_months": age}
    Job.objects.filter(pk=review.job_id).update(created_at=at, payload=payload)
    Review.objects.filter(pk=review.pk).update(age_months=age)
    return Review.objects.select_related("job__case", "job__clinic").get(pk=review.pk)


# --- Earlier screenings ---


def test_signed_screenings_of_the_case_are_drawn_and_counted_oldest_first(desk, doctor):
    sign(earlier(330, age=9, risk="on_track"), user=doctor)
    sign(earlier(150, age=15, risk="monitor"), user=doctor)
    here = review_of()

    part = background(desk.get(page_of(here)).text)

    assert "9 m: On track; 15 m: Monitor; 20 m, open: Discuss." in part
    assert "2 signed, one open" in part
    heads = re.findall(r'<th scope="col"[^>]*>([^<]+)</th>', part)
    assert heads == ["Answered yes", "9 m", "15 m", "now"]
    words = " ".join(re.sub(r"<[^>]+>", " ", part).split())
    assert "Movement 0 of 5 0 of 3 0 of 6" in words


def test_neither_other_cases_nor_open_nor_later_screenings_are_shown(desk, doctor):
    here = earlier(100, age=20)
    sign(earlier(330, age=9, case_id="other"), user=doctor)
    earlier(200, age=15)
    sign(earlier(10, age=23), user=doctor)

    part = background(desk.get(page_of(here)).text)

    assert "No signed screening of this case before this one." in part
    assert 'id="history-t"' not in part


def test_a_screening_without_an_age_is_counted_and_not_drawn(desk, doctor):
    sign(earlier(330, age=None), user=doctor)
    here = review_of()

    part = background(desk.get(page_of(here)).text)

    assert '<th scope="col" class="num">no age</th>' in part
    assert '<desc id="history-d">20 m, open: Discuss.</desc>' in part


# --- How it was made ---


def made(**fields: Any) -> Job:
    review = review_of()
    begun = timezone.now()
    Job.objects.filter(pk=review.job_id).update(
        created_at=begun,
        started_at=begun + timedelta(seconds=0.8),
        finished_at=begun + timedelta(seconds=12.9),
        **fields,
    )
    return Job.objects.get(pk=review.job_id)


SILENT = {"target": "edge", "outcome": "MODEL_TIMEOUT", "milliseconds": 10_003}
GOOD = {
    "target": "cloud",
    "outcome": "answered",
    "milliseconds": 2050,
    "prompt": "screening-5",
    "prompt_sha256": "9c41d2e0ff",
    "input_sha256": "b7e04f1aff",
}


def test_each_step_is_a_bar_on_one_axis_and_a_failed_one_says_so():
    making = making_of(made(route=[{"attempt": 1, "tries": [SILENT, GOOD]}]))

    picture = str(making.picture)
    assert making.total == "12.9 s in all"
    kinds = re.findall(r'<rect class="seg-(\w+)"', picture)
    assert kinds == ["wait", "bad", "ok", "ok"]
    assert (
        "Queue 0.8 s; Clinic server no answer in 10 s; Cloud server answered in 2.05 s;"
        " Checked and stored 0.05 s." in picture
    )
    assert making.words[0] == "Clinic server was asked first: no answer in 10 s."


def test_what_was_used_is_named_with_the_first_letters_of_its_fingerprint():
    job = made(
        route=[
            {
                "tries": [GOOD],
                "wish": {"consent": True, "cloud_allowed": True, "consents": "x"},
            }
        ]
    )

    used = {name: re.sub("<[^>]+>", "", value) for name, value in making_of(job).used}

    assert used["Prompt"] == "screening-5 9c41d2e0"
    assert used["Input"] == "text, checklist b7e04f1a"
    assert used["Rules"].startswith("rules-cdc2022 ")
    assert used["Consent"] == "in the ledger, cloud included"
    assert (used["Model"], used["Adapter"]) == ("draft-model-zq", "adapter-zq")


def test_of_many_attempts_the_last_tries_are_drawn_and_the_wait_between_them():
    attempts = [{"attempt": n, "tries": [SILENT]} for n in range(1, 8)]
    making = making_of(made(route=[*attempts, {"attempt": 8, "tries": [GOOD]}]))

    picture = str(making.picture)
    assert picture.count("no answer in") == 2 * 3
    assert "Between tries" in picture
    assert making.words[-1] == "Earlier tries that are not shown: 4."


@pytest.mark.parametrize(
    "route", [[], [{}], [{"tries": None}], ["x"], [{"tries": ["x", {}]}], [{"wish": 7}]]
)
def test_a_route_of_an_older_kind_is_shown_as_far_as_it_goes(desk, route):
    job = made(route=route)

    assert making_of(job).used
    assert desk.get(page_of(job.review)).status_code == 200


def test_the_name_of_an_agent_comes_out_escaped_and_short(desk):
    attack = {"target": "<script>x</script>-and-more", "outcome": "CONFLICT"}
    picture = str(making_of(made(route=[{"tries": [attack]}])).picture)

    assert "<script>" not in picture
    assert "Agent &lt;script&gt;x" in picture
    assert "refused after 0 s" in picture


# --- What happened ---


def test_events_are_told_newest_first_in_words_with_names_and_no_detail(desk, doctor):
    review = review_of()
    Job.objects.update(model_risk="discuss", risk="refer")
    event = {
        "actor": "worker:host-2",
        "clinic": "default",
        "case_id": "case-1",
        "job_id": review.job_id,
    }
    ended = Event(
        action=Action.JOB_COMPLETED, attempt=1, detail={"target": "zq"}, **event
    )
    record([ended])
    claim_review(review, user=doctor)
    save_review(review, user=doctor, version=1, values={"note": "Secret words."})

    part = background(desk.get(page_of(review)).text)

    [log] = re.findall(r'<ol class="timeline is-compact">(.*?)</ol>', part, re.S)
    told = re.findall(r"<strong>([^<]+)</strong>([^<]*)<span class=.sub.>([^<]+)", log)
    assert told == [
        ("Report saved", ", version 2", "Dr-Osei"),
        ("Claimed", "", "Dr-Osei"),
        ("Drafted as Discuss, raised to Refer", "", "worker host-2"),
        ("Submitted", "", "key test"),
    ]
    assert "zq" not in log
    assert "Secret" not in log
    assert "{" not in log


def test_the_newest_twelve_events_of_this_screening_alone_are_told(desk, doctor):
    review, again = review_of(), review_of()
    for version in range(1, 16):
        save_review(review, user=doctor, version=version, values={"note": "x"})

    part = background(desk.get(page_of(review)).text)
    other = background(desk.get(page_of(again)).text)

    assert part.count("Report saved") == 12
    assert "version 16" in part
    assert "Report saved" not in other


def test_every_step_on_a_case_has_words_of_its_own():
    steps = {
        action for action in Action if action.value.startswith(("job.", "review."))
    }

    after = {Action.REVIEW_SIGNED, Action.REVIEW_ADDED_TO, Action.REVIEW_DELIVERED}
    assert set(SIGNS) == steps - after


def test_the_log_is_linked_for_who_may_see_it(desk):
    review = review_of("a b&c")
    boss = Client()
    boss.force_login(make_reader("dr-boss", rights=[*RIGHTS, "view_audit"]))

    assert "/audit/" not in desk.get(page_of(review)).text
    page = boss.get(page_of(review)).text
    [link] = re.findall(r'href="(/admin/audit/case/\?[^"]+)"', page)
    link = html.unescape(link)
    assert link.endswith("&case_id=a+b%26c")
    number = Audit.objects.filter(case_id="a b&c").count()
    assert boss.get(link).context["number"] == number > 0


# --- Pictures ---


@pytest.mark.parametrize("age", [0, 0.4, 3, 17.5, 23.9, 24, 35, 71, 72, 240])
@pytest.mark.parametrize("off", [0, 2.5])
def test_a_ruler_keeps_within_its_frame(age, off):
    corrected = max(age - off, 0)
    drawn = age_ruler(age=age, corrected=corrected, checklist=None, following=30)

    for x in re.findall(r' (?:x|x1|x2|cx)="([\d.-]+)"', drawn):
        assert 0 <= float(x) <= 1312


def test_words_on_a_ruler_do_not_lie_upon_each_other():
    for checklist, following in (
        (2, 9),
        (15, 18),
        (18, 24),
        (24, 30),
        (24, 24),
        (60, None),
    ):
        drawn = age_ruler(
            age=checklist + 1.0,
            corrected=checklist + 0.5,
            checklist=checklist,
            following=following,
        )
        words = re.findall(
            r'<text class="t-mid[^"]*" x="([\d.]+)" y="51">([^<]+)', drawn
        )
        spans = sorted(
            (float(x) - 3.2 * len(said), float(x) + 3.2 * len(said))
            for x, said in words
        )
        for (_, end), (start, _) in pairwise(spans):
            assert end <= start, (checklist, words)


def test_a_picture_of_nothing_is_a_picture():
    assert "<svg" in screenings([], None, None)
    assert "<svg" in time_bars([])
    assert "<svg" in age_ruler(age=0, corrected=0, checklist=None, following=None)
    no_answer = Point(months=20, risk="unclassified")
    assert "open: no usable answer" in screenings([], no_answer, 24)


def test_signed_screenings_are_joined_by_a_line_and_the_open_one_by_dashes():
    signed = [Point(months=9, risk="on_track"), Point(months=12, risk="monitor")]

    drawn = screenings(signed, Point(months=18, risk="refer"), 24)

    assert drawn.count('class="halo"') == 3
    assert '<polyline class="path" points="201.2,152 239,112"/>' in drawn
    assert '<line class="path-next" x1="239" y1="112" x2="314.5" y2="32"/>' in drawn


def test_a_bar_however_short_is_seen_and_none_leaves_the_picture():
    steps = [
        Step(name="Queue", words="0.8 s", start=0, seconds=0.8, kind="wait"),
        Step(name="Asked", words="9 s", start=0.8, seconds=9000, kind="bad"),
        Step(name="Stored", words="0 s", start=9000.8, seconds=0, kind="ok"),
    ]

    drawn = time_bars(steps)

    bars = re.findall(
        r'<rect class="seg-\w+" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', drawn
    )
    assert len(bars) == 3
    assert all(float(w) >= 3 and float(x) + float(w) <= 400 for x, w in bars)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *[(0, "0 s"), (0.051, "0.05 s"), (2.05, "2.05 s"), (10.003, "10 s")],
        *[(90, "90 s"), (600, "10 min"), (7200, "2 h")],
    ],
)
def test_lengths_of_time_are_short(seconds, words):
    assert put_seconds(seconds) == words


def test_ages_are_short_and_a_meter_ends_at_its_ends():
    assert [short_age(age) for age in (17.5, 9, 36, 42.5)] == [
        *("17 m 2 w", "9 m", "3 y", "3 y 6 m"),
    ]
    assert 'width="0" height="6"' in meter(-3)
    assert meter(7).count('width="100"') == 2
