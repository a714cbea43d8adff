"""``python -m pediscreen_site.probe``: does a process of ours still live?

Ends with 0 if so, else with 1. It knows nothing but the standard library: a probe runs
every few seconds, and must cost next to nothing.

http://…    it answers there with a 2xx
a path      the file was touched a minute ago at most: see ALIVE_FILE
"""

from __future__ import annotations

import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ANSWER_SECONDS = 3.0
STALE_SECONDS = 60.0


def answers(url: str) -> bool:
    """Say whether a GET is answered well, within three seconds."""
    try:
        # Not by way of any proxy: what is asked is on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=ANSWER_SECONDS):
            return True
    except (OSError, urllib.error.HTTPError, ValueError):
        return False


def is_fresh(path: Path) -> bool:
    """Say whether a file is there and was touched in the last minute."""
    try:
        return time.time() - path.stat().st_mtime < STALE_SECONDS
    except OSError:
        return False


def lives(where: str) -> bool:
    """Say whether what answers at a URL, or touches a file, is alive."""
    if where.startswith(("http://", "https://")):
        return answers(where)
    return is_fresh(Path(where))


if __name__ == "__main__":
    sys.exit(0 if lives(*sys.argv[1:]) else 1)
