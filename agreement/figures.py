"""What counts of drafts and signed reports say: shares and kappa, with their intervals.

Pure: numbers go in and numbers come out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from screening.results import RISING, UNCLASSIFIED

Z = 1.96
"""The standard normal deviate of a two-sided interval of 95%."""

RISKS: tuple[str, ...] = RISING
FURTHEST = len(RISKS) - 1

Said = tuple[str, str, str]
"""What the draft, the reference rules and the signed report say of one case."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A value with the interval that it lies in."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """So many of so many."""

    part: int
    whole: int

    @property
    def figure(self) -> Figure | None:
        """The share with its interval; nothing where there are no cases at all."""
        return wilson(self.part, self.whole) if self.whole else None


def wilson(part: int, whole: int) -> Figure:
    """Give a share with its score interval.

    With p = part/whole and n = whole: centre (p + z²/2n) / (1 + z²/n), half-width
    z·√(p(1-p)/n + z²/4n²) / (1 + z²/n). E. B. Wilson, Probable inference, the law of
    succession, and statistical inference, JASA 22 (1927), 209-212.

    Raises:
        ValueError: the whole is not positive, or the part not within it.
    """
    if not 0 <= part <= whole or whole == 0:
        raise ValueError("A share is a part of something.")
    p, z2 = part / whole, Z * Z
    scale = 1 + z2 / whole
    centre = (p + z2 / (2 * whole)) / scale
    half = Z * math.sqrt(p * (1 - p) / whole + z2 / (4 * whole * whole)) / scale
    # Rounding must not push an end past the value that it should include.
    return Figure(
        value=p,
        low=min(max(centre - half, 0.0), p),
        high=max(min(centre + half, 1.0), p),
    )


def weight(one: str, other: str) -> float:
    """How far two risks agree: 1 where they are the same, 0 at the two ends."""
    apart = (RISKS.index(one) - RISKS.index(other)) / FURTHEST
    return 1.0 - apart * apart


def kappa(matrix: Mapping[tuple[str, str], int]) -> Figure | None:
    """Give the quadratic weighted kappa of draft and signed risk, with its interval.

    With w = 1 - (i-j)²/(k-1)² over the k = 4 risks, kappa = (o - e) / (1 - e), where o
    is the weighted share of agreement and e the one that the margins alone would give:
    J. Cohen, Weighted kappa, Psychological Bulletin 70 (1968), 213-220. The interval is
    the large-sample one: J. L. Fleiss, J. Cohen and B. S. Everitt, Large sample
    standard errors of kappa and weighted kappa, Psychological Bulletin 72 (1969),
    323-327.

    Answers that could not be used are left out. Nothing is returned where there are no
    cases, or where all of them, by draft and by report, are of one risk: there chance
    explains everything, and kappa says nothing.
    """
    used = {
        pair: number
        for pair, number in matrix.items()
        if number and pair[0] in RISKS and pair[1] in RISKS
    }
    cases = sum(used.values())
    if not cases:
        return None
    shares = {pair: number / cases for pair, number in used.items()}
    drafts, signed = _margins(shares)
    expected = sum(drafts[i] * signed[j] * weight(i, j) for i in RISKS for j in RISKS)
    if math.isclose(expected, 1.0):
        return None
    observed = sum(share * weight(*pair) for pair, share in shares.items())
    if all(draft == signed for draft, signed in used):
        return Figure(value=1.0, low=1.0, high=1.0)
    value = min(max((observed - expected) / (1 - expected), -1.0), 1.0)
    # The weighted means of each row and each column.
    of_row = {i: sum(signed[j] * weight(i, j) for j in RISKS) for i in RISKS}
    of_column = {j: sum(drafts[i] * weight(i, j) for i in RISKS) for j in RISKS}
    spread = sum(
        share * (weight(i, j) - (of_row[i] + of_column[j]) * (1 - value)) ** 2
        for (i, j), share in shares.items()
    )
    variance = spread - (value - expected * (1 - value)) ** 2
    half = Z * math.sqrt(max(variance, 0.0) / cases) / (1 - expected)
    return Figure(value=value, low=max(value - half, -1.0), high=min(value + half, 1.0))


def _margins(
    shares: Mapping[tuple[str, str], float],
) -> tuple[dict[str, float], dict[str, float]]:
    drafts, signed = dict.fromkeys(RISKS, 0.0), dict.fromkeys(RISKS, 0.0)
    for (draft, final), share in shares.items():
        drafts[draft] += share
        signed[final] += share
    return drafts, signed


class Agreement:
    """What all figures of one group of cases are reckoned from."""

    def __init__(self, said: Mapping[Said, int]) -> None:
        self.said = said
        self.matrix: Counter[tuple[str, str]] = Counter()
        for (draft, _, signed), number in said.items():
            self.matrix[draft, signed] += number

    @property
    def cases(self) -> int:
        """How many reports were signed."""
        return self.matrix.total()

    @property
    def usable(self) -> int:
        """How many of them had a draft that could be used."""
        return sum(
            number for (draft, _), number in self.matrix.items() if draft in RISKS
        )

    @property
    def changed(self) -> Share:
        """Of the usable drafts, those whose risk the clinician changed."""
        changed = sum(
            number
            for (draft, signed), number in self.matrix.items()
            if draft in RISKS and draft != signed
        )
        return Share(part=changed, whole=self.usable)

    @property
    def kappa(self) -> Figure | None:
        """How far draft and report agree beyond chance."""
        return kappa(self.matrix)

    @property
    def found_by_draft(self) -> Share:
        """Of the children signed as Refer, those whose draft said so.

        A draft that could not be used found nobody.
        """
        return self._refers("draft")

    @property
    def found_by_either(self) -> Share:
        """Of the children signed as Refer, those whom draft or rules had found."""
        return self._refers("draft", "rules")

    def count(self, *, draft: str, signed: str, raised_by_rules: bool = False) -> int:
        """Count the cases of one cell; or only those that the rules listed higher."""
        return sum(
            number
            for (d, rules, s), number in self.said.items()
            if (d, s) == (draft, signed)
            and (not raised_by_rules or _higher(rules, draft))
        )

    def _refers(self, *finders: str) -> Share:
        found = whole = 0
        for (draft, rules, signed), number in self.said.items():
            if signed != "refer":
                continue
            whole += number
            by = {"draft": draft, "rules": rules}
            if any(by[finder] == "refer" for finder in finders):
                found += number
        return Share(part=found, whole=whole)


def _higher(one: str, other: str) -> bool:
    order = (UNCLASSIFIED, *RISKS)
    return one in RISKS and order.index(one) > order.index(other)
