"""What a clinician does at the desk, by its visible words, one step each."""

from __future__ import annotations

import re

import requests
from playwright.sync_api import Locator

from tests.browser.chromium import Window
from tests.browser.desk import Clinic
from tests.browser.pages import LIST
from tests.browser.people import PASSWORD


def log_in_by_form(window: Window, name: str, password: str = PASSWORD) -> None:
    """Come in as everybody does."""
    window.open("/admin/")
    window.page.get_by_label(re.compile("^User ?name")).fill(name)
    window.page.get_by_label(re.compile("^Password")).fill(password)
    press(window, "Log in")


def open_case(window: Window, case_id: str) -> None:
    """Go from the list to a case, as the list shows it."""
    window.open(LIST)
    row_of(window, case_id).click()
    window.page.wait_for_load_state()


def row_of(window: Window, case_id: str) -> Locator:
    """Find the link of a case in the list."""
    return window.page.get_by_role("link", name=case_id, exact=True)


def press(window: Window, words: str) -> None:
    """Press the button with these words, and wait for the page that it leads to."""
    with window.page.expect_navigation():
        window.page.get_by_role("button", name=words, exact=True).click()


def choose_more(window: Window, words: str) -> None:
    """Press what stands in the menu beside the buttons."""
    window.page.locator(".desk-actions summary").click()
    press(window, words)


def choose_risk(window: Window, risk: str) -> None:
    """Choose the risk that is to be signed."""
    window.page.get_by_role("radio", name=risk, exact=True).check()


def give_reason(window: Window, reason: str, words: str) -> None:
    """Say why the risk is another than the draft's."""
    window.page.get_by_label("Reason for changing the risk").select_option(label=reason)
    window.page.get_by_label("In your words").fill(words)


def let_family_read(window: Window) -> None:
    """Approve the text for the family."""
    window.page.get_by_label("The family may read this text").check()


def sign(window: Window, risk: str, *, password: str = PASSWORD) -> None:
    """Give the password and sign."""
    window.page.get_by_label("Your password").fill(password)
    press(window, f"Sign off as {risk}")


def words_of(window: Window) -> str:
    """Return what stands on the page, in one line."""
    return " ".join(window.page.locator("main, #content").first.inner_text().split())


def report_of(clinic: Clinic, case_id: str) -> requests.Response:
    """Ask for the released report of a case, as another system does."""
    return clinic.stack.session.get(
        f"{clinic.stack.url}/api/cases/{case_id}/report", timeout=10
    )
