"""What is shown over time: three charts, each with its numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.safestring import SafeString

from agreement.cells import LEAST, too_small
from agreement.charts import (
    Limit,
    Scale,
    found_scale,
    kappa_scale,
    line_chart,
    share_scale,
)
from agreement.figures import Agreement, Figure, Said
from agreement.findings import FEW_FOUND, LOW_KAPPA
from agreement.periods import STEPS, Period, in_words
from agreement.wording import (
    NONE,
    NOT_SHOWN,
    UNDER,
    Put,
    ends,
    two_decimals,
    whole,
)

STRETCHES = {1: "week", 2: "two weeks", 4: "four weeks"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One row of the table under a chart."""

    day: str
    cases: str
    value: str
    interval: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """One chart over time, with its numbers."""

    heading: str
    picture: SafeString
    points: list[Point]
    of_what: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """What one chart shows, and how."""

    name: str
    heading: str
    title: str
    of_what: str
    size: int
    read: Callable[[Agreement], Figure | None]
    count: Callable[[Agreement], int]
    scale: Callable[[Sequence[Figure | None]], Scale]
    put: Put
    limit: Limit | None = None


def measures(period: Period) -> list[Measure]:
    """Name what is drawn over time."""
    size, of_refers = STEPS[period.weeks]
    by, by_refers = STRETCHES[size], STRETCHES[of_refers]
    return [
        Measure(
            name="changed",
            heading="Risk changed by the clinician",
            title=f"Share of drafts whose risk the clinician changed, by {by}",
            of_what="Cases",
            size=size,
            read=lambda found: found.changed.figure,
            count=lambda found: found.usable,
            scale=lambda figures: share_scale(figures, least=0.5),
            put=whole,
        ),
        Measure(
            name="kappa",
            heading="Weighted kappa",
            title=f"Weighted kappa between draft and signed risk, by {by}",
            of_what="Cases",
            size=size,
            read=lambda found: found.kappa,
            count=lambda found: found.usable,
            scale=kappa_scale,
            put=two_decimals,
            limit=Limit(value=LOW_KAPPA, words=f"alert under {LOW_KAPPA:.2f}"),
        ),
        Measure(
            name="found",
            heading=f"Refer found by the draft, by {by_refers}",
            title="Share of children signed as Refer whose draft said Refer, "
            f"by {by_refers}",
            of_what="Refer",
            size=of_refers,
            read=lambda found: found.found_by_draft.figure,
            count=lambda found: found.found_by_draft.whole,
            scale=found_scale,
            put=whole,
            limit=Limit(value=FEW_FOUND, words=f"alert under {FEW_FOUND:.0%}"),
        ),
    ]


def over_time(
    weeks: Mapping[date, Counter[Said]], period: Period, measure: Measure
) -> Chart:
    """Draw one measure, and write its numbers."""
    said = {day: Counter[Said]() for day in period.blocks(measure.size)}
    for week, counts in weeks.items():
        said[period.block_of(week, measure.size)] += counts
    found = {day: Agreement(counts) for day, counts in said.items()}
    numbers = {day: measure.count(each) for day, each in found.items()}
    hidden = too_small(numbers)
    figures = {
        day: None if day in hidden else measure.read(each)
        for day, each in found.items()
    }
    shown = list(figures.values())
    picture = line_chart(
        shown,
        days=[in_words(day) for day in figures],
        scale=measure.scale(shown),
        name=f"chart-{measure.name}",
        title=measure.title,
        words=_told(figures, measure),
        limit=measure.limit,
        few=[day in hidden for day in figures],
    )
    points = [
        _point(day, figure, numbers[day], is_hidden=day in hidden, put=measure.put)
        for day, figure in figures.items()
    ]
    return Chart(
        heading=measure.heading,
        picture=picture,
        points=points,
        of_what=measure.of_what,
    )


def _point(
    day: date, figure: Figure | None, number: int, *, is_hidden: bool, put: Put
) -> Point:
    cases = str(number)
    if is_hidden:
        cases = UNDER if number < LEAST else NOT_SHOWN
    return Point(
        day=in_words(day),
        cases=cases,
        value=put(figure.value) if figure else NOT_SHOWN if is_hidden else NONE,
        interval=ends(figure, put) if figure else NONE,
    )


def _told(figures: Mapping[date, Figure | None], measure: Measure) -> str:
    """Say in a sentence how a measure went."""
    known = [(day, figure) for day, figure in figures.items() if figure is not None]
    if not known:
        return "Too few cases at any time."
    (first, before), (last, after) = known[0], known[-1]
    was, now = measure.put(before.value), measure.put(after.value)
    if first == last:
        return f"{was} from {in_words(first)} on; too few cases at any other time."
    how = "Rises" if after.value > before.value else "Falls"
    if was == now:
        how = "Goes"
    return f"{how} from {was} on {in_words(first)} to {now} on {in_words(last)}."
