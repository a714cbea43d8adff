"""Paper: the typeface, the measures, and the few shapes that documents are laid of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from io import BytesIO
from typing import Any

from fpdf import FPDF
from fpdf.fonts import TTFFont
from fpdf.prefs import ViewerPreferences

from screening.documents.letters import BOLD, REGULAR, is_right_to_left, printable
from screening.documents.marks import drawing

SIDE, TOP, BOTTOM = 21.0, 15.0, 18.0
BLACK, QUIET, LINE = 0, 85, 190
TEXT, SMALL, HEADING, TITLE = 10.0, 8.5, 12.0, 17.5
LEADING = 1.45
POINT = 25.4 / 72


class Paper(FPDF):
    """A4 pages of calm text, black on white, that number themselves.

    The bytes depend on the content alone: the one time in them is ``at``.
    """

    def __init__(self, *, title: str, subject: str, at: datetime, foot: str) -> None:
        super().__init__(format="A4", unit="mm")
        self.foot, self.head = printable(foot), printable(title)
        self.set_title(printable(title))
        self.set_subject(printable(subject))
        self.set_creator("PediScreen")
        self.set_lang("en-GB")
        self.set_creation_date(at)
        self.viewer_preferences = ViewerPreferences(display_doc_title=True)
        self.set_margins(SIDE, TOP)
        self.set_auto_page_break(True, BOTTOM)
        self.c_margin = 0.0
        self.add_font("DejaVu", "", REGULAR)
        self.add_font("DejaVu", "B", BOLD)
        self.style(TEXT)
        self.set_text_shaping(True)
        self.add_page()

    # --- Pages ------------------------------

    def written(self) -> bytes:
        """Write the document, and close the font files that were opened for it."""
        found = bytes(self.output())
        for font in self.fonts.values():
            if isinstance(font, TTFFont):
                font.ttfont.close()
        return found

    def header(self) -> None:
        """Say on every page but the first which document it belongs to."""
        if self.page_no() == 1:
            return
        self.style(SMALL, grey=QUIET)
        self.cell(0, 5, self.head, new_x="LMARGIN", new_y="NEXT")
        self.rule(after=6)

    def footer(self) -> None:
        """Number the page, and name what it is a page of."""
        self.set_y(-14)
        self.rule(after=2)
        self.style(SMALL - 1, grey=QUIET)
        self.cell(self.epw * 0.75, 5, self.foot)
        said = f"Page {self.page_no()} of "
        self.set_x(self.w - SIDE - self.get_string_width(f"{said}9"))
        # How many pages there are is put in at the end, where no letter is shaped.
        self.set_text_shaping(False)
        self.cell(0, 5, f"{said}{{nb}}")
        self.set_text_shaping(True)

    def need(self, height: float) -> None:
        """Go on to a new page where less than this is left of the page."""
        if self.will_page_break(height):
            self.add_page()

    @property
    def room(self) -> float:
        """Return how much of an empty page can be written on."""
        return float(self.h - TOP - BOTTOM - 15)

    # --- Text ------------------------------

    def style(self, size: float, *, is_bold: bool = False, grey: int = BLACK) -> None:
        """Choose size, weight and shade."""
        self.set_font("DejaVu", "B" if is_bold else "", size)
        self.set_text_color(grey)

    @property
    def leading(self) -> float:
        """Return the height of a line in the size that was chosen."""
        return float(self.font_size_pt * LEADING * POINT)

    def text_in(self, width: float, text: str) -> None:
        """Print a text from here on, read from the side that it is read from."""
        for line in printable(text).split("\n"):
            align = "R" if is_right_to_left(line) else "L"
            self.multi_cell(
                width, self.leading, line, align=align, new_x="LEFT", new_y="NEXT"
            )

    def height_of(self, width: float, text: str) -> float:
        """Reckon how high a text will stand."""
        high = 0.0
        for line in printable(text).split("\n"):
            found: Any = self.multi_cell(
                width, self.leading, line, align="L", dry_run=True, output="HEIGHT"
            )
            high += found
        return high

    def heading(self, words: str) -> None:
        """Head a part, on the page on which the part begins."""
        self.need(24)
        self.ln(3.5)
        self.start_section(printable(words))
        self.style(HEADING, is_bold=True)
        self.cell(0, 7, printable(words), new_x="LMARGIN", new_y="NEXT")
        self.ln(0.5)
        self.style(TEXT)

    def points(self, lines: Sequence[str]) -> None:
        """List texts, each with a dot at the side from which it is read."""
        for text in lines:
            self.need(self.leading)
            is_right, y = is_right_to_left(text), self.y
            self.set_fill_color(QUIET)
            middle = y + self.leading / 2
            x = self.w - SIDE - 1.2 if is_right else SIDE + 1.2
            self.circle(x, middle, 0.6, style="F")
            self.set_xy(SIDE if is_right else SIDE + 5, y)
            self.text_in(self.epw - 5, text)
            self.set_x(SIDE)
            self.ln(0.8)

    # --- Shapes ------------------------------

    def rule(self, *, after: float, grey: int = LINE, width: float = 0.2) -> None:
        """Draw a line from side to side."""
        self.set_draw_color(grey)
        self.set_line_width(width)
        self.line(SIDE, self.y, self.w - SIDE, self.y)
        self.ln(after)

    def mark(self, mark: str, x: float, y: float, size: float) -> None:
        """Draw a mark, which says nothing that no word says."""
        self.image(BytesIO(drawing(mark)), x=x, y=y, w=size, h=size)

    def boxed(
        self, height: float, draw: Callable[[], None], *, grey: int, line: float
    ) -> None:
        """Frame what is drawn; what is higher than a page stands between two lines."""
        padding = 4.0
        whole = height + 2 * padding
        if whole > self.room:
            self.rule(after=4, grey=grey, width=line)
            draw()
            self.ln(3)
            self.rule(after=2, grey=grey, width=line)
            return
        self.need(whole)
        self.set_draw_color(grey)
        self.set_line_width(line)
        top = self.y
        self.rect(SIDE, top, self.epw, whole, round_corners=True, corner_radius=2.2)
        self.set_xy(SIDE, top + padding)
        draw()
        self.set_xy(SIDE, top + whole)
