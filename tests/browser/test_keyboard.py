"""The desk without a mouse."""

from __future__ import annotations

import pytest

from pediscreen_site.demo.cases import answers
from tests.browser.pages import LIST, PAGES
from tests.browser.people import PASSWORD
from tests.browser.steps import words_of

pytestmark = [pytest.mark.browser, pytest.mark.system]
WELL = {"age_months": 24, "milestones": answers(24)}
MOST_TABS = 150
CALLED = """() => {
  const at = document.activeElement;
  const label = at.labels && at.labels[0];
  return (label ? label.innerText : at.innerText || at.value || '').trim();
}"""
WHERE = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const rings = [at, ...(at.labels || [])].map((each) => getComputedStyle(each));
  const box = at.getBoundingClientRect();
  const x = (Math.max(box.left, 0) + Math.min(box.right, innerWidth)) / 2;
  const y = (Math.max(box.top, 0) + Math.min(box.bottom, innerHeight)) / 2;
  const top = document.elementFromPoint(x, y);
  const isOnTop = top !== null
    && (at.contains(top) || top.contains(at) || at.labels?.[0]?.contains(top));
  return {
    name: at.innerText || at.name,
    isSeen: isOnTop && rings.some(
      (ring) => ring.outlineStyle !== 'none' && parseFloat(ring.outlineWidth) >= 2),
  };
}"""


def tab_to(window, name):
    """Press Tab until what has the focus is called so."""
    for _ in range(MOST_TABS):
        window.page.keyboard.press("Tab")
        found = window.page.evaluate(CALLED)
        if found == name:
            return
    raise AssertionError(f"{name} was not reached in {MOST_TABS} steps")


def go_on(window, key):
    with window.page.expect_navigation():
        window.page.keyboard.press(key)


def test_an_unremarkable_case_is_opened_and_signed_with_the_keyboard_alone(
    clinic, window
):
    clinic.submit("KEYS-1", **WELL)
    reader = window(clinic, "osei")
    reader.open(LIST)

    tab_to(reader, "KEYS-1")
    go_on(reader, "Enter")
    tab_to(reader, "The family may read this text")
    reader.page.keyboard.press("Space")
    tab_to(reader, "Sign off…")
    go_on(reader, "Enter")
    tab_to(reader, "Your password")
    reader.page.keyboard.type(PASSWORD)
    tab_to(reader, "Sign off as On track")
    go_on(reader, "Space")

    assert "Signed as drafted by Osei" in words_of(reader)


@pytest.mark.parametrize("name", ["worklist", "review", "review-sign-off", "work"])
@pytest.mark.parametrize("width", [1440, 320])
def test_whoever_tabs_sees_where_they_are_and_nothing_covers_it(
    desk, window, name, width
):
    page = PAGES[name]
    reader = window(desk, page.who, width=width)
    reader.open(page.address(desk.stack))
    hidden = []

    for _ in range(MOST_TABS):
        reader.page.keyboard.press("Tab")
        found = reader.page.evaluate(WHERE)
        if found is None:
            break
        if not found["isSeen"]:
            hidden.append(found["name"])

    assert hidden == []
