"""What is shown of all cases: four figures, and draft against signed risk."""

from __future__ import annotations

from dataclasses import dataclass

from agreement.cells import LEAST
from agreement.figures import Agreement, Share
from agreement.wording import NONE, ends, one_decimal, two_decimals
from screening.results import RISING, UNCLASSIFIED

HEATS = ((0.6, 4), (0.35, 3), (0.15, 2), (0.0, 1))
"""From which share of the largest number on a cell has which heat."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """One of the four figures at the top."""

    name: str
    figure: str
    interval: str
    under: str


def cards(everything: Agreement) -> list[Card]:
    """Write the four figures; none that rests on fewer than ten cases."""
    refers = "signed as Refer"
    return [
        _share_card(
            "Risk changed by the clinician", everything.changed, "usable drafts"
        ),
        _kappa_card(everything),
        _share_card("Refer found by the draft", everything.found_by_draft, refers),
        _share_card(
            "Refer found by draft or rules", everything.found_by_either, refers
        ),
    ]


def _share_card(name: str, share: Share, of_what: str) -> Card:
    figure = share.figure
    if figure is None or share.whole < LEAST:
        under = f"Fewer than {LEAST} {of_what}"
        return Card(name=name, figure=NONE, interval="Too few to show", under=under)
    return Card(
        name=name,
        figure=one_decimal(figure.value),
        interval=f"95% interval {ends(figure, one_decimal)}",
        under=f"{share.part} of {share.whole} {of_what}",
    )


def _kappa_card(everything: Agreement) -> Card:
    name, under = "Weighted kappa, draft and signed", "1 is full agreement, 0 is chance"
    figure = everything.kappa
    if everything.usable < LEAST:
        under = f"Fewer than {LEAST} usable drafts"
        return Card(name=name, figure=NONE, interval="Too few to show", under=under)
    if figure is None:
        interval = "Every draft and every report is of one risk"
        return Card(name=name, figure=NONE, interval=interval, under=under)
    return Card(
        name=name,
        figure=two_decimals(figure.value),
        interval=f"95% interval {ends(figure, two_decimals)}",
        under=under,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class MatrixCell:
    """How many cases have this draft and this signed risk."""

    number: int
    heat: int
    is_same: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class MatrixRow:
    """All cases with one draft risk."""

    draft: str
    cells: list[MatrixCell]
    total: int


def matrix(everything: Agreement) -> list[MatrixRow]:
    """Set draft against signed risk, with a heat for each number."""
    found = everything.matrix
    largest = max(found.values(), default=0)
    rows = []
    for draft in (*RISING, UNCLASSIFIED):
        numbers = [found[draft, signed] for signed in RISING]
        cells = [
            MatrixCell(
                number=number, heat=_heat(number, largest), is_same=draft == signed
            )
            for number, signed in zip(numbers, RISING, strict=True)
        ]
        rows.append(MatrixRow(draft=draft, cells=cells, total=sum(numbers)))
    return rows


def _heat(number: int, largest: int) -> int:
    if not number:
        return 0
    return next(heat for least, heat in HEATS if number / largest > least)
