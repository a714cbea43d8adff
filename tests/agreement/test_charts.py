"""Charts come from numbers alone, and say what they show."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agreement.charts import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    Limit,
    dot_axis,
    dot_plot,
    found_scale,
    kappa_scale,
    line_chart,
    share_scale,
)
from agreement.figures import Figure, wilson

DAYS = ["31 Aug", "7 Sep", "14 Sep", "21 Sep"]
shares = st.integers(0, 50).map(lambda part: wilson(part, 50))
series = st.lists(st.none() | shares, min_size=1, max_size=13)


def figure(value: float, low: float, high: float) -> Figure:
    return Figure(value=value, low=low, high=high)


def chart(figures, *, few=(), scale=None, limit=None, title="T", words="W"):
    svg = line_chart(
        figures,
        days=[f"day {n}" for n in range(len(figures))],
        scale=scale or share_scale(figures, least=0.5),
        name="c",
        title=title,
        words=words,
        limit=limit,
        few=few,
    )
    return ET.fromstring(svg)  # noqa: S314 - our own drawing


def texts(svg: ET.Element) -> list[str]:
    return [each.text for each in svg.iter("text")]


def test_a_chart_is_a_picture_with_a_title_and_a_sentence():
    svg = chart([wilson(6, 31)], title="Share of <drafts>", words="Falls & rises.")

    assert svg.get("role") == "img"
    named = {each.get("id"): each.text for each in svg if each.get("id")}
    assert svg.get("aria-labelledby").split() == list(named)
    assert list(named.values()) == ["Share of <drafts>", "Falls & rises."]


def test_a_value_stands_where_its_axis_says():
    svg = chart([figure(0.1, 0.0, 0.5)])

    [dot] = svg.iter("circle")
    assert float(dot.get("cx")) == pytest.approx((LEFT + RIGHT) / 2)
    assert float(dot.get("cy")) == pytest.approx(BOTTOM - (BOTTOM - TOP) / 5, abs=0.1)
    [band] = svg.iter("polygon")
    heights = {float(point.split(",")[1]) for point in band.get("points").split()}
    assert heights == {TOP, BOTTOM}


def test_a_gap_parts_the_line_and_says_few_once():
    some = wilson(6, 31)

    svg = chart(
        [some, some, None, None, some, some], few=[False] * 2 + [True] * 2 + [False] * 2
    )

    assert len(list(svg.iter("polyline"))) == len(list(svg.iter("polygon"))) == 2
    assert texts(svg).count("few") == 1


def test_a_gap_for_another_reason_says_nothing():
    assert "few" not in texts(chart([None, wilson(1, 20)], few=[False, False]))


def test_where_an_alert_begins_there_is_a_line_if_it_is_on_the_axis():
    limit = Limit(value=0.4, words="alert under 40%")

    assert "alert under 40%" in texts(chart([wilson(3, 20)], limit=limit))
    far = Limit(value=0.9, words="alert")
    assert "alert" not in texts(chart([wilson(3, 20)], limit=far))


def test_days_do_not_run_into_each_other():
    assert [t for t in texts(chart([None] * 12)) if t.startswith("day")] == [
        f"day {n}" for n in range(0, 12, 2)
    ]
    assert sum(t.startswith("day") for t in texts(chart([None] * 13))) <= 6


@given(series)
def test_nothing_is_drawn_outside_the_picture(figures):
    svg = chart(figures, few=[each is None for each in figures])

    for dot in svg.iter("circle"):
        assert LEFT <= float(dot.get("cx")) <= RIGHT
        assert TOP <= float(dot.get("cy")) <= BOTTOM
    assert len(list(svg.iter("circle"))) == sum(each is not None for each in figures)


@given(series)
def test_the_axis_of_shares_holds_every_interval(figures):
    for scale in (share_scale(figures), found_scale(figures)):
        for each in figures:
            if each is not None:
                assert scale.low <= each.low + 1e-9
                assert each.high <= scale.high + 1e-9
        assert len(scale.steps()) <= 6


@pytest.mark.parametrize(
    ("lowest", "marks"),
    [
        (0.7, ["0.5", "0.6", "0.7", "0.8", "0.9", "1.0"]),
        (0.2, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (-0.4, ["−1.0", "−0.5", "0.0", "0.5", "1.0"]),  # noqa: RUF001
    ],
)
def test_the_axis_of_kappa_goes_as_low_as_is_needed(lowest, marks):
    scale = kappa_scale([None, figure(0.8, lowest, 0.9)])

    assert [scale.put(step) for step in scale.steps()] == marks


def test_a_dot_stands_between_its_whiskers_beside_the_value_of_all():
    scale = share_scale([], least=0.4)
    svg = ET.fromstring(  # noqa: S314 - our own drawing
        dot_plot(figure(0.2, 0.1, 0.3), reference=0.13, scale=scale)
    )

    [dot] = svg.iter("circle")
    ends = [float(w.get("x1")) for w in svg.iter("line") if w.get("class") == "whisker"]
    assert (min(ends), float(dot.get("cx")), max(ends)) == (65.5, 125.0, 184.5)
    assert svg.get("aria-hidden") == "true"
    [mark] = [w for w in svg.iter("line") if w.get("class") == "ref"]
    assert float(mark.get("x1")) == pytest.approx(83.4, abs=0.1)


def test_an_axis_names_its_steps():
    svg = ET.fromstring(dot_axis(found_scale([])))  # noqa: S314 - our own drawing

    assert texts(svg) == ["20%", "40%", "60%", "80%", "100%"]


def test_no_drawing_has_a_style_of_its_own():
    drawn = str(dot_plot(wilson(3, 20), reference=0.1, scale=share_scale([])))

    assert "style" not in drawn
    assert "<script" not in drawn
