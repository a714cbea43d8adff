"""How figures are written, and what is said where there is none."""

from __future__ import annotations

from collections.abc import Callable

from agreement.cells import LEAST
from agreement.figures import Figure

UNDER, NOT_SHOWN, NONE = f"under {LEAST}", "not shown", "–"  # noqa: RUF001 - a dash
TOO_FEW = "too few to show"
KEPT_BACK = "not shown, so that no smaller group can be reckoned from the others"
Put = Callable[[float], str]


def whole(value: float) -> str:
    """Write a share as whole per cent."""
    return f"{value:.0%}"


def one_decimal(value: float) -> str:
    """Write a share as per cent with one decimal."""
    return f"{value:.1%}"


def two_decimals(value: float) -> str:
    """Write kappa."""
    return f"{value:.2f}".replace("-", "−")  # noqa: RUF001 - a minus sign


def ends(figure: Figure, put: Put) -> str:
    """Write an interval."""
    return f"{put(figure.low)} to {put(figure.high)}"
