"""Every page: readable by all, in light and dark, on any screen, under the policy."""

from __future__ import annotations

import pytest

from tests.browser.checks import findings
from tests.browser.pages import PAGES, REVIEW

pytestmark = [pytest.mark.browser, pytest.mark.system]
LOOKS = [(width, dark) for width in (1440, 768, 320) for dark in (False, True)]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_readable_by_all_on_any_screen(name, desk, window):
    page = PAGES[name]
    opened = window(desk, page.who)

    assert opened.open(page.address(desk.stack)) == page.status
    if page.first:
        page.first(opened)
    found = findings(opened, LOOKS)

    assert not found, "\n".join(found)


def test_every_page_that_the_desk_lists_is_in_the_table(desk, window):
    opened = window(desk, "reviewer")
    opened.open("/admin/pages/")
    listed = opened.page.locator("main a[href^='/admin/']").evaluate_all(
        "(links) => links.map((link) => link.getAttribute('href'))"
    )

    known = {page.path.split("?")[0] for page in PAGES.values()}
    known.add(REVIEW)  # which leads to the worklist
    assert len(listed) > 10
    missing = {path.split("?")[0] for path in listed} - known
    assert sorted(missing) == []
