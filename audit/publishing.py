"""Telling others of a checkpoint, so that who owns the database cannot deny it.

A checkpoint stands for all before it: one that does not get through, or is left out
because a newer one is there, costs nothing once the next has arrived.
"""

from __future__ import annotations

import logging
import threading
import urllib.error
import urllib.request
from pathlib import Path

from django.conf import settings

from audit.models import Checkpoint

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 5.0


class Publisher:
    """Publishes to the log lines, to a file and to a URL: where it is told to.

    The URL is asked by a thread of its own, so that a slow one holds up nothing.
    """

    def __init__(self) -> None:
        self.file = settings.AUDIT_CHECKPOINT_FILE
        self.url = settings.AUDIT_CHECKPOINT_URL
        self.thread: threading.Thread | None = None
        self.next = ""
        self.lock = threading.Lock()

    def publish(self, checkpoint: Checkpoint) -> None:
        """Publish one checkpoint; what does not take it is warned of, never raised."""
        logger.info("Audit checkpoint\n%s", checkpoint.note)
        if self.file:
            self._append(checkpoint.note)
        if self.url:
            self._hand_on(checkpoint.note)

    def close(self, *, seconds: float = TIMEOUT_SECONDS) -> None:
        """Wait until the last one was sent, but not for long."""
        if self.thread is not None:
            self.thread.join(timeout=seconds)

    def _append(self, note: str) -> None:
        try:
            with Path(self.file).open("a", encoding="utf-8") as file:
                file.write(f"{note}\n")
        except OSError as exc:
            logger.warning(
                "AUDIT_CHECKPOINT_FILE took nothing (%s)", type(exc).__name__
            )

    def _hand_on(self, note: str) -> None:
        with self.lock:
            self.next = note
            if self.thread is not None and self.thread.is_alive():
                return
            self.thread = threading.Thread(target=self._send_all, daemon=True)
            self.thread.start()

    def _send_all(self) -> None:
        while True:
            with self.lock:
                note, self.next = self.next, ""
                if not note:
                    self.thread = None
                    return
            self._send(note)

    def _send(self, note: str) -> None:
        request = urllib.request.Request(  # noqa: S310 - settings take http(s) alone
            self.url,
            data=note.encode(),
            headers={"Content-Type": "text/plain; charset=utf-8"},
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310
                pass
        except (OSError, ValueError) as exc:
            logger.warning("AUDIT_CHECKPOINT_URL took nothing (%s)", type(exc).__name__)
