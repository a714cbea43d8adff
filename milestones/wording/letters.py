"""The letters of a text as a reader sees them, each with its place in the original.

Case, accents, full-width and other compatible forms, look-alikes from Cyrillic and
Greek, and marks that cannot be seen make no difference.
"""

from __future__ import annotations

import re
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
_WORD = re.compile(r"([A-Za-z0-9]+)")


class Letters(NamedTuple):
    """The letters and digits of a text, in three columns of the same length."""

    chars: str
    places: list[int]
    """Index in the original text; several letters share it where one was written."""
    gaps: list[Gap]
    """What stands before each.

    "" nothing; "soft" a hyphen, apostrophe, invisible mark or the like, which may be
    inside a word or between two; "space"; "line" a new line that begins with a
    capital; "pause" a comma, bracket or dash; "stop" the end of a statement.
    """


def letters(text: str, stops: Collection[int] = ()) -> Letters:
    """Return the letters and digits of ``text``, in one pass.

    ``stops`` are indexes at which a statement begins whatever stands before; none is
    inside a word. Plain words are read as a whole, all else a character at a time.
    """
    chars: list[str] = []
    places: list[int] = []
    gaps: list[Gap] = []
    between = ""
    stopped = True
    at = 0
    for n, piece in enumerate(_WORD.split(text)):
        if n % 2:  # a word, between what is none
            stopped = stopped or at in stops
            gaps.append("stop" if stopped else _gap(between, piece[0]))
            gaps += [""] * (len(piece) - 1)
            chars.append(piece.lower())
            places += range(at, at + len(piece))
            between, stopped = "", False
            at += len(piece)
            continue
        for mark in piece:
            stopped = stopped or at in stops
            for char in _plain(mark):
                if char.isalnum():
                    gaps.append("stop" if stopped else _gap(between, mark))
                    chars.append(char)
                    places.append(at)
                    between, stopped = "", False
                else:
                    between += char
            at += 1
    return Letters("".join(chars), places, gaps)


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
    if between == " ":
        return "space"
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
