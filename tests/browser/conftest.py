"""What the browser tests share: one Chromium, a filled product, and windows on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import Window, chromium
from tests.browser.desk import Clinic, Desk, filled_desk, working_clinic

Opened = Callable[..., Window]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium; none is left running for tests of other files."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def desk() -> Iterator[Desk]:
    """A product with a row of every kind."""
    with filled_desk() as found:
        yield found


@pytest.fixture(scope="session")
def clinic() -> Iterator[Clinic]:
    """A product at work."""
    with working_clinic() as found:
        yield found


@pytest.fixture
def window(browser: Browser) -> Iterator[Opened]:
    """Open windows; in the end no browser may have complained of anything."""
    opened: list[Window] = []

    def open_window(at: Desk, who: str = "", **look: object) -> Window:
        found = at.window(browser, who, **look)
        opened.append(found)
        return found

    yield open_window
    complaints = [each for found in opened for each in found.complaints]
    for found in opened:
        found.close()
    assert complaints == []
