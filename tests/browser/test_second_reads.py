"""A second read is blind: searched for byte by byte, and then ended in the open."""

from __future__ import annotations

import pytest

from pediscreen_site.demo.cases import answers
from tests.browser.pages import LIST
from tests.browser.steps import (
    choose_risk,
    give_reason,
    let_family_read,
    open_case,
    press,
    row_of,
    sign,
    words_of,
)

pytestmark = [pytest.mark.browser, pytest.mark.system]
LOST = {
    "age_months": 18,
    "milestones": answers(18),
    "flags": {"lost_skill": True},
    "observations": "Hums to the cat.",
}
REASON = "Was ill with a fever that week."
NOTE = "A note for whoever comes next."
SUMMARY = "Said no words while ill."
HIDDEN = [
    *("a skill has been lost", "arrange a medical review soon", "take a closer look"),
    *("rules-cdc2022", "cdc2022-", "The reference rules say"),
    *(REASON, NOTE, SUMMARY, "Osei", "osei", "lowered", "Caregiver's concern"),
]
"""The draft, who and what made it, the first reader, and all that one of them wrote."""


@pytest.fixture
def lowered(clinic, window, request):
    """A refer that the first reader has lowered: a second reader is needed."""
    case_id = f"READ-{request.node.name[-20:]}"
    job_id = clinic.submit(case_id, **LOST)
    first = window(clinic, "osei")
    open_case(first, case_id)
    choose_risk(first, "Monitor")
    give_reason(first, "Caregiver's concern", REASON)
    first.page.get_by_label("Summary").fill(SUMMARY)
    first.page.get_by_label("Note for colleagues").fill(NOTE)
    let_family_read(first)
    press(first, "Save")
    return case_id, job_id, first


def risks_outside_the_choice(window):
    """Return the words of risks on the page, but for those of the four buttons."""
    return window.page.evaluate(
        """() => {
          const page = document.body.cloneNode(true);
          page.querySelectorAll('.risk-option').forEach((each) => each.remove());
          const words = page.textContent.match(
            /\\b(refer|discuss|monitor|on track|on_track)\\b/gi) || [];
          const marks = [...page.querySelectorAll('[class*=risk-], use')]
            .map((each) => each.getAttribute('href') || String(each.className))
            .filter((each) => /(refer|discuss|monitor|on_track)/.test(each));
          return [...words, ...marks];
        }"""
    )


def test_a_second_reader_sees_what_was_reported_and_nothing_made_of_it(
    clinic, window, lowered
):
    case_id, job_id, _ = lowered
    second = window(clinic, "lind")

    second.open(LIST)
    row = second.page.locator("tr, [data-row]").filter(has_text=case_id)
    assert "Hidden" in row.inner_text()
    assert "Refer" not in row.inner_text()
    assert "Monitor" not in row.inner_text()
    row_of(second, case_id).click()
    second.page.wait_for_load_state()

    assert second.path == clinic.page_of(job_id, "second-read")
    assert "Hums to the cat." in words_of(second)
    sent = second.source()
    assert [words for words in HIDDEN if words in sent] == []
    assert risks_outside_the_choice(second) == []
    assert f"/admin/screening/job/{job_id}" not in sent
    assert "/admin/audit/" not in sent


@pytest.mark.parametrize("step", ["change", "sign-off"])
def test_no_other_page_of_the_case_tells_a_second_reader_more(
    clinic, window, lowered, step
):
    _, job_id, _ = lowered
    second = window(clinic, "lind")

    second.open(clinic.page_of(job_id, step))

    assert second.path == clinic.page_of(job_id, "second-read")
    assert [words for words in HIDDEN if words in second.source()] == []


def test_two_readers_who_agree_let_the_first_one_sign(clinic, window, lowered):
    case_id, job_id, first = lowered
    second = window(clinic, "lind")
    second.open(clinic.page_of(job_id, "second-read"))
    assert "Wait for the second reader" in words_of(first)

    choose_risk(second, "Monitor")
    second.page.get_by_label("Why").fill("Spoke again by the weekend.")
    press(second, "Send my view")
    assert SUMMARY in second.source()

    open_case(first, case_id)
    assert "Spoke again by the weekend." in words_of(first)
    press(first, "Sign off…")
    sign(first, "Monitor")
    assert "Signed with a different risk by Osei" in words_of(first)


def test_two_readers_who_differ_leave_it_to_a_third(clinic, window, lowered):
    case_id, job_id, first = lowered
    second = window(clinic, "lind")
    second.open(clinic.page_of(job_id, "second-read"))

    choose_risk(second, "Refer")
    second.page.get_by_label("Why").fill("A lost skill is a lost skill.")
    press(second, "Send my view")
    open_case(first, case_id)

    assert "The two readers differ." in words_of(first)
    press(first, "Sign off…")
    assert first.page.get_by_label("Your password").count() == 0
