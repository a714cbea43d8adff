"""Pictures of the desk: ``python -m tests.browser.pictures FOLDER [PAGE …]``.

Without a page: those of docs/clinician-guide.md. ``all`` is every page, in every width.
Starts the product with invented rows, and Chromium, which must be installed; says what
the browser complains of.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

from tests.browser.chromium import WIDTHS, Window, chromium
from tests.browser.desk import desk_of_guide, filled_desk
from tests.browser.pages import PAGES

GUIDE = [
    *("login", "worklist", "review", "review-flags", "review-sign-off"),
    *("review-sign-stale", "review-second-read", "review-signed"),
]
"""The pages that docs/clinician-guide.md shows."""

GUIDE_WIDTH = 1280
HIGHEST = 2400
COLOURS = 128


def small(picture: bytes) -> bytes:
    """Return a picture as one of few colours, which is all that a page has."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image = image.crop((0, 0, image.width, min(image.height, HIGHEST)))
    found = io.BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(found, "PNG", optimize=True)
    return found.getvalue()


def take(window: Window, folder: Path, name: str, widths: list[int]) -> None:
    """Save the whole page as it looks in each width and colour scheme."""
    for width in widths:
        for is_dark in (False, True):
            window.look(width, dark=is_dark)
            scheme = "dark" if is_dark else "light"
            end = "" if widths == [GUIDE_WIDTH] else f"-{width}"
            height = int(window.page.evaluate("document.body.scrollHeight"))
            room = {"width": width, "height": max(height, WIDTHS[width])}
            window.page.set_viewport_size(
                room
            )  # what sticks to the window's end is there
            picture = window.page.screenshot(full_page=True)
            (folder / f"{name}-{scheme}{end}.png").write_bytes(small(picture))


def main() -> None:
    """Take the pictures and say what went wrong."""
    folder, wanted = Path(sys.argv[1]), sys.argv[2:]
    widths = list(WIDTHS) if wanted else [GUIDE_WIDTH]
    names = list(PAGES) if wanted == ["all"] else wanted or GUIDE
    folder.mkdir(parents=True, exist_ok=True)
    complaints: set[str] = set()
    with (filled_desk if wanted else desk_of_guide)() as desk, chromium() as browser:
        for name in names:
            page = PAGES[name]
            window = desk.window(browser, page.who, width=GUIDE_WIDTH)
            window.open(page.address(desk.stack))
            if page.first:
                page.first(window)
            take(window, folder, name, widths)
            complaints.update(window.complaints)
            window.close()
    for complaint in sorted(complaints):
        sys.stdout.write(f"{complaint}\n")


if __name__ == "__main__":
    main()
