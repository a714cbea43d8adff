"""Chromium without a screen, as Debian installs it, and somebody who sits at it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Response, sync_playwright

MISSING = (
    "Chromium is not installed. On Debian: apt-get install chromium fonts-inter"
    " poppler-utils"
)
FONTS = Path(__file__).with_name("fonts.conf")
WIDTHS = {1440: 900, 1280: 800, 768: 1024, 720: 450, 390: 844, 320: 640}
"""How wide a window is looked at, and how high it is then; 720 is 1440 at 200%."""

NOTE_VIOLATIONS = """
document.addEventListener('securitypolicyviolation', (event) => console.error(
  'policy: ' + event.violatedDirective + ' ' + event.blockedURI));
"""

NO_COMPLAINT = "Autofocus processing was blocked"
"""Two scripts of the stock admin put the focus into the same field."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start it, and end it."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, MISSING
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found,
            args=["--no-sandbox", "--disable-gpu"],
            env={**os.environ, "FONTCONFIG_FILE": str(FONTS)},
        )
        yield browser
        browser.close()


class Window:
    """One person's browser: its page, its answers, and what it complained of."""

    def __init__(
        self,
        browser: Browser,
        url: str,
        *,
        session: str = "",
        width: int = 1440,
        dark: bool = False,
    ) -> None:
        self.url = url
        self.context = browser.new_context(
            base_url=url,
            viewport={"width": width, "height": WIDTHS[width]},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        self.context.set_default_timeout(10_000)
        self.context.add_init_script(NOTE_VIOLATIONS)
        if session:
            cookie = {"name": "sessionid", "value": session, "url": url}
            self.context.add_cookies([cookie])
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.answers: list[Response] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("response", self._answered)

    def open(self, path: str) -> int:
        """Go there and wait until all of it is loaded; return the status."""
        answer = self.page.goto(path, wait_until="load")
        assert answer is not None
        return answer.status

    def look(self, width: int, *, dark: bool) -> None:
        """See the page in this width and colour scheme."""
        self.page.set_viewport_size({"width": width, "height": WIDTHS[width]})
        self.page.emulate_media(color_scheme="dark" if dark else "light")

    def source(self) -> str:
        """Return the page as it was sent, before any script had touched it."""
        documents = [
            answer
            for answer in self.answers
            if answer.request.resource_type == "document" and answer.status != 302
        ]
        return documents[-1].text()

    @property
    def path(self) -> str:
        return urlsplit(self.page.url).path

    def close(self) -> None:
        """End it."""
        self.context.close()

    def _answered(self, answer: Response) -> None:
        self.answers.append(answer)

    def _heard(self, message: ConsoleMessage) -> None:
        """Note what the console says, but that a page that is missing is missing."""
        where: Any = message.location
        if message.text.startswith(NO_COMPLAINT):
            return
        if "Failed to load resource" in message.text and where["url"] == self.page.url:
            return
        self.complaints.append(f"{message.type}: {message.text} {where['url']}")
