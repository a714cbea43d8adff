"""What one API process needs to call agents: made once, shared by its threads."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from django.db import InterfaceError, OperationalError

from routing.circuits import Circuits
from routing.client import ModelClient
from routing.configured import endpoint_rules
from routing.connection import connect
from routing.directory import Choice, Directory
from routing.policy import Wish
from routing.services.observation import Tallies, report
from routing.tried import Tried

logger = logging.getLogger(__name__)

CONNECTIONS = 64
STORE_SECONDS = 5.0


@dataclass(kw_only=True)
class Desk:
    """The client, the circuits and the directory of one process."""

    client: ModelClient
    circuits: Circuits
    directory: Directory = field(default_factory=Directory)
    tallies: Tallies = field(default_factory=Tallies)
    lock: threading.Lock = field(default_factory=threading.Lock)
    stored_at: float = 0.0

    def choose(self, wish: Wish, *, clinic: str) -> Choice:
        """Decide which agents some work may go to now."""
        with self.lock:
            return self.directory.choose(
                wish, clinic=clinic, circuits=self.circuits, agents_only=True
            )

    def note(self, tries: Iterable[Tried]) -> None:
        """Tell the circuits and the tallies; store these now and then."""
        report(tries, self.circuits, self.tallies)
        now = time.monotonic()
        if now - self.stored_at < STORE_SECONDS:
            return
        self.stored_at = now
        try:
            self.tallies.store()
        except (OperationalError, InterfaceError) as exc:
            logger.warning("What was seen is kept for later (%s)", type(exc).__name__)


@lru_cache(maxsize=1)
def desk() -> Desk:
    """Return this process's own, made when it is first needed."""
    return Desk(
        client=ModelClient(connections=CONNECTIONS, rules=endpoint_rules()),
        circuits=Circuits(connect()),
    )
