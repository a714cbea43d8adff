"""Which characters the documents' typeface has, and what stands for the others.

The typeface is DejaVu Sans, which is shipped beside this file with its licence: it has
Latin, Greek, Cyrillic, Arabic, Hebrew, Armenian and Georgian letters, and neither
Chinese, Japanese and Korean ones nor those of India.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont

FOLDER = Path(__file__).with_name("fonts")
REGULAR, BOLD = FOLDER / "DejaVuSans.ttf", FOLDER / "DejaVuSans-Bold.ttf"
GAP = "□"
LINE_ENDS = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
# They would let a text read otherwise than it was signed.
OVERRIDES = {"\u202d", "\u202e"}
# They are seen by nobody, so that nothing is lost without them.
UNSEEN = {"\ufeff", "\u2060", "\u2066", "\u2067", "\u2068", "\u2069"} | {
    chr(code) for code in range(0xFE00, 0xFE10)
}


@cache
def drawn() -> frozenset[str]:
    """Read which characters both weights of the typeface can draw."""
    both = _mapped(REGULAR) & _mapped(BOLD)
    return frozenset(
        letter
        for letter in both - OVERRIDES - UNSEEN
        if unicodedata.category(letter) not in {"Cc", "Cs", "Co"}
    )


def _mapped(path: Path) -> set[str]:
    with TTFont(path, lazy=True) as font:
        return {chr(code) for code in font.getBestCmap() or ()}


def printable(text: str) -> str:
    """Return a text as it can be printed: `GAP` for each character that cannot.

    Nobody who prints it learns which character that was: not the log either.
    """
    known = drawn()
    lines = LINE_ENDS.sub("\n", text).replace("\t", " ").replace("\u3000", " ")
    return "".join(
        letter if letter == "\n" or letter in known else GAP
        for letter in lines
        if letter not in UNSEEN
    )


def has_gaps(text: str) -> bool:
    """Say whether something of a text cannot be printed."""
    return printable(text).count(GAP) > text.count(GAP)


def lacks_letters(text: str) -> bool:
    """Say whether letters or figures of a text cannot be printed, not only signs."""
    known = drawn()
    return any(
        letter not in known and unicodedata.category(letter)[0] in "LMN"
        for letter in text
        if letter not in UNSEEN
    )


def is_right_to_left(text: str) -> bool:
    """Say whether a text is read from the right, by its first letter."""
    for letter in text:
        way = unicodedata.bidirectional(letter)
        if way in {"L", "R", "AL"}:
            return way != "L"
    return False
