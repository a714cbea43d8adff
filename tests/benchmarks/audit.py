"""What writing the audit costs a submission and a completion.

The services on PostgreSQL in one process, with and without their events, taking turns
so that whatever else the machine does falls on both. A completion is measured twice:
the claim and the settling alone, and as a worker does it, with its plan, its call to
the reference model server on loopback and the rules beside the answer. Sealing is
beside the work, not in it, and has a figure of its own.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.system.stack import PYTHON, Stack, free_port, wait_until

ROUNDS = 100
TOGETHER = 32
WARM_UP = 4
"""Rounds that do not count."""


def audit_cost() -> dict[str, Any]:
    """Return the share of a submission and of a completion that is the audit's.

    ``submit``, ``settle`` and ``complete`` are lists of fractions of the time with the
    audit, one for each round; ``seal`` is events a second.
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
