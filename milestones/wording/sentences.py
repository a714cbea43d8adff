"""Where sentences begin and end.

A sentence ends at . ! ? or an ellipsis before white space, at a blank line, and
before the next item of a list. Not at "Dr." and the like, nor at a mere new line.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from milestones.words import listed

_PIECE = re.compile(r"\S+")
_CLOSERS = "\"'\u2019\u201d\u00bb)]*_\u200b\u200c\u200d\u2060\ufeff"
_ENDS = (".", "!", "?", "\u2026", "\u3002")
_BULLETS = frozenset("-*\u2022\u2013\u00b7")
_ABBREVIATIONS = listed("dr. mr. mrs. ms. prof. st. vs. e.g. i.e. approx.")


class Span(NamedTuple):
    """One sentence: ``text[start:end]``, without white space around it."""

    start: int
    end: int


def sentences(text: str) -> list[Span]:
    """Return the sentences of ``text`` in order; all but white space is in one."""
    found: list[Span] = []
    start = end = -1
    ended = False
    for piece in _PIECE.finditer(text):
        written = piece.group()
        if start >= 0 and (ended or _parts(text, end, piece.start())):
            found.append(Span(start, end))
            start = -1
        ended = _ends(written, first=start < 0)
        start = piece.start() if start < 0 else start
        end = piece.end()
    if start >= 0:
        found.append(Span(start, end))
    return found


def _parts(text: str, end: int, start: int) -> bool:
    """Say whether the white space in between parts sentences, whatever is before."""
    lines = text.count("\n", end, start)
    return lines > 1 or (
        lines == 1 and _is_bullet(text[start : start + 4].split(maxsplit=1))
    )


def _is_bullet(following: list[str]) -> bool:
    if not following:
        return False
    mark = following[0]
    return mark in _BULLETS or (mark[-1] in ".)" and mark[:-1].isdigit())


def _ends(written: str, *, first: bool) -> bool:
    if written[-1].isalnum():
        return False
    bare = written.rstrip(_CLOSERS)
    numbers_an_item = first and bare[:-1].isdigit()
    if not bare.endswith(_ENDS) or numbers_an_item:
        return False
    return bare.lstrip("\"'(\u201c\u2018").lower() not in _ABBREVIATIONS
