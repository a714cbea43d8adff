"""Single keys: each presses what is on the page, none in a field, none signs."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from pediscreen_site.demo.cases import answers, nth
from tests.browser.pages import LIST, PAGES
from tests.browser.people import PASSWORD
from tests.browser.steps import let_family_read, open_case, press, words_of

pytestmark = [pytest.mark.browser, pytest.mark.system]
ALL = "jkwcesfg/?"
WELL = {"age_months": 24, "milestones": answers(24)}
ONE_NOT_YET = {
    "age_months": 12,
    "milestones": answers(12, **{nth(12, "movement"): "not_yet"}),
}


def focused(window, selector):
    """Say which of these has the focus, or none: -1."""
    return window.page.evaluate(
        "(selector) => [...document.querySelectorAll(selector)].findIndex("
        "(each) => each === document.activeElement"
        " || each.contains(document.activeElement))",
        selector,
    )


def type_keys(window, *keys):
    for key in keys:
        window.page.keyboard.press(key)


def go_on(window, key):
    with window.page.expect_navigation():
        window.page.keyboard.press(key)


def has_list(window):
    return window.page.locator("#keys").evaluate("(dialog) => dialog.open")


@pytest.fixture
def worklist(desk, window):
    found = window(desk, "reviewer")
    found.open(LIST)
    return found


# --- On the list ----------------------------------------------------------------------


def test_j_and_k_step_through_the_cases_and_enter_opens_one(worklist):
    rows = "[data-row] .case-link"

    type_keys(worklist, "j")
    assert focused(worklist, rows) == 0
    type_keys(worklist, "j", "j", "k")
    assert focused(worklist, rows) == 1
    wanted = worklist.page.locator(rows).nth(1).get_attribute("href")
    go_on(worklist, "Enter")

    assert worklist.path == wanted


def test_a_slash_goes_to_the_search_and_there_letters_are_letters(worklist):
    type_keys(worklist, "/")
    assert focused(worklist, "#searchbar") == 0

    type_keys(worklist, *ALL)

    assert worklist.page.locator("#searchbar").input_value() == ALL
    assert worklist.path == LIST
    assert not has_list(worklist)


def test_w_leads_back_to_the_worklist(desk, window):
    reader = window(desk, "reviewer")
    reader.open("/admin/audit/audit/")

    go_on(reader, "w")

    assert reader.path == LIST


def test_a_question_mark_lists_the_keys_and_escape_closes_the_list(worklist):
    type_keys(worklist, "?")
    assert has_list(worklist)
    type_keys(worklist, "j")
    assert focused(worklist, "[data-row] .case-link") == -1

    type_keys(worklist, "Escape")

    assert not has_list(worklist)


def test_escape_closes_a_menu_and_the_focus_goes_back_to_it(worklist):
    menu = worklist.page.locator("#user-tools details")
    menu.locator("summary").click()
    type_keys(worklist, "Tab", "Escape")

    assert menu.get_attribute("open") is None
    assert focused(worklist, "#user-tools summary") == 0


def test_the_keys_can_be_switched_off_for_good_and_the_list_still_opens(worklist):
    type_keys(worklist, "?")
    worklist.page.get_by_label("Single-key shortcuts are on").uncheck()
    type_keys(worklist, "Escape")
    worklist.open(LIST)

    type_keys(worklist, *ALL.replace("?", ""))
    assert focused(worklist, "[data-row] .case-link, #searchbar") == -1
    type_keys(worklist, "?")
    assert has_list(worklist)
    worklist.page.get_by_label("Single-key shortcuts are on").check()
    type_keys(worklist, "Escape")
    expect(worklist.page.locator("dialog :focus")).to_have_count(0)
    type_keys(worklist, "j")

    assert focused(worklist, "[data-row] .case-link") == 0


def test_keys_with_control_or_alt_stay_the_browsers_own(worklist):
    type_keys(worklist, "Control+j", "Alt+j")

    assert focused(worklist, "[data-row] .case-link") == -1


# --- On a case ------------------------------------------------------------------------


def test_a_case_is_claimed_written_and_led_to_its_signature_by_keys(clinic, window):
    job_id = clinic.submit("MAP-1", **WELL)
    reader = window(clinic, "osei")
    reader.open(clinic.page_of(job_id))

    type_keys(reader, "j")
    assert focused(reader, "[data-part]") == 0
    type_keys(reader, "j", "k")
    assert focused(reader, "[data-part]") == 0
    go_on(reader, "c")
    assert "You have this" in words_of(reader)
    type_keys(reader, "e")
    assert focused(reader, "[data-key=edit]") == 0
    type_keys(reader, "Escape")
    reader.page.get_by_label("Summary").fill("Plays, runs and talks.")
    reader.page.get_by_label("Summary").blur()
    go_on(reader, "s")
    assert "Saved: version" in words_of(reader)
    type_keys(reader, "f")
    assert reader.page.url.split("#")[1]
    let_family_read(reader)
    go_on(reader, "g")

    assert reader.path == clinic.page_of(job_id, "sign-off")


def test_letters_in_a_report_are_letters(clinic, window):
    clinic.submit("MAP-2", **ONE_NOT_YET)
    reader = window(clinic, "osei")
    open_case(reader, "MAP-2")
    summary = reader.page.get_by_label("Summary")
    summary.fill("")
    path = reader.path

    summary.press_sequentially(ALL)

    assert summary.input_value() == ALL
    assert reader.path == path


def test_no_key_signs(clinic, window):
    job_id = clinic.submit("MAP-3", **WELL)
    reader = window(clinic, "osei")
    open_case(reader, "MAP-3")
    let_family_read(reader)
    press(reader, "Sign off…")

    for key in ALL:
        reader.open(clinic.page_of(job_id, "sign-off"))
        reader.page.get_by_label("Your password").fill(PASSWORD)
        reader.page.get_by_label("Your password").blur()
        type_keys(reader, key)
        reader.page.wait_for_load_state()

    [(signed_at,)] = clinic.stack.rows(
        "SELECT signed_off_at FROM screening_review"
        f" WHERE id = {clinic.review_of(job_id)}"
    )
    assert signed_at is None


def test_no_key_sends_a_second_read(desk, window):
    page = PAGES["review-second-read"]
    reader = window(desk, page.who)
    address = page.address(desk.stack)

    for key in ALL:
        reader.open(address)
        reader.page.get_by_role("radio", name="Monitor").check()
        reader.page.get_by_label("Why").fill("As it was reported.")
        reader.page.get_by_label("Why").blur()
        type_keys(reader, key)
        reader.page.wait_for_load_state()

    assert desk.stack.rows("SELECT count(*) FROM screening_secondread") == [(0,)]
