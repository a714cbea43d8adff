"""Pictures on the page of a case, drawn on the server: numbers go in, SVG comes out.

Nothing that a person or a model wrote goes into them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from milestones.ages import DAYS_PER_MONTH, NO_CHECKLIST_FROM_MONTHS
from milestones.checklist import AGES

INFANT_MONTHS = 24
LETTER = 6.8
"""About how wide a letter of 13 px is."""

RULER_LEFT, RULER_RIGHT, RULER_WIDTH = 10.0, 1308.0, 1312
BESIDE = 24.0
"""Between the mark of an age and its words, on both sides together."""

LANES = {"refer": "Refer", "discuss": "Discuss", "monitor": "Monitor"} | {
    "on_track": "On track"
}
LANE, LANES_TOP, LANES_LEFT, LANES_RIGHT = 40.0, 12.0, 88.0, 390.0
STEP_HEIGHT, BARS_LEFT, BARS_RIGHT = 33.0, 2.0, 390.0
MOST_TICKS = 4
LEAST_BAR = 3.0


def short_age(months: float) -> str:
    """Put an age into few letters: "17 m 2 w", from three years on "3 y 6 m"."""
    whole = int(months)
    if whole >= 36:
        years, rest = divmod(whole, 12)
        return f"{years} y {rest} m" if rest else f"{years} y"
    weeks = int((months - whole) * DAYS_PER_MONTH // 7)
    return f"{whole} m {weeks} w" if weeks else f"{whole} m"


def _joined(pieces: Sequence[Any]) -> SafeString:
    return format_html_join("", "{}", ((piece,) for piece in pieces))


def _text(x: float, y: float, words: Any, kind: str = "") -> SafeString:
    return format_html(
        '<text class="{}" x="{}" y="{}">{}</text>', kind, _n(x), _n(y), words
    )


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> SafeString:
    return format_html(
        '<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>',
        *(kind, _n(x1), _n(y1), _n(x2), _n(y2)),
    )


def _n(value: float) -> str:
    """Write a place on the drawing, as short as it can be."""
    return f"{value:.1f}".removesuffix(".0")


# --- The age ruler ------------------------------


def age_ruler(
    *, age: float, corrected: float, checklist: int | None, following: int | None
) -> SafeString:
    """Draw both ages, the checklist in use and the next screening on one line.

    Ages are in months; ``checklist`` is the age of the checklist, ``following`` that of
    the next screening of the schedule.
    """
    is_infant = age <= INFANT_MONTHS
    end = INFANT_MONTHS + 3.2 if is_infant else NO_CHECKLIST_FROM_MONTHS
    scale = (RULER_RIGHT - RULER_LEFT) / end

    def at(months: float) -> float:
        return RULER_LEFT + min(months, end) * scale

    drawn = [_line("ruler-line", RULER_LEFT, 26, RULER_RIGHT, 26)]
    if checklist is not None:
        until = next((each for each in AGES if each > checklist), int(end))
        drawn.append(_line("ruler-used", at(checklist), 26, at(until), 26))
    drawn += _ticks(at, end, checklist, following)
    drawn += _ages(at(age), at(corrected), age, corrected)
    return format_html(
        '<svg class="chart is-wide" viewBox="0 0 {} 58" role="img" '
        'aria-labelledby="ruler-t ruler-d"><title id="ruler-t">Age ruler</title>'
        '<desc id="ruler-d">{}</desc>{}</svg>',
        RULER_WIDTH,
        _ruler_words(age, corrected, checklist, following),
        _joined(drawn),
    )


def _ticks(
    at: Any, end: float, checklist: int | None, following: int | None
) -> list[SafeString]:
    """Mark the ages of the checklists; two of them in words, the others by number."""
    shown = sorted({each for each in (*AGES, following) if each and each < end})
    marks = [
        format_html(
            '<circle class="{}" cx="{}" cy="26" r="{}"/>',
            "ruler-tick-used" if each == checklist else "ruler-tick",
            _n(at(each)),
            7 if each == checklist else 5,
        )
        for each in shown
    ]
    named: list[tuple[float, str, str]] = []
    if checklist is not None:
        named.append((at(checklist), f"{checklist} months: checklist used", "t-strong"))
    if following is not None and following in shown and following != checklist:
        named.append((at(following), f"{following}: next screen", ""))
    taken: list[tuple[float, float]] = []
    words = []
    for n, (x, said, kind) in enumerate(named):
        half = len(said) * LETTER / 2
        middle = min(max(x, half), RULER_WIDTH - half)
        if n and taken[0][0] < middle + half and middle - half < taken[0][1] + 8:
            middle = taken[0][1] + 8 + half
        taken.append((middle - half, middle + half))
        words.append(_text(middle, 51, said, f"t-mid {kind}".strip()))
    words += [
        _text(at(each), 51, each, "t-mid")
        for each in shown
        if each not in {checklist, following}
        and not any(low - 12 < at(each) < high + 12 for low, high in taken)
    ]
    return [*marks, *words]


def _ages(x: float, x_corrected: float, age: float, corrected: float) -> list[Any]:
    is_corrected = corrected < age
    marks: list[Any] = []
    if is_corrected:
        marks += [
            format_html(
                '<path class="ruler-off" d="M{} 14H{}"/>', _n(x), _n(x_corrected)
            ),
            _triangle("ruler-chron", x),
        ]
    marks.append(_triangle("ruler-age", x_corrected))
    own = f"corrected {short_age(corrected)}"
    born = f"{int(age)} months since birth"
    if not is_corrected:
        own, born = "", f"{int(age)} months"
    both = f"{own} \u00b7 {born}" if own else born
    if x + BESIDE + len(both) * LETTER > RULER_WIDTH:
        return [*marks, _text(x_corrected - BESIDE / 2, 18, both, "t-end t-strong")]
    if own and x_corrected - BESIDE / 2 > len(own) * LETTER:
        return [
            *marks,
            _text(x_corrected - BESIDE / 2, 18, own, "t-end t-strong"),
            _text(x + BESIDE / 2, 18, born),
        ]
    return [*marks, _text(x + BESIDE / 2, 18, both, "t-strong")]


def _triangle(kind: str, x: float) -> SafeString:
    return format_html('<path class="{}" d="M{} 22l-7 -12h14Z"/>', kind, _n(x))


def _ruler_words(
    age: float, corrected: float, checklist: int | None, following: int | None
) -> str:
    said = f"{int(age)} months old"
    if corrected < age:
        said += f", corrected to {short_age(corrected)}"
    used = (
        f"so the {checklist}-month checklist is used" if checklist else "no checklist"
    )
    after = f"; the {following}-month screen comes next" if following else ""
    return f"{said}, {used}{after}."


# --- Earlier screenings ------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One screening: at which corrected age in months, and its risk."""

    months: float
    risk: str


def screenings(
    signed: Sequence[Point], now: Point | None, following: int | None
) -> SafeString:
    """Draw a mark for each screening in the lane of its risk, by corrected age."""
    known = [*signed, *([now] if now else [])]
    oldest = max((each.months for each in known), default=0.0)
    end = INFANT_MONTHS if oldest <= INFANT_MONTHS else NO_CHECKLIST_FROM_MONTHS
    scale = (LANES_RIGHT - LANES_LEFT) / end

    def place(point: Point) -> tuple[float, float]:
        lane = list(LANES).index(point.risk)
        x = LANES_LEFT + min(point.months, end) * scale
        return x, LANES_TOP + LANE * lane + LANE / 2

    past = [place(each) for each in signed if each.risk in LANES]
    here = place(now) if now and now.risk in LANES else None
    drawn = [*_lanes(), *_months(end, scale)]
    if len(past) > 1:
        points = " ".join(f"{_n(x)},{_n(y)}" for x, y in past)
        drawn.append(format_html('<polyline class="path" points="{}"/>', points))
    if past and here:
        drawn.append(_line("path-next", *past[-1], *here))
    marks = [each.risk for each in signed if each.risk in LANES]
    drawn += [_mark(risk, x, y) for risk, (x, y) in zip(marks, past, strict=True)]
    if now and here:
        drawn.append(_mark(now.risk, *here))
        drawn.append(_text(here[0], here[1] - 17, "now", "t-strong t-mid"))
    if following is not None and following <= end:
        x = LANES_LEFT + following * scale
        drawn.append(_line("now", x, 12, x, 172))
        is_last = x > LANES_RIGHT - 30
        drawn.append(_text(x - 5 if is_last else x + 5, 166, "next", _end(is_last)))
    return format_html(
        '<svg class="chart" viewBox="0 0 400 214" role="img" '
        'aria-labelledby="history-t history-d">'
        '<title id="history-t">Risk at each screening by corrected age</title>'
        '<desc id="history-d">{}</desc>{}</svg>',
        _screening_words(signed, now),
        _joined(drawn),
    )


def _end(is_last: bool) -> str:
    return "t-end" if is_last else ""


def _lanes() -> list[SafeString]:
    drawn = []
    for n, (risk, word) in enumerate(LANES.items()):
        top = LANES_TOP + LANE * n
        if n % 2 == 0:
            drawn.append(
                format_html(
                    '<rect class="lane" x="{}" y="{}" width="{}" height="{}"/>',
                    *(_n(LANES_LEFT), _n(top), _n(LANES_RIGHT - LANES_LEFT), _n(LANE)),
                )
            )
        drawn.append(_use(risk, 4, top + 12, 16))
        drawn.append(_text(26, top + 24, word))
    return drawn


def _months(end: float, scale: float) -> list[SafeString]:
    step = 6 if end <= INFANT_MONTHS else 12
    drawn = [_line("axis", LANES_LEFT, 172, LANES_RIGHT, 172)]
    for months in range(0, int(end) + 1, step):
        x = LANES_LEFT + months * scale
        drawn += [_line("axis", x, 172, x, 177), _text(x, 191, months, "t-mid")]
    said = "corrected age in months"
    return [*drawn, _text(LANES_RIGHT, 208, said, "t-end")]


def _mark(risk: str, x: float, y: float) -> SafeString:
    halo = format_html('<circle class="halo" cx="{}" cy="{}" r="14"/>', _n(x), _n(y))
    return halo + _use(risk, x - 11, y - 11, 22)


def _use(risk: str, x: float, y: float, size: int) -> SafeString:
    return format_html(
        '<use class="m-{0}" href="#i-{0}" x="{1}" y="{2}" width="{3}" height="{3}"/>',
        *(risk, _n(x), _n(y), size),
    )


def _screening_words(signed: Sequence[Point], now: Point | None) -> str:
    said = [f"{short_age(each.months)}: {_risk(each.risk)}" for each in signed]
    if now:
        said.append(f"{short_age(now.months)}, open: {_risk(now.risk)}")
    return f"{'; '.join(said)}."


def _risk(risk: str) -> str:
    return LANES.get(risk, "no usable answer")


# --- Time ------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step on the way to a draft: when it began, how long it took, how it ended."""

    name: str
    words: str
    start: float
    seconds: float
    kind: str
    """``ok``, ``bad`` or ``wait``."""


def time_bars(steps: Sequence[Step]) -> SafeString:
    """Draw one bar for each step on one axis of time, in seconds."""
    total = max((each.start + each.seconds for each in steps), default=0.0) or 1.0
    scale = (BARS_RIGHT - BARS_LEFT) / total
    bottom = STEP_HEIGHT * len(steps) + 6
    drawn = []
    for second in _marked(total):
        x = BARS_LEFT + second * scale
        drawn.append(_line("gridline", x, 2, x, bottom))
        put = "" if second == 0 else "t-end" if x > BARS_RIGHT - 20 else "t-mid"
        drawn.append(_text(x, bottom + 16, put_seconds(second), put))
    for n, step in enumerate(steps):
        drawn += _bar(step, STEP_HEIGHT * n, scale)
    said = "; ".join(f"{each.name} {each.words}" for each in steps)
    return format_html(
        '<svg class="chart" viewBox="0 0 400 {}" role="img" '
        'aria-labelledby="route-t route-d"><title id="route-t">Where the time went'
        '</title><desc id="route-d">{}.</desc>{}</svg>',
        *(_n(bottom + 22), said, _joined(drawn)),
    )


def _bar(step: Step, top: float, scale: float) -> list[SafeString]:
    x, width = BARS_LEFT + step.start * scale, max(step.seconds * scale, LEAST_BAR)
    words = format_html('<tspan class="t-strong">{}</tspan> {}', step.name, step.words)
    is_far = x > (BARS_LEFT + BARS_RIGHT) / 2
    return [
        format_html(
            '<rect class="seg-{}" x="{}" y="{}" width="{}" height="11" rx="3"/>',
            *(step.kind, _n(x), _n(top + 18), _n(width)),
        ),
        _text(x + width if is_far else x, top + 13, words, _end(is_far)),
    ]


def _marked(total: float) -> list[float]:
    """Choose round moments to mark, five at most."""
    power = 10.0 ** math.floor(math.log10(total))
    steps = (each * power for each in (0.1, 0.2, 0.25, 0.5, 1, 2, 2.5, 5, 10))
    step = next(each for each in steps if total / each <= MOST_TICKS)
    return [n * step for n in range(math.floor(total / step) + 1)]


def put_seconds(seconds: float) -> str:
    """Put a length of time into words: "0.05 s", "2.1 s", "10 s", "3 min", "2 h"."""
    if seconds >= 7200:
        return f"{seconds / 3600:.3g} h"
    if seconds >= 120:
        return f"{seconds / 60:.3g} min"
    if seconds == 0:
        return "0 s"
    return f"{seconds:.2f} s" if seconds < 0.1 else f"{seconds:.3g} s"


# --- Weights ------------------------------


def meter(share: float) -> SafeString:
    """Draw a share between 0 and 1; its number stands beside it."""
    width = round(100 * min(max(share, 0.0), 1.0))
    return format_html(
        '<svg class="meter" viewBox="0 0 100 10" preserveAspectRatio="none" '
        'aria-hidden="true"><rect class="meter-back" x="0" y="2" width="100" '
        'height="6" rx="3"/><rect class="meter-fill" x="0" y="2" width="{}" '
        'height="6" rx="3"/></svg>',
        width,
    )
