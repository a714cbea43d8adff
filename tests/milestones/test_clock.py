"""Due times, the words for them, and the windows of the screening schedule."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milestones.ages import DAYS_PER_MONTH, corrected_months
from milestones.clock import (
    DUE,
    WINDOWS,
    Window,
    closing_soon,
    days_left,
    due_at,
    due_words,
    group_of,
    next_window,
    share_used,
    span,
)

NOW = datetime(2026, 11, 24, 10, 15, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")

moments = st.builds(
    lambda ahead, zone: (NOW + ahead).astimezone(zone),
    st.timedeltas(timedelta(days=-4000), timedelta(days=4000)),
    st.timezones(),
)
spans = st.timedeltas(timedelta(days=-40), timedelta(days=400))
risks = st.sampled_from(sorted(DUE))
ages = st.floats(0, 80)
done_sets = st.sets(st.sampled_from([(w.months, w.kind) for w in WINDOWS]))


def hours(n):
    return timedelta(hours=n)


# --- Until the signature ---


@pytest.mark.parametrize(
    ("risk", "allowed"),
    [
        ("refer", hours(24)),
        ("discuss", timedelta(days=3)),
        ("unclassified", timedelta(hours=24)),
        ("monitor", timedelta(days=7)),
        ("on_track", timedelta(days=14)),
    ],
)
def test_each_risk_has_its_time(risk, allowed):
    assert due_at(risk, NOW) == NOW + allowed


@pytest.mark.parametrize("risk", DUE)
def test_what_is_urgent_is_due_like_a_referral(risk):
    assert due_at(risk, NOW, urgent=True) == NOW + hours(24)


def test_a_clinic_has_its_own_times():
    rules = {"refer": hours(48), "monitor": hours(6)}

    assert due_at("refer", NOW, rules=rules) == NOW + hours(48)
    assert due_at("monitor", NOW, urgent=True, rules=rules) == NOW + hours(6)


def test_a_time_below_nothing_is_nothing():
    assert due_at("refer", NOW, rules={"refer": hours(-5)}) == NOW


def test_an_unknown_risk_has_no_time():
    with pytest.raises(KeyError):
        due_at("fine", NOW)


def test_the_defaults_cannot_be_changed_by_accident():
    with pytest.raises(TypeError):
        DUE["refer"] = hours(1)


def test_24_hours_are_24_hours_when_the_clocks_go_back():
    created = datetime(2026, 10, 31, 12, tzinfo=NEW_YORK)

    due = due_at("refer", created)

    assert due == datetime(2026, 11, 1, 11, tzinfo=NEW_YORK)
    assert share_used(created, due, due) == 1
    noon = datetime(2026, 11, 1, 12, tzinfo=NEW_YORK)
    assert due_words(created, noon) == "over by 1 d 1 h"
    assert share_used(created, noon, due) == pytest.approx(24 / 25)


@pytest.mark.parametrize(
    "call", [lambda t: due_at("refer", t), lambda t: group_of(t, NOW)]
)
def test_a_moment_without_a_zone_is_refused(call):
    with pytest.raises(ValueError, match="time zone"):
        call(datetime(2026, 11, 24))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("passed", "share"), [(-1, 0), (0, 0), (6, 0.25), (24, 1), (36, 1.5)]
)
def test_the_share_used_grows_past_one(passed, share):
    assert share_used(NOW, NOW + hours(24), NOW + hours(passed)) == share


def test_where_no_time_was_given_all_is_used():
    assert share_used(NOW, NOW, NOW) == 1
    assert share_used(NOW, NOW - hours(1), NOW - hours(2)) == 1


@pytest.mark.parametrize(
    ("left", "group"),
    [
        (timedelta(days=-3), "overdue"),
        (timedelta(0), "overdue"),
        (timedelta(microseconds=1), "day"),
        (hours(24), "day"),
        (hours(24) + timedelta(microseconds=1), "week"),
        (timedelta(days=7), "week"),
        (timedelta(days=7, microseconds=1), "later"),
    ],
)
def test_the_worklist_has_four_groups(left, group):
    assert group_of(NOW + left, NOW) == group


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(0), "0 min"),
        (timedelta(seconds=59.9), "0 min"),
        (timedelta(minutes=23), "23 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (hours(1), "1 h 00 min"),
        (timedelta(hours=6, minutes=5), "6 h 05 min"),
        (timedelta(hours=23, minutes=59, seconds=59), "23 h 59 min"),
        (hours(24), "1 d 0 h"),
        (hours(41), "1 d 17 h"),
        (timedelta(days=6, hours=23, minutes=59), "6 d 23 h"),
        (timedelta(days=7), "7 days"),
        (timedelta(days=13, hours=23), "13 days"),
        (timedelta(hours=-3), "0 min"),
    ],
)
def test_a_span_is_said_in_the_words_of_the_desk(length, words):
    assert span(length) == words


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(hours=6, minutes=5), "in 6 h 05 min"),
        (-timedelta(hours=2, minutes=35), "over by 2 h 35 min"),
        (timedelta(seconds=30), "in 0 min"),
        (timedelta(0), "over by 0 min"),
        (-timedelta(seconds=90), "over by 1 min"),
    ],
)
def test_due_is_said_with_its_direction(left, words):
    assert due_words(NOW + left, NOW) == words


def least(words):
    """Return the fewest minutes that are said in these words."""
    size = {"min": 1, "h": 60, "d": 1440, "days": 1440}
    parts = re.findall(r"(\d+) (min|h|days|d)\b", words)
    assert " ".join(f"{n} {unit}" for n, unit in parts) == words
    return sum(int(n) * size[unit] for n, unit in parts)


@given(spans, spans)
def test_a_longer_span_is_never_said_to_be_shorter(one, other):
    shorter, longer = sorted([one, other])

    assert least(span(shorter)) <= least(span(longer))


@given(st.timedeltas(timedelta(0), timedelta(days=400)))
def test_a_span_is_never_rounded_up(length):
    assert timedelta(minutes=least(span(length))) <= length


@given(risks, moments, st.booleans())
def test_due_is_never_before_the_start_nor_later_for_urgency(risk, created, urgent):
    due = due_at(risk, created, urgent=urgent)

    assert created <= due <= due_at(risk, created)
    assert due - created.astimezone(UTC) <= DUE[risk]


@given(moments, st.timedeltas(timedelta(0), timedelta(days=30)), moments)
def test_group_words_and_share_agree(created, allowed, now):
    due = created.astimezone(UTC) + allowed
    is_over = group_of(due, now) == "overdue"

    assert due_words(due, now).startswith("over by") == is_over
    if allowed:
        assert (share_used(created, due, now) >= 1) == is_over


@given(moments, spans, spans)
def test_the_groups_come_in_the_order_of_the_due_times(now, one, other):
    order = ["overdue", "day", "week", "later"]
    first, second = sorted(now.astimezone(UTC) + length for length in (one, other))

    assert order.index(group_of(first, now)) <= order.index(group_of(second, now))


# --- Until a screening ---


def named(window):
    return window and (window.months, window.kind)


def test_the_schedule_is_that_of_the_academy():
    assert [named(window) for window in WINDOWS] == [
        (9, "developmental"),
        (18, "developmental"),
        (18, "autism"),
        (24, "autism"),
        (30, "developmental"),
    ]


def test_a_window_opens_a_month_before_and_closes_three_after():
    assert [(w.opens_months, w.closes_months) for w in WINDOWS] == [
        (8, 12),
        (17, 21),
        (17, 21),
        (23, 27),
        (29, 33),
    ]


def test_the_autism_windows_are_within_the_ages_of_the_instrument():
    for window in WINDOWS:
        if window.kind == "autism":
            assert 16 <= window.opens_months < window.closes_months <= 30


@pytest.mark.parametrize(
    ("age", "done", "expected"),
    [
        (0, (), (9, "developmental")),
        (11.99, (), (9, "developmental")),
        (12, (), (18, "developmental")),
        (9, {(9, "developmental")}, (18, "developmental")),
        (18, {(18, "developmental")}, (18, "autism")),
        (18, {(18, "autism")}, (18, "developmental")),
        (18, [(18, "autism"), (18, "developmental")], (24, "autism")),
        (21, (), (24, "autism")),
        (24, {(24, "autism")}, (30, "developmental")),
        (24, {(24, "developmental")}, (24, "autism")),
        (32.9, (), (30, "developmental")),
        (33, (), None),
        (30, {(30, "developmental")}, None),
        (70, (), None),
    ],
)
def test_the_next_window_is_the_first_that_is_not_over(age, done, expected):
    assert named(next_window(age, done)) == expected


def test_a_child_born_at_29_weeks_is_screened_at_the_corrected_age():
    age = corrected_months(20, 29)

    window = next_window(age)

    assert named(window) == (18, "developmental")
    assert days_left(window, age) == 108
    assert days_left(window, 20) == 31


EIGHTEEN = WINDOWS[1]


@pytest.mark.parametrize(
    ("days", "left", "soon"),
    [(15, 15, False), (14, 14, True), (9, 9, True), (0.5, 1, True), (0, 0, False)],
)
def test_it_says_how_many_days_are_left(days, left, soon):
    age = 21 - days / DAYS_PER_MONTH

    assert days_left(EIGHTEEN, age) == left
    assert closing_soon(EIGHTEEN, age) is soon


def test_once_closed_no_days_are_left():
    assert days_left(EIGHTEEN, 25) == 0
    assert not closing_soon(EIGHTEEN, 25)


def test_a_window_that_is_not_open_yet_does_not_close_soon():
    assert not closing_soon(EIGHTEEN, 16.9, days=1000)
    assert closing_soon(EIGHTEEN, 17, days=1000)


@given(ages, done_sets)
def test_the_next_window_is_neither_over_nor_done(age, done):
    window = next_window(age, done)

    if window:
        assert isinstance(window, Window)
        assert age < window.closes_months
        assert named(window) not in done
        assert days_left(window, age) >= 0


@given(ages, ages, done_sets)
def test_windows_come_in_order_as_a_child_grows(one, other, done):
    at = [next_window(age, done) for age in sorted([one, other])]
    places = [WINDOWS.index(window) if window else len(WINDOWS) for window in at]

    assert places == sorted(places)


@given(ages, ages, st.sampled_from(WINDOWS))
def test_days_left_only_go_down(one, other, window):
    younger, older = sorted([one, other])

    assert days_left(window, younger) >= days_left(window, older)


@given(ages, done_sets, st.integers(0, 60))
def test_what_closes_soon_is_open(age, done, days):
    window = next_window(age, done)

    if window and closing_soon(window, age, days):
        assert window.is_open(age)
        assert 0 <= days_left(window, age) <= days
