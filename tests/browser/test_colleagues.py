"""What goes on around a report: handed over, asked for again, screened before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pediscreen_site.demo.cases import answers, nth
from tests.browser.checks import findings
from tests.browser.steps import (
    choose_more,
    let_family_read,
    open_case,
    press,
    sign,
    words_of,
)

pytestmark = [pytest.mark.browser, pytest.mark.system]
LOOKS = [(1440, False), (1440, True), (320, False)]
WELL = {"age_months": 24, "milestones": answers(24)}
AT_18 = {
    "age_months": 18,
    "milestones": answers(18, **{nth(18, "language"): "not_yet"}),
}


def test_a_case_is_handed_over_with_what_was_written(clinic, window):
    clinic.submit("TEAM-1", **WELL)
    first, second = window(clinic, "osei"), window(clinic, "lind")
    open_case(first, "TEAM-1")
    press(first, "Claim")
    first.page.get_by_label("Summary").fill("Written before the hand-over.")

    choose_more(first, "Hand over to a colleague")
    assert not (wrong := findings(first, LOOKS)), wrong
    first.page.get_by_label("Colleague").select_option(label="Lind")
    press(first, "Hand over")

    open_case(second, "TEAM-1")
    summary = second.page.get_by_label("Summary")
    assert summary.input_value() == "Written before the hand-over."
    let_family_read(second)
    press(second, "Sign off…")
    sign(second, "On track")
    assert "Signed by Lind" in words_of(second)


def test_a_case_of_a_colleague_can_be_read_and_not_changed(clinic, window):
    clinic.submit("TEAM-2", **WELL)
    first, second = window(clinic, "osei"), window(clinic, "lind")
    open_case(first, "TEAM-2")
    press(first, "Claim")

    second.open(first.path)

    assert "Osei has this" in words_of(second)
    assert second.page.locator("[name=_save], [name=_sign_off]").count() == 0


def test_a_new_screening_is_asked_for_and_stands_on_the_case(clinic, window):
    clinic.submit("TEAM-3", **WELL)
    reader = window(clinic, "osei")
    open_case(reader, "TEAM-3")

    choose_more(reader, "Ask for a new screening")
    assert not (wrong := findings(reader, LOOKS)), wrong
    day = (datetime.now(tz=UTC) + timedelta(days=60)).date()
    reader.page.get_by_label("By when").fill(day.isoformat())
    press(reader, "Ask for it")

    assert "A new screening is asked for." in words_of(reader)
    assert f"{day.day} {day:%b}" in words_of(reader)


def test_an_earlier_signed_screening_stands_behind_the_next_one(clinic, window):
    reader = window(clinic, "osei")
    clinic.submit("TEAM-4", **AT_18)
    open_case(reader, "TEAM-4")
    assert "No signed screening of this case before this one." in words_of(reader)
    let_family_read(reader)
    press(reader, "Sign off…")
    sign(reader, "Discuss")

    clinic.submit("TEAM-4", **WELL)
    open_case(reader, "TEAM-4")

    assert "No signed screening of this case before" not in words_of(reader)
    assert reader.page.get_by_role("table", name="Items answered yes").count() == 1
    assert not (wrong := findings(reader, LOOKS)), wrong
