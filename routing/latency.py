"""How long a target takes, learnt from many workers' calls. It reckons, no more.

A histogram over logarithmic buckets: those of several workers add up, old calls fade,
and a quantile is within a tenth of the true one.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping

STEPS_PER_DOUBLING = 4
BUCKETS = 88
"""From 1 ms to over an hour."""

HALF_LIFE_SECONDS = 600.0
ENOUGH = 5.0
"""Calls, faded ones counted for less, before anything is said of them."""

FAINTEST = 0.01

DURATIONS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper ends, in seconds, of what is counted for ever; a last place has the rest."""

Histogram = Mapping[int, float]
"""Calls by bucket; a call that has faded counts for less than one."""


def bucket_of(milliseconds: float) -> int:
    """Return the bucket of one call."""
    if milliseconds <= 1:
        return 0
    step = math.ceil(STEPS_PER_DOUBLING * math.log2(milliseconds))
    return min(step, BUCKETS - 1)


def place_of(seconds: float) -> int:
    """Return the place of one call in `DURATIONS`."""
    return bisect_left(DURATIONS, seconds)


def merged(old: Histogram, fresh: Histogram, *, elapsed: float) -> dict[int, float]:
    """Add fresh calls to old ones, which have faded for ``elapsed`` seconds."""
    faded = 0.5 ** (max(elapsed, 0.0) / HALF_LIFE_SECONDS)
    total = {bucket: weight * faded for bucket, weight in old.items()}
    for bucket, weight in fresh.items():
        total[bucket] = total.get(bucket, 0.0) + weight
    return {bucket: weight for bucket, weight in total.items() if weight >= FAINTEST}


def quantile(calls: Histogram, share: float) -> float | None:
    """Return the milliseconds within which ``share`` (0 to 1) of the calls ended.

    That is the upper end of a bucket, so never less than the true one by more than
    rounding, and less than a fifth above it. None before there are enough calls.
    """
    total = sum(calls.values())
    if total < ENOUGH:
        return None
    wanted, seen = share * total, 0.0
    for bucket in sorted(calls):
        seen += calls[bucket]
        if seen >= wanted - 1e-9:
            break
    return float(2.0 ** (bucket / STEPS_PER_DOUBLING))
