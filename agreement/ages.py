"""In which bands ages are counted."""

from __future__ import annotations

import math

BANDS = {
    "under_12m": "Under 12 months",
    "12_to_23m": "12 to 23 months",
    "2_to_3y": "2 to 3 years",
    "3y_and_over": "3 years and over",
    "not_given": "Age not given",
}
UPPER = {"under_12m": 12.0, "12_to_23m": 24.0, "2_to_3y": 36.0}


def band_of(months: object) -> str:
    """Name the band of an age in months; a text that is a number counts as one."""
    try:
        age = float(months)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return "not_given"
    if not math.isfinite(age) or age < 0:
        return "not_given"
    return next((band for band, end in UPPER.items() if age < end), "3y_and_over")
