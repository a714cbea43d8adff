"""The audit log of a stack, sealed and verified as an operator does it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from tests import servers

SCRIPT = """
import django
django.setup()
from django.core.management import call_command
call_command("audit_seal")
call_command("audit_verify")
"""


def check_log(env: Mapping[str, str]) -> None:
    """The audit log is whole, and complete of every job and task."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=servers.ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
