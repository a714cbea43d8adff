"""Charts, drawn on the server: numbers go in, SVG comes out.

Nothing that a person or a model wrote goes into them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from agreement.figures import Figure

LEFT, RIGHT, TOP, BOTTOM = 40.0, 380.0, 14.0, 162.0
UNDER = 182
"""Where the days stand."""

FEW_AT = 154
MOST_LABELS = 6
LONE = 8.0
"""Half the width of a band around a value without neighbours."""

PLOT_LEFT, PLOT_RIGHT, PLOT_WIDTH, PLOT_MIDDLE = 6.0, 244.0, 250, 15
TICK = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """From where to where an axis goes, in which steps, and how its values are put."""

    low: float
    high: float
    step: float
    put: Callable[[float], str]

    def steps(self) -> list[float]:
        """Return the values that are marked."""
        count = round((self.high - self.low) / self.step)
        return [self.low + n * self.step for n in range(count + 1)]

    def share(self, value: float) -> float:
        """Say how far along the axis a value lies; beyond an end counts as there."""
        along = (value - self.low) / (self.high - self.low)
        return min(max(along, 0.0), 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """Where an alert begins."""

    value: float
    words: str


def share_scale(figures: Sequence[Figure | None], *, least: float = 0.4) -> Scale:
    """Choose an axis for shares that begins at zero: to 40%, or as far as needed."""
    highest = max((figure.high for figure in figures if figure), default=0.0)
    high = max(least, math.ceil(round(highest, 6) * 10) / 10)
    step = 0.1 if high <= 0.5 else 0.2
    return Scale(low=0.0, high=_up(high, step), step=step, put=per_cent)


def found_scale(figures: Sequence[Figure | None]) -> Scale:
    """Choose an axis for shares that end at one: from 20%, or from zero if needed."""
    lowest = min((figure.low for figure in figures if figure), default=1.0)
    return Scale(low=0.2 if lowest >= 0.2 else 0.0, high=1.0, step=0.2, put=per_cent)


def kappa_scale(figures: Sequence[Figure | None]) -> Scale:
    """Choose an axis for kappa: from 0.5, from 0 or from -1, to 1."""
    lowest = min((figure.low for figure in figures if figure), default=1.0)
    for low, step in ((0.5, 0.1), (0.0, 0.2)):
        if lowest >= low:
            return Scale(low=low, high=1.0, step=step, put=one_place)
    return Scale(low=-1.0, high=1.0, step=0.5, put=one_place)


def per_cent(value: float) -> str:
    """Write a share on an axis."""
    return f"{value:.0%}"


def one_place(value: float) -> str:
    """Write kappa on an axis."""
    return f"{value:.1f}".replace("-", "−")  # noqa: RUF001 - a minus sign


def line_chart(
    figures: Sequence[Figure | None],
    *,
    days: Sequence[str],
    scale: Scale,
    name: str,
    title: str,
    words: str,
    limit: Limit | None = None,
    few: Sequence[bool] = (),
) -> SafeString:
    """Draw values over time with the band of their intervals.

    Where there is no figure there is a gap, with the word "few" once in it where
    ``few`` says so.
    ``name`` is the chart's own on its page; ``title`` and ``words`` are read aloud.
    """
    width = (RIGHT - LEFT) / max(len(figures), 1)
    at = [LEFT + (n + 0.5) * width for n in range(len(figures))]
    every = math.ceil(len(days) / MOST_LABELS) if len(days) > MOST_LABELS else 1
    parts = [
        format_html('<title id="{}-t">{}</title>', name, title),
        format_html('<desc id="{}-d">{}</desc>', name, words),
        *(_gridline(value, scale) for value in scale.steps()),
        *(_band(run, at, scale) for run in _runs(figures)),
        *(_limit(limit, scale) if limit else ()),
        *(part for run in _runs(figures) for part in _line(run, at, scale)),
        *(_middle(x, FEW_AT, "few") for x in _middles_of(few, at)),
        *(_middle(at[n], UNDER, day) for n, day in enumerate(days) if n % every == 0),
    ]
    return format_html(
        '<svg class="chart" viewBox="0 0 390 190" role="img" '
        'aria-labelledby="{}-t {}-d">{}</svg>',
        name,
        name,
        _joined(parts),
    )


def dot_plot(figure: Figure, *, reference: float | None, scale: Scale) -> SafeString:
    """Draw one value with its interval, and a dashed line at that of all cases.

    It says nothing that does not stand in numbers beside it.
    """

    def x(value: float) -> float:
        along = PLOT_LEFT + scale.share(value) * (PLOT_RIGHT - PLOT_LEFT)
        return round(along, 1)

    low, high, middle = x(figure.low), x(figure.high), PLOT_MIDDLE
    upright = (middle - TICK, middle + TICK)
    parts = [_segment("gridline", PLOT_LEFT, middle, PLOT_RIGHT, middle)]
    if reference is not None:
        parts.append(_segment("ref", x(reference), 0, x(reference), 2 * middle))
    parts += [
        _segment("whisker", low, middle, high, middle),
        _segment("whisker", low, upright[0], low, upright[1]),
        _segment("whisker", high, upright[0], high, upright[1]),
        _dot(x(figure.value), middle, 5.5),
    ]
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" aria-hidden="true">{}</svg>',
        PLOT_WIDTH,
        2 * middle,
        _joined(parts),
    )


def dot_axis(scale: Scale) -> SafeString:
    """Write the values under which the dots of a column stand."""
    steps = scale.steps()
    ends = {0: (0.0, "t-start"), len(steps) - 1: (float(PLOT_WIDTH), "t-end")}
    parts = []
    for n, value in enumerate(steps):
        inside = PLOT_LEFT + scale.share(value) * (PLOT_RIGHT - PLOT_LEFT)
        along, kind = ends.get(n, (inside, "t-mid"))
        parts.append(_text(kind, round(along, 1), 13, scale.put(value)))
    return format_html(
        '<svg class="chart" viewBox="0 0 {} 18" aria-hidden="true">{}</svg>',
        PLOT_WIDTH,
        _joined(parts),
    )


def _up(value: float, step: float) -> float:
    return round(math.ceil(round(value / step, 6)) * step, 6)


def _y(value: float, scale: Scale) -> float:
    return round(BOTTOM - scale.share(value) * (BOTTOM - TOP), 1)


def _runs(figures: Sequence[Figure | None]) -> list[list[tuple[int, Figure]]]:
    """Return the stretches without a gap."""
    runs: list[list[tuple[int, Figure]]] = [[]]
    for n, figure in enumerate(figures):
        if figure is None:
            runs.append([])
        else:
            runs[-1].append((n, figure))
    return [run for run in runs if run]


def _middles_of(few: Sequence[bool], at: Sequence[float]) -> list[float]:
    """Return the middle of each gap, however many points it has."""
    found: list[list[float]] = [[]]
    for is_few, x in zip(few, at, strict=False):
        if is_few:
            found[-1].append(x)
        elif found[-1]:
            found.append([])
    return [(gap[0] + gap[-1]) / 2 for gap in found if gap]


def _band(
    run: Sequence[tuple[int, Figure]], at: Sequence[float], scale: Scale
) -> SafeString:
    upper = [(at[n], _y(figure.high, scale)) for n, figure in run]
    lower = [(at[n], _y(figure.low, scale)) for n, figure in reversed(run)]
    if len(run) == 1:
        [(x, top)], [(_, bottom)] = upper, lower
        upper = [(x - LONE, top), (x + LONE, top)]
        lower = [(x + LONE, bottom), (x - LONE, bottom)]
    return format_html('<polygon class="band" points="{}"/>', _points([*upper, *lower]))


def _line(
    run: Sequence[tuple[int, Figure]], at: Sequence[float], scale: Scale
) -> list[SafeString]:
    points = [(at[n], _y(figure.value, scale)) for n, figure in run]
    line = format_html('<polyline class="series" points="{}"/>', _points(points))
    dots = [_dot(round(x, 1), y, 4.5) for x, y in points]
    return [line, *dots] if len(run) > 1 else dots


def _gridline(value: float, scale: Scale) -> SafeString:
    y = _y(value, scale)
    mark = _text("t-end", LEFT - 7, y + 4, scale.put(value))
    return _joined([_segment("gridline", LEFT, y, RIGHT, y), mark])


def _limit(limit: Limit, scale: Scale) -> list[SafeString]:
    if not scale.low <= limit.value <= scale.high:
        return []
    y = _y(limit.value, scale)
    return [
        _segment("limit", LEFT, y, RIGHT, y),
        _text("t-end", RIGHT, round(y - 6, 1), limit.words),
    ]


def _segment(kind: str, x1: float, y1: float, x2: float, y2: float) -> SafeString:
    return format_html(
        '<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>', kind, x1, y1, x2, y2
    )


def _dot(x: float, y: float, radius: float) -> SafeString:
    return format_html('<circle class="dot" cx="{}" cy="{}" r="{}"/>', x, y, radius)


def _middle(x: float, y: float, words: str) -> SafeString:
    return _text("t-mid", round(x, 1), y, words)


def _text(kind: str, x: float, y: float, words: str) -> SafeString:
    return format_html(
        '<text class="{}" x="{}" y="{}">{}</text>', kind, x, round(y, 1), words
    )


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _joined(parts: Sequence[SafeString]) -> SafeString:
    return format_html_join("", "{}", ((part,) for part in parts))
