"""Run ``check --deploy`` as a production environment would have it."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.environments import PRODUCTION

if __name__ == "__main__":
    command = [sys.executable, "manage.py", "check", "--deploy"]
    command += ["--fail-level", "WARNING"]
    sys.exit(
        subprocess.run(command, env=os.environ | PRODUCTION, check=False).returncode
    )
