"""What writing the audit costs a submission and a completion.

The services on PostgreSQL in one process, with and without their events, taking turns
so that whatever else the machine does falls on both. Sealing is beside the work, not in
it, and has a figure of its own.
"""

from __future__ import annotations

import json
import subprocess

from tests.system.stack import PYTHON, Stack

ROUNDS = 66
TOGETHER = 32


def audit_cost() -> dict[str, float]:
    """Return the share of a submission and of a completion that is the audit's.

    ``submit audit``, ``submit check`` and those of ``complete`` are fractions of the
    whole time, the median over rounds that take turns: of all that the audit costs,
    and of the check at the commit alone. ``seal`` is events a second.
    """
    with Stack(DATABASE_POOL_SIZE=4, EDGE_MODEL_URL="http://127.0.0.1:9/") as stack:
        done = subprocess.run(
            [PYTHON, "-m", "tests.benchmarks.audit_turns", str(ROUNDS), str(TOGETHER)],
            cwd=stack.root,
            env=stack.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        found: dict[str, float] = json.loads(done.stdout)
        return found
