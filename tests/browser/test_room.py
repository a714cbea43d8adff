"""Room: a case takes three screens, and can be read enlarged and on a tablet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.checks import findings
from tests.browser.chromium import WIDTHS
from tests.browser.desk import Desk, desk_of_guide, run_script
from tests.browser.drawn import DRAWN
from tests.browser.pages import PAGES

pytestmark = [pytest.mark.browser, pytest.mark.system]
WIDE, ENLARGED, TABLET = 1440, 720, 768
"""The second is the first at 200%."""
SCREENS = 3
MOST_STUCK = 0.2
HEIGHT = "document.documentElement.scrollHeight"
DRAW = """
from django.contrib.auth.models import User
from tests.browser.drawn import draw
draw(User.objects.get(username="reviewer"))
"""
STUCK = """() => [...document.querySelectorAll('body *')]
  .filter((each) => ['sticky', 'fixed'].includes(getComputedStyle(each).position))
  .filter((each) => each.checkVisibility())
  .reduce((sum, each) => sum + each.getBoundingClientRect().height, 0) / innerHeight"""


@pytest.fixture(scope="module")
def good_day() -> Iterator[Desk]:
    """The desk as the guide shows it: work goes on, and nothing warns of anything."""
    with desk_of_guide() as found:
        run_script(found.stack, DRAW)
        yield found


@pytest.fixture
def opened(good_day, window, request):
    """A page of that desk, as its clinician sees it."""
    reader = window(good_day, "reviewer")
    assert reader.open(PAGES[request.param].address(good_day.stack)) == 200
    return reader


@pytest.mark.parametrize("opened", ["review", "review-flags"], indirect=True)
def test_a_case_is_read_and_written_in_three_screens(opened):
    assert opened.page.evaluate(HEIGHT) <= SCREENS * WIDTHS[WIDE]


def test_the_case_of_the_design_is_too(good_day, window):
    reader = window(good_day, "reviewer")
    assert reader.open("/admin/?view=mine") == 200
    reader.page.click(f".case-link:text-is('{DRAWN}')")

    assert reader.page.text_content("h1") == DRAWN
    assert reader.page.text_content(".todo")
    assert reader.page.evaluate(HEIGHT) <= SCREENS * WIDTHS[WIDE]


@pytest.mark.parametrize(
    "opened",
    ["worklist", "review", "review-flags", "review-second-read", "review-sign-off"],
    indirect=True,
)
@pytest.mark.parametrize("width", [ENLARGED, TABLET])
def test_a_case_is_readable_at_twice_the_size_and_on_a_tablet(opened, width):
    found = findings(opened, [(width, False)])

    assert not found, "\n".join(found)
    assert opened.page.evaluate(STUCK) <= MOST_STUCK


CUT = """() => [document.scrollingElement, document.querySelector('.results'),
    ...document.querySelectorAll('#result_list tr[data-row] > *')]
  .filter((each) => each.scrollWidth > each.clientWidth + 1)
  .map((each) => each.className || each.tagName)"""

WIDEST = """() => {
  const texts = document.createTreeWalker(
    document.querySelector('#result_list'), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode;
    const at = text.parentElement.closest('.field-waiting') ? /today|yesterday/ : /^$/;
    text.data = text.data
      .replace(at, 'Wed 28 Nov,')
      .replace(/\\w{3} \\d+ \\w{3}, \\d\\d:\\d\\d/, 'Wed 28 Nov, 20:48')
      .replace(/(in|over by) \\d+ h.*/, 'over by 22 h 48 min');
  }
}"""
"""Moments as wide as they come: what is shown of one differs from day to day."""


@pytest.mark.parametrize("opened", ["worklist"], indirect=True)
def test_nothing_of_the_worklist_is_cut_off_or_lies_over_another(opened):
    opened.page.evaluate(WIDEST)
    for width in (1440, 1280, 1279, 1265, 1264, 1030, 701, 700, 521):
        opened.page.set_viewport_size({"width": width, "height": 900})

        assert opened.page.evaluate(CUT) == [], width
    assert opened.page.get_by_text("Wed 28 Nov, 20:48").count() > 5
