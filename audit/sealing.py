"""Sealing again and again: what the workers do beside their work, and `audit_seal`."""

from __future__ import annotations

import logging
import time

from audit.keyring import signers
from audit.publishing import Publisher
from audit.sequencer import LogBroken, seal_all

logger = logging.getLogger(__name__)

EVERY_SECONDS = 1.0
AT_ONCE_SECONDS = 0.25
"""How long one turn goes on: a worker renews leases by the same thread."""

BROKEN_SECONDS = 60.0


class Sealer:
    """Seals what waits, once a second, if this process has the log's key.

    Raises:
        KeyRefused: a key is malformed.
        OSError: the file of keys cannot be read.
    """

    def __init__(self) -> None:
        self.keys = signers()
        self.publisher = Publisher()
        self.after = 0.0

    def turn(self, now: float) -> int:
        """Seal if it is time to; return up to which event, 0 if nothing was.

        A broken log is said once a minute, and nothing is sealed: see docs/audit.md.
        """
        if not self.keys or now < self.after:
            return 0
        self.after = now + EVERY_SECONDS
        try:
            checkpoint = seal_all(self.keys, seconds=AT_ONCE_SECONDS)
        except LogBroken as exc:
            self.after = now + BROKEN_SECONDS
            logger.critical("The audit log is broken, and is not sealed: %s", exc)
            return 0
        if checkpoint is None:
            return 0
        self.publisher.publish(checkpoint)
        return checkpoint.size

    def close(self) -> None:
        """Seal what is left, and let the last checkpoint be sent."""
        while self.turn(time.monotonic() + BROKEN_SECONDS):
            pass
        self.publisher.close()
