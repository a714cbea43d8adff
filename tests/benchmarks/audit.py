"""What writing the audit costs a submission and a completion.

The services on PostgreSQL in one process, with and without their events, taking turns
so that whatever else the machine does falls on both. A completion is measured twice:
the claim and the settling alone, and as a worker does it, from taking the job off the
queue until it is off RQ's lists, with the call to the reference model server on
loopback. Sealing is beside the work, not in it, and has a figure of its own.
"""

from __future__ import annotations

import json
import subprocess
from statistics import quantiles
from typing import Any

from tests.system.stack import PYTHON, Stack, free_port, wait_until

ROUNDS = 120
TOGETHER = 32
WARM_UP = 4
"""Rounds that do not count."""


def audit_cost() -> dict[str, Any]:
    """Return what is spent on a submission and on a completion, with and without it.

    ``submit``, ``settle`` and ``complete`` list a pair for each round, without
    events and with: seconds, and seconds of processor time of the process and of
    PostgreSQL. ``seal`` is events a second.
    """
    port = free_port()
    model = f"http://127.0.0.1:{port}/infer"
    with Stack(DATABASE_POOL_SIZE=4, EDGE_MODEL_URL=model) as stack:
        stack.start("manage.py", "modelserver", "--port", str(port), log="model")
        wait_until(
            lambda: f":{port}" in stack.log("model"),
            what="the model server listens",
        )
        turns = [ROUNDS, TOGETHER, WARM_UP]
        done = subprocess.run(
            [PYTHON, "-m", "tests.benchmarks.audit_turns", *map(str, turns)],
            cwd=stack.root,
            env=stack.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def shares(pairs: list[Any], what: int) -> tuple[float, float, float, float]:
    """Return percentages that are the audit's: quartiles of the rounds, and at best.

    ``what`` is 0 for time and 1 for processor time. At best sets the quickest tenth of
    the rounds with events against the quickest tenth without: what is left of the
    difference where the machine did little else.
    """
    bare, audited = ([each[arm][what] for each in pairs] for arm in (0, 1))
    low, middle, high = quantiles(
        [100 * (a - b) / a for b, a in zip(bare, audited, strict=True)]
    )
    a, b = quantiles(audited, n=10)[0], quantiles(bare, n=10)[0]
    return low, middle, high, 100 * (a - b) / a
