"""A review is opened: when it is due, and what a list knows of the child."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from screening.models import Job, Review
from screening.results import check_result
from screening.services.opening import due_within, facts_of
from screening.services.settlement import settle
from tests.screening.making import claimed_job, make_job, outcome

pytestmark = pytest.mark.django_db
HOURS = {
    "refer": 24,
    "unclassified": 24,
    "discuss": 72,
    "monitor": 168,
    "on_track": 336,
}
FIELDS = {risk: f"{risk}_hours" for risk in ("refer", "discuss", "monitor", "on_track")}
FIELDS["unclassified"] = "refer_hours"

ANSWERS = {"18m.movement.walks_alone": "yes"}


def hours(length: timedelta) -> float:
    return length / timedelta(hours=1)


@pytest.mark.parametrize(("risk", "allowed"), HOURS.items())
def test_the_product_says_how_long_a_review_may_take(risk, allowed):
    assert hours(due_within(make_job(), risk)) == allowed


@pytest.mark.parametrize("risk", HOURS)
def test_a_clinic_says_it_for_itself(risk):
    job = make_job()
    setattr(job.clinic, FIELDS[risk], 5)

    assert hours(due_within(job, risk)) == 5
    for other in HOURS:
        if FIELDS[other] != FIELDS[risk]:
            assert hours(due_within(job, other)) == HOURS[other]


@pytest.mark.parametrize(
    ("own", "allowed"),
    [
        ({}, 24),
        ({"refer_hours": 6}, 6),
        ({"on_track_hours": 10}, 10),
        ({"refer_hours": 400}, 336),
    ],
    ids=["usual", "clinic's refer", "clinic's risk is shorter", "never longer"],
)
def test_what_was_sent_as_urgent_takes_no_longer_than_a_refer(own, allowed):
    job = make_job()
    job.priority = "urgent"
    for name, value in own.items():
        setattr(job.clinic, name, value)

    assert hours(due_within(job, "on_track")) == allowed


@pytest.mark.parametrize("priority", ["high", "normal", "low"])
def test_no_other_priority_changes_it(priority):
    job = make_job()
    job.priority = priority

    assert hours(due_within(job, "monitor")) == HOURS["monitor"]


@pytest.mark.parametrize(
    ("answer", "risk"),
    [({"risk": "monitor"}, "monitor"), ({"risk": "nonsense"}, "unclassified")],
)
def test_a_draft_that_is_stored_is_due_by_its_clinics_hours(answer, risk, settings):
    settings.SECOND_READ_SHARE = 0.0
    job = claimed_job(age_months=20)
    job.clinic.monitor_hours, job.clinic.refer_hours = 30, 3
    job.clinic.save()
    job = Job.objects.select_related("clinic", "case").get(pk=job.pk)

    result = check_result(answer, case_id="case-1")
    settle([outcome(job, result=result, rules_risk="on_track")], worker="w1")

    review = Review.objects.get(job_id=job.pk)
    allowed = {"monitor": 30, "unclassified": 3}[risk]
    assert (review.risk, review.clinic_id) == (risk, job.clinic_id)
    assert hours(review.due_at - timezone.now()) == pytest.approx(allowed, abs=0.1)


# --- What a list knows ----------------------------------------------------------------


def facts(screened: datetime | None = None, **payload: Any) -> dict[str, Any]:
    """Return the facts of a job that came in at that moment."""
    job = make_job(**payload)
    job.created_at = screened or datetime(2026, 3, 2, 12, tzinfo=UTC)
    return facts_of(job)


def test_nothing_is_known_of_a_child_of_whom_nothing_was_said():
    assert facts() == {
        "age_months": None,
        "gestational_weeks": None,
        "has_lost_skill": False,
        "has_concern": False,
        "is_text_only": False,
    }


@pytest.mark.parametrize(
    ("flags", "known"),
    [
        ({"lost_skill": True}, (True, False)),
        ({"parent_concern": True}, (False, True)),
        ({"lost_skill": False, "parent_concern": False}, (False, False)),
    ],
)
def test_the_two_flags_are_known(flags, known):
    found = facts(flags=flags)

    assert (found["has_lost_skill"], found["has_concern"]) == known


@pytest.mark.parametrize(
    ("payload", "alone"),
    [
        ({"observations": "Says little."}, True),
        ({"observations": " \n "}, False),
        ({"observations": "x", "milestones": ANSWERS}, False),
        ({"milestones": ANSWERS}, False),
    ],
    ids=["words", "white space", "both", "answers"],
)
def test_free_text_alone_is_known_and_never_what_it_says(payload, alone):
    found = facts(**payload)

    assert found["is_text_only"] is alone
    assert "Says little." not in found.values()


@pytest.mark.parametrize(
    ("age", "months", "days"),
    [
        (7, None, 0),
        (8, 9, 122),
        (9, 9, 92),
        (11, 9, 31),
        (12, None, 0),
        (17, 18, 122),
        (25, 24, 61),
        (40, None, 0),
    ],
)
def test_the_window_that_is_open_is_known_with_the_day_after_it(age, months, days):
    found = facts(age_months=age)

    assert found.get("window_months") == months
    closes = date(2026, 3, 2) + timedelta(days=days) if months else None
    assert found.get("window_closes_on") == closes


def test_a_child_born_early_has_the_windows_of_its_corrected_age():
    # Born at 28 weeks, 84 days early: 11 months since birth are 8.24 corrected.
    early, at_term = (
        facts(age_months=11, gestational_weeks=weeks) for weeks in (28, 40)
    )

    assert early["gestational_weeks"] == 28
    assert (early["window_months"], at_term["window_months"]) == (9, 9)
    assert early["window_closes_on"] == date(2026, 3, 2) + timedelta(days=115)
    assert at_term["window_closes_on"] == date(2026, 3, 2) + timedelta(days=31)
    assert "window_months" not in facts(age_months=9, gestational_weeks=28)


def test_the_window_counts_from_the_day_on_which_the_child_was_screened(settings):
    settings.TIME_ZONE = "Pacific/Auckland"
    timezone.get_default_timezone.cache_clear()
    try:
        evening = datetime.fromisoformat("2026-03-02T20:00:00+00:00")  # the 3rd there
        found = facts(evening, age_months=9)
    finally:
        timezone.get_default_timezone.cache_clear()

    assert found["window_closes_on"] == date(2026, 3, 3) + timedelta(days=92)
