"""The way of a case: over HTTP to a draft, at the desk to a signature, and out."""

from __future__ import annotations

import pytest

from pediscreen_site.demo.cases import answers, nth
from tests.browser.pages import LIST
from tests.browser.people import PASSWORD
from tests.browser.steps import (
    choose_risk,
    give_reason,
    let_family_read,
    log_in_by_form,
    open_case,
    press,
    report_of,
    row_of,
    sign,
    words_of,
)

pytestmark = [pytest.mark.browser, pytest.mark.system]
ONE_NOT_YET = {
    "age_months": 12,
    "milestones": answers(12, **{nth(12, "movement"): "not_yet"}),
    "observations": "Sits on the rug and hums to the cat.",
}
COUNT_CLICKS = """
document.addEventListener('click', (event) => {
  // A browser clicks by itself when Enter sends a form, and a label clicks its box.
  if (event.isTrusted && event.detail > 0) {
    sessionStorage.clicks = Number(sessionStorage.clicks || 0) + 1;
  }
}, true);
"""
WELL = {"age_months": 24, "milestones": answers(24)}


def test_a_case_goes_from_the_api_over_the_desk_to_a_released_report(clinic, window):
    clinic.submit("WALK-1", **ONE_NOT_YET)
    assert report_of(clinic, "WALK-1").status_code == 404
    reader = window(clinic)
    log_in_by_form(reader, "osei")

    open_case(reader, "WALK-1")
    page = reader.page
    assert "hums to the cat" in words_of(reader)
    assert "one item is not yet met" in words_of(reader)
    choose_risk(reader, "Refer")
    give_reason(reader, "Finding not in the draft", "Does not turn to a voice.")
    page.get_by_label("Summary").fill("Does not turn to a voice in the room.")
    let_family_read(reader)
    press(reader, "Save")
    assert "Saved: version" in page.inner_text("ul.messagelist")

    press(reader, "Sign off…")
    said = "I changed the risk from Discuss to Refer and 1 other field."
    assert said in words_of(reader)
    sign(reader, "Refer")
    assert "Signed with a different risk by Osei" in words_of(reader)
    press(reader, "Release the report")

    assert "Released" in words_of(reader)
    report = report_of(clinic, "WALK-1").json()
    assert report["risk"] == "refer"
    assert report["summary"] == ["Does not turn to a voice in the room."]
    assert report["outcome"] == "overrode"
    assert said in report["meaning"]
    assert report["signed_by"] == "Osei"
    assert report["released_at"]
    assert report["is_whole"] is True


def test_a_wrong_password_signs_nothing(clinic, window):
    job_id = clinic.submit("WALK-2", **WELL)
    reader = window(clinic, "osei")
    open_case(reader, "WALK-2")
    let_family_read(reader)
    press(reader, "Sign off…")

    sign(reader, "On track", password="not-this-one")

    assert "Nothing was signed. " in words_of(reader)
    assert "password is not right" in words_of(reader)
    assert report_of(clinic, "WALK-2").status_code == 404
    sign(reader, "On track")
    assert "Signed as drafted by Osei" in words_of(reader)
    assert reader.path == clinic.page_of(job_id)


def test_a_page_that_was_changed_meanwhile_is_not_signed(clinic, window):
    clinic.submit("WALK-3", **WELL)
    one, other = window(clinic, "osei"), window(clinic, "osei")
    open_case(one, "WALK-3")
    let_family_read(one)
    press(one, "Sign off…")

    open_case(other, "WALK-3")
    other.page.get_by_label("Summary").fill("Plays, runs and talks.")
    press(other, "Save")
    sign(one, "On track")

    assert "Nothing was signed." in words_of(one)
    assert one.page.get_by_role("button", name="Sign off as On track").count() == 0
    one.page.get_by_role("link", name="Open the new version").click()
    one.page.wait_for_load_state()
    assert one.page.get_by_label("Summary").input_value() == "Plays, runs and talks."
    assert report_of(clinic, "WALK-3").status_code == 404


def test_what_was_typed_on_an_old_page_stays_beside_what_is_stored(clinic, window):
    clinic.submit("WALK-4", **WELL)
    one, other = window(clinic, "osei"), window(clinic, "osei")
    open_case(one, "WALK-4")
    open_case(other, "WALK-4")
    other.page.get_by_label("Summary").fill("Stored first.")
    press(other, "Save")

    one.page.get_by_label("Summary").fill("Typed at the same time.")
    press(one, "Save")

    assert "Nothing of yours was stored." in words_of(one)
    assert one.page.get_by_label("Summary").input_value() == "Typed at the same time."
    assert "Stored first." in words_of(one)


@pytest.mark.parametrize("step", ["change", "sign-off", "second-read"])
def test_a_person_of_another_clinic_learns_nothing(clinic, window, step):
    case_id = f"WALK-5-{step}"
    job_id = clinic.submit(case_id, **ONE_NOT_YET)
    stranger = window(clinic, "stranger")

    stranger.open(LIST)
    assert row_of(stranger, case_id).count() == 0
    assert case_id not in stranger.source()
    stranger.open(clinic.page_of(job_id, step))

    assert stranger.path == "/admin/"
    for words in (case_id, "hums to the cat", "not yet met"):
        assert words not in stranger.source()


def test_nobody_who_has_not_logged_in_sees_a_case(clinic, window):
    job_id = clinic.submit("WALK-6", **ONE_NOT_YET)
    nobody = window(clinic)

    nobody.open(clinic.page_of(job_id))

    assert nobody.path == "/admin/login/"
    assert "hums to the cat" not in nobody.source()
    assert "WALK-6" not in nobody.source()


def test_an_unremarkable_case_takes_three_clicks_and_a_password(clinic, window):
    clinic.submit("WALK-7", **WELL)
    reader = window(clinic, "osei")
    reader.context.add_init_script(COUNT_CLICKS)
    reader.open(LIST)
    page = reader.page

    row_of(reader, "WALK-7").click()
    page.wait_for_load_state()
    let_family_read(reader)
    press(reader, "Sign off…")
    page.get_by_label("Your password").fill(PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")

    assert "Signed as drafted by Osei" in words_of(reader)
    assert page.evaluate("sessionStorage.clicks") == "3"
