"""``python -m pediscreen_site.run ROLE``: become one of the product's processes.

The entry of the image, and of every machine that runs a process by its role. What is
given after the role goes to the process too, and the last one of an option counts:
``api --host 127.0.0.1`` listens on that address alone.
"""

from __future__ import annotations

import os
import sys

API = [
    *["-m", "granian", "--interface", "wsgi", "--no-ws"],
    *["--host", "0.0.0.0", "--port", "9000"],  # noqa: S104 - a container's own network
    # After SIGTERM a request may be held for 30 s more, and is answered.
    *["--blocking-threads", "16", "--workers-kill-timeout", "31"],
    *["--log-level", "warning", "--log-config", "pediscreen_site/granian.json"],
    "pediscreen_site.wsgi:application",
]
ROLES = {
    "api": API,
    "worker": ["manage.py", "rqworker", "pedi-screen"],
    "streamworker": ["manage.py", "streamworker"],
    "sequencer": ["manage.py", "audit_seal", "--follow"],
    "migrate": ["manage.py", "migrate", "--noinput"],
    "modelserver": ["manage.py", "modelserver", "--host", "0.0.0.0"],  # noqa: S104
    "secrets": ["-m", "pediscreen_site.first_secrets"],
}


def main(words: list[str]) -> None:
    """Replace this process by that of a role, so that signals reach it.

    Raises:
        SystemExit: there is no such role; the message names those that are.
    """
    role, *rest = words or [""]
    if role not in ROLES:
        names = " | ".join(ROLES)
        sys.exit(f'There is no role "{role}". Give one of: {names}')
    os.execv(sys.executable, [sys.executable, *ROLES[role], *rest])  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
