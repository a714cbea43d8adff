"""A second read is blind: searched for byte by byte, and then ended in the open."""

from __future__ import annotations

import pytest

from tests.browser.lowered import HIDDEN, SUMMARY, lower_refer, read_second
from tests.browser.pages import LIST
from tests.browser.steps import open_case, press, row_of, sign, words_of

pytestmark = [pytest.mark.browser, pytest.mark.system]


@pytest.fixture
def lowered(clinic, window, request):
    """A refer that the first reader has lowered: a second reader is needed."""
    case_id = f"READ-{request.node.name[-20:]}"
    first = window(clinic, "osei")
    job_id = lower_refer(clinic, first, case_id)
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
    assert "Wait for the second reader" in words_of(first)

    read_second(clinic, second, job_id, "Monitor", "Spoke again by the weekend.")
    assert SUMMARY in second.source()

    open_case(first, case_id)
    assert "Spoke again by the weekend." in words_of(first)
    press(first, "Sign off…")
    sign(first, "Monitor")
    assert "Signed with a different risk by Osei" in words_of(first)


def test_two_readers_who_differ_leave_it_to_a_third(clinic, window, lowered):
    case_id, job_id, first = lowered
    second = window(clinic, "lind")

    read_second(clinic, second, job_id, "Refer", "A lost skill is a lost skill.")
    open_case(first, case_id)

    assert "The two readers differ." in words_of(first)
    press(first, "Sign off…")
    assert first.page.get_by_label("Your password").count() == 0
