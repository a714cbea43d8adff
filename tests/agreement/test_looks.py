"""The page's own style sheet and words: readable in light and dark."""

from __future__ import annotations

import re

import pytest
from django.template.loader import render_to_string

from screening.models import Risk
from tests.browser.test_theme import TEXT, contrast
from tests.servers import ROOT

CSS = (ROOT / "pediscreen_site/static/desk/agreement.css").read_text()


def blocks() -> list[dict[str, str]]:
    """Return the variables of the light and the two dark blocks."""
    found = re.findall(r"\{([^{}]*--heat-0: [^{}]*)\}", CSS)
    return [dict(re.findall(r"(--[\w-]+): ([^;]+);", block)) for block in found]


def test_the_two_dark_blocks_are_the_same():
    light, dark, also_dark = blocks()

    assert dark == also_dark
    assert light.keys() == dark.keys()


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize("heat", range(5))
def test_numbers_can_be_read_on_every_heat(scheme, heat):
    found = blocks()[scheme]

    assert contrast(found["--heat-fg"], found[f"--heat-{heat}"]) >= TEXT


@pytest.mark.parametrize("risk", Risk)
def test_a_risk_is_shown_as_shape_and_word(risk):
    shown = render_to_string("agreement/word.html", {"risk": risk.value})

    assert f'href="#i-{risk.value}"' in shown
    assert re.sub(r"<[^>]+>", "", shown).strip() == risk.label
    assert f".m-{risk.value} {{ color: var(--risk-{risk.value}-mark); }}" in CSS
