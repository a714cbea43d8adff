"""Who runs the machines sees machines: no page of theirs has a child's words."""

from __future__ import annotations

import pytest

from tests.browser.pages import PAGES

pytestmark = [pytest.mark.browser, pytest.mark.system]
OF_CHILDREN = [
    *("does not turn", "used to say mama", "Points at the dog", "not walking yet"),
    *("skill has been lost", "item is not yet met", "consistent with autism"),
    *("hearing not tested", "Ask intake.", "your child"),
]
"""What caregivers, models and clinicians wrote."""

OPEN_TO_OPERATORS = {
    "jobs",
    "job-failed",
    "work",
    "tasks",
    "servers",
    "agents",
    "audit",
}


def test_no_page_that_an_operator_can_open_has_a_childs_words(desk, window):
    operator = window(desk, "operator")
    seen, told = set(), []

    for name, page in PAGES.items():
        answer = operator.context.request.get(page.address(desk.stack))
        words = answer.text().casefold()
        if answer.ok and answer.url.endswith(page.address(desk.stack)):
            seen.add(name)
        told += [(name, each) for each in OF_CHILDREN if each.casefold() in words]

    assert told == []
    assert seen >= OPEN_TO_OPERATORS


@pytest.mark.parametrize("name", ["job", "review"])
def test_a_clinician_does_read_them_there(desk, window, name):
    reader = window(desk, "reviewer")

    reader.open(PAGES[name].address(desk.stack))

    words = reader.source().casefold()
    assert [each for each in OF_CHILDREN if each.casefold() in words]
