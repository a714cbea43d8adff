"""The letters of a text as a reader sees them, each with its place in the original.

Case, accents, full-width and other compatible forms, look-alikes from Cyrillic and
Greek, and marks that cannot be seen make no difference.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from functools import lru_cache
from typing import Literal, NamedTuple

Gap = Literal["", "soft", "space", "line", "pause", "stop"]

APOSTROPHES = "'\u2018\u2019\u201b\u02bc\uff07\u00b4`"
_STOPS = frozenset(".;:!?\u2022\u2026\u3002\uff0e")
_PAUSES = frozenset(",()[]{}\u2014\u3001")
_HYPHENS = frozenset("-\u2010\u2011\u2012\u2013\u2212")
# Letters by name, yet blank on the page.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0")
_LOOK_ALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u04bb"
    "\u03b1\u03bf\u03b9\u03c1\u03bd\u0131",
    "aeopcyxijsdhaoipvi",
)


class Letter(NamedTuple):
    """One letter or digit."""

    char: str
    at: int
    """Index in the original text; several letters share it where one was written."""
    gap: Gap
    """What stands before it.

    "" nothing; "soft" a hyphen, apostrophe, invisible mark or the like, which may be
    inside a word or between two; "space"; "line" a new line that begins with a
    capital; "pause" a comma, bracket or dash; "stop" the end of a statement.
    """


def letters(text: str, stops: Collection[int] = ()) -> list[Letter]:
    """Return the letters and digits of ``text``, in one pass.

    ``stops`` are indexes at which a statement begins whatever stands before.
    """
    found: list[Letter] = []
    between: list[str] = []
    stopped = True
    for at, written in enumerate(text):
        stopped = stopped or at in stops
        for char in _plain(written):
            if char.isalnum():
                gap = "stop" if stopped else _gap("".join(between), written)
                found.append(Letter(char, at, gap))
                between.clear()
                stopped = False
            else:
                between.append(char)
    return found


@lru_cache(maxsize=4096)
def _plain(written: str) -> str:
    """Return what one character comes to; nothing for an accent on the one before."""
    if written.isascii():
        return written.lower()
    if written in _BLANK:
        return "\u200b"
    apart = unicodedata.normalize("NFKD", written).casefold()
    seen = "".join(c for c in apart if unicodedata.category(c) not in {"Mn", "Me"})
    return seen.translate(_LOOK_ALIKES)


def _gap(between: str, following: str) -> Gap:
    """Judge what stands between two letters; ``following`` is the second, as written.

    A full stop with no space after it may be inside a word, as in "A.S.D.".
    """
    if not between:
        return ""
    marks = set(between)
    blank = any(c.isspace() for c in between)
    lines = between.count("\n") or between.count("\r")
    if lines > 1 or (marks & _STOPS and between != "."):
        return "stop"
    if marks & _PAUSES:
        return "pause"
    if not blank:
        return "soft"
    if marks & _HYPHENS:
        return "soft" if between[0] in _HYPHENS and lines else "pause"
    return "line" if lines and following.isupper() else "space"
