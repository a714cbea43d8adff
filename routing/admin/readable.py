"""Values and times in words: what came as JSON is shown, and never as JSON.

Every text that came from outside is escaped here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audit.pages import EMPTY
from routing.admin.targets import age

LONGEST_TEXT = 2_000
LONGEST_NAME = 64
MOST_NUMBERS = 12
MOST_PARTS = 200
DEEPEST = 6
MORE = "And more, which is not shown."


def readable(value: Any) -> SafeString | str:
    """Show a value that came as JSON: names and what they stand for, lists as lists."""
    return _Shown().show(value, 0)


class _Shown:
    """What is left to be shown of one value, so that no page is without end."""

    def __init__(self) -> None:
        self.left = MOST_PARTS

    def show(self, value: Any, depth: int) -> SafeString | str:
        if isinstance(value, dict | list) and value:
            if depth == DEEPEST:
                return size_of(value)
            if isinstance(value, dict):
                return self._names(value, depth)
            if len(value) > MOST_NUMBERS and all(map(_is_number, value)):
                return f"{len(value):,} numbers"
            return self._points(value, depth)
        return _plain(value)

    def _names(self, value: Mapping[str, Any], depth: int) -> SafeString:
        lines = [
            (_short(name, LONGEST_NAME), self.show(one, depth + 1))
            for name, one in self._some(value.items())
        ]
        body = format_html_join("", "<dt>{}</dt><dd>{}</dd>", lines)
        cut = "" if len(lines) == len(value) else MORE
        return format_html('<dl class="said">{}</dl>{}', body, cut)

    def _points(self, value: list[Any], depth: int) -> SafeString:
        lines = [(self.show(one, depth + 1),) for one in self._some(value)]
        body = format_html_join("", "<li>{}</li>", lines)
        cut = "" if len(lines) == len(value) else MORE
        return format_html('<ul class="points">{}</ul>{}', body, cut)

    def _some(self, parts: Iterable[Any]) -> Iterable[Any]:
        for part in parts:
            if not self.left:
                return
            self.left -= 1
            yield part


def sizes_of(value: Mapping[str, Any]) -> SafeString | str:
    """Name the parts of an object, and say how much each is, but not what."""
    if not value:
        return "Nothing"
    lines = [(_short(n, LONGEST_NAME), size_of(v)) for n, v in list(value.items())[:50]]
    cut = "" if len(lines) == len(value) else MORE
    body = format_html_join("", "<dt>{}</dt><dd>{}</dd>", lines)
    return format_html('<dl class="said">{}</dl>{}', body, cut)


def size_of(value: Any) -> str:
    """Say how much a value is."""
    if isinstance(value, str):
        return _number(len(value), "character")
    if isinstance(value, dict):
        return _number(len(value), "part")
    if isinstance(value, list):
        return _number(len(value), "value")
    if value is None:
        return "nothing"
    return "yes or no" if isinstance(value, bool) else "a number"


def _number(count: int, of: str) -> str:
    return f"{count:,} {of}" if count == 1 else f"{count:,} {of}s"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if value is None or value in ({}, [], ""):
        return EMPTY
    return _short(value, LONGEST_TEXT)


def _short(value: Any, most: int) -> str:
    text = str(value)
    if len(text) <= most:
        return text
    return f"{text[:most]}\u2026 ({len(text):,} characters)"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# --- Times ------------------------------------------------------------------------


def since(moment: datetime | None) -> SafeString | str:
    """Show for how long something has been so, and below it since when."""
    return EMPTY if moment is None else _timed(moment, age(moment))


def until(moment: datetime | None, *, over: str) -> SafeString | str:
    """Show in how long something will be, or ``over`` and how long it has been so."""
    if moment is None:
        return EMPTY
    ahead = moment - timezone.now()
    if ahead.total_seconds() > 0:
        return _timed(moment, f"in {age(timezone.now() - ahead)}")
    return _timed(moment, f"{over} {age(moment)}")


def _timed(moment: datetime, words: str) -> SafeString:
    local = timezone.localtime(moment)
    now = timezone.localtime()
    form = "H:i:s" if local.date() == now.date() else "j M, H:i"
    if local.year != now.year:
        form = "j M Y"
    return format_html(
        '<time datetime="{}">{}</time><span class="sub">{}</span>',
        local.isoformat("T", "seconds"),
        words,
        date_format(local, form),
    )
