"""The theme: readable in light and dark, and nothing told by colour alone."""

from __future__ import annotations

import re
from functools import cache

import pytest

from routing.admin.targets import STATE_TAGS as TARGET_STATE_TAGS
from routing.admin.tasks import DEAD_TAG
from routing.admin.tasks import STATUS_TAGS as TASK_STATUS_TAGS
from routing.models import Task
from screening.admin.parts import ANSWERED, NO_ANSWER, STATE_TAGS, STATUS_TAGS
from screening.models import Job, Review, Risk
from tests.servers import ROOT

CSS = (ROOT / "pediscreen_site/static/desk/desk.css").read_text()
ICONS = (ROOT / "templates/desk/icons.html").read_text()
TEXT, EDGE = 4.5, 3.0
GROUNDS = ["--body-bg", "--desk-page", "--desk-draft"]


@cache
def tokens(scheme: str) -> dict[str, str]:
    """Return the variables of one colour scheme."""
    start = CSS.index(f'html[data-theme="{scheme}"]')
    block = CSS[CSS.index("{", start) + 1 : CSS.index("}", start)]
    return dict(re.findall(r"(--[\w-]+): ([^;]+);", block))


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
        for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


PAIRS = [
    *[("--body-fg", ground, TEXT) for ground in GROUNDS],
    *[("--body-loud-color", ground, TEXT) for ground in GROUNDS],
    *[("--body-medium-color", ground, TEXT) for ground in GROUNDS],
    *[("--body-quiet-color", ground, TEXT) for ground in GROUNDS],
    *[("--link-fg", ground, TEXT) for ground in GROUNDS],
    *[("--error-fg", ground, TEXT) for ground in GROUNDS],
    *[
        (f"--desk-{kind}-fg", g, TEXT)
        for kind in ("ok", "warn", "bad")
        for g in GROUNDS
    ],
    *[("--border-color", ground, EDGE) for ground in GROUNDS],
    *[("--desk-focus", ground, EDGE) for ground in GROUNDS],
    ("--button-fg", "--button-bg", TEXT),
    ("--button-fg", "--default-button-bg", TEXT),
    ("--body-fg", "--message-success-bg", TEXT),
    ("--body-fg", "--message-warning-bg", TEXT),
    ("--body-fg", "--message-error-bg", TEXT),
    ("--body-fg", "--selected-bg", TEXT),
    ("--body-fg", "--selected-row", TEXT),
    *[(f"--risk-{risk}-mark", g, EDGE) for risk in Risk.values for g in GROUNDS],
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("one", "other", "least"), PAIRS)
def test_text_and_edges_stand_out_from_their_ground(scheme, one, other, least):
    found = tokens(scheme)

    assert contrast(found[one], found[other]) >= least


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("risk", Risk.values)
def test_the_word_in_a_badge_stands_out_from_it(scheme, risk):
    found = tokens(scheme)
    ground = found[f"--risk-{risk}-bg"]
    grounds = [found[g] for g in GROUNDS] if ground == "transparent" else [ground]

    assert all(contrast(found[f"--risk-{risk}-fg"], g) >= TEXT for g in grounds)


def test_the_two_blocks_of_dark_colours_are_equal():
    asked, chosen = (
        CSS.index("@media (prefers-color-scheme: dark)"),
        'data-theme="dark"',
    )
    start = CSS.index(":root {", asked)
    block = CSS[start : CSS.index("}", start)]

    assert dict(re.findall(r"(--[\w-]+): ([^;]+);", block)) == tokens("dark")
    assert chosen in CSS


def test_both_schemes_have_the_same_colours_to_set():
    colours = [
        {name for name, value in tokens(scheme).items() if value.startswith("#")}
        for scheme in ("light", "dark")
    ]

    assert colours[0] == colours[1]


def test_every_variable_that_is_used_is_set():
    used = set(re.findall(r"var\((--(?:desk|risk)-[\w-]+)", CSS))

    assert used <= set(tokens("light"))


@pytest.mark.parametrize("risk", Risk.values)
def test_every_risk_has_a_shape_of_its_own_and_a_badge(risk):
    shapes = re.findall(
        r'<symbol id="i-([\w-]+)" viewBox="[^"]+">(.*?)</symbol>', ICONS
    )
    mine = [drawn for name, drawn in shapes if name == risk]

    assert len(mine) == 1
    assert [drawn for _, drawn in shapes].count(mine[0]) == 1
    assert re.search(rf"\.risk-{risk} {{[^}}]*color: var\(--risk-{risk}-fg\)", CSS)


def test_every_sign_that_is_used_is_drawn():
    pages = " ".join(path.read_text() for path in (ROOT / "templates").rglob("*.html"))
    used = set(re.findall(r'href="#i-([\w-]+)"', pages))
    used |= {sign for sign, _ in [*STATUS_TAGS.values(), *STATE_TAGS.values()]}
    used |= {sign for sign, _, _ in [*TARGET_STATE_TAGS.values(), DEAD_TAG]}
    code = " ".join(
        path.read_text()
        for app in ("screening", "routing", "agreement", "audit", "people")
        for path in (ROOT / app).rglob("*.py")
    )
    drawn = set(re.findall(r'<symbol id="i-([\w-]+)"', ICONS))
    used |= {sign for sign in drawn if f'"{sign}"' in code}
    used |= {sign for sign, _ in TASK_STATUS_TAGS.values()}
    used |= {sign for sign, _ in [*ANSWERED.values(), NO_ANSWER]} | set(Risk.values)

    assert used == drawn


def test_every_status_and_state_has_a_tag():
    assert set(STATUS_TAGS) == set(Job.Status)
    assert set(STATE_TAGS) == set(Review.State)
    assert set(TASK_STATUS_TAGS) == set(Task.Status)


def test_the_sheet_does_not_move_anything_for_those_who_asked_for_rest():
    assert "prefers-reduced-motion" in CSS
    assert "@keyframes" not in CSS
