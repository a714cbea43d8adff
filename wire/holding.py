"""How many requests may be held back at once, of all routes together."""

from __future__ import annotations

import threading
from functools import lru_cache

from django.conf import settings


@lru_cache(maxsize=1)
def held_requests() -> threading.BoundedSemaphore:
    """Return the places for held requests: each takes a thread from all the others."""
    return threading.BoundedSemaphore(settings.MAX_HELD_REQUESTS)
