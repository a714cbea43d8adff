"""A worker process: one line of work with many calls in flight.

main thread     take ids, claim the rows, start the calls
calls           one event loop for all of them
settling        store what came back, many in one transaction
keeping         renew leases, and what else must be done every few seconds
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID, uuid4

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from claims.work import Work

logger = logging.getLogger(__name__)

DATABASE_AWAY = (OperationalError, InterfaceError)
WAIT_SECONDS = 1.0
KEEP_RESULT_SECONDS = 60.0
MOST_SETTLED_TOGETHER = 256
MOST_UNSETTLED = 2

Piece = TypeVar("Piece", bound=Work)
Outcome = TypeVar("Outcome")


class Calls(Protocol):
    """One event loop in a thread of its own."""

    def start(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Begin some work on the loop."""

    def close(self) -> None:
        """End what is under way, and the loop."""


class WorkerBroken(Exception):
    """A thread of the worker has died: the process must end, and be started anew."""


def worker_name() -> str:
    """Make a name that no other process has."""
    host = socket.gethostname().split(".")[0]
    return f"{host}-{os.getpid()}-{uuid4().hex[:6]}"


class Line(Generic[Piece, Outcome]):
    """A worker with ``concurrency`` pieces in flight; a subclass says what they are."""

    def __init__(self, *, name: str, concurrency: int) -> None:
        self.name = name
        self.concurrency = concurrency
        self.stopping = threading.Event()
        self.drained = threading.Event()
        self.slot_free = threading.Event()
        self.asking: set[Future[Outcome]] = set()
        self.held: dict[tuple[UUID, int], tuple[Piece, Future[Outcome]]] = {}
        self.ended: SimpleQueue[tuple[Piece, Future[Outcome]] | None] = SimpleQueue()
        self.worked = False
        self.calls: Calls

    # --- What a subclass says -----------------------------------------------------

    def open(self) -> Calls:
        """Make ready to take; return the loop that the calls run on."""
        raise NotImplementedError

    def take(self, free: int) -> bool:
        """Take up to ``free`` pieces and `begin` each; say whether any was there.

        It waits for a moment when there is none.
        """
        raise NotImplementedError

    def settle(self, outcomes: list[Outcome]) -> None:
        """Store what came back."""
        raise NotImplementedError

    def renew(self, pieces: Sequence[Piece]) -> set[UUID]:
        """Extend the leases; return the ids that are held no longer."""
        raise NotImplementedError

    def keep(self, now: float) -> None:
        """Do what else is due every few seconds, by the monotonic time."""

    def note_outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Learn what came back, once and before it is stored."""

    def about(self, piece: Piece) -> AbstractContextManager[None]:
        """Let log lines written inside name the piece."""
        return nullcontext()

    def note_ended(self, pieces: list[Piece]) -> None:
        """Learn of pieces that are settled, or lost."""

    def close(self) -> None:
        """Leave, once all is settled."""

    # --- The main thread ----------------------------------------------------------

    def work(self, *, burst: bool = False) -> bool:
        """Take and run work until told to stop (or, in a burst, until none is left).

        After SIGTERM or SIGINT nothing new is taken, and what is in flight is
        finished. Returns whether there was anything to do.

        Raises:
            WorkerBroken: one of the threads died.
        """
        self._install_signal_handlers()
        self.calls = self.open()
        # What is loaded by now is no garbage: not to be looked through for some again.
        gc.collect()
        gc.freeze()
        settling = self._thread("settling", self._settle_until_told)
        keeping = self._thread("keeping", self._keep_until_drained)
        logger.info("Worker %s takes work, %d at a time", self.name, self.concurrency)
        try:
            while not self.stopping.is_set():
                if not (settling.is_alive() and keeping.is_alive()):
                    raise WorkerBroken(WorkerBroken.__doc__)
                if not self._take() and burst and not self.held:
                    break
        finally:
            gc.unfreeze()
            logger.info("Worker %s finishes %d pieces", self.name, len(self.held))
            while self.held and settling.is_alive():
                self.slot_free.wait(0.1)
                self.slot_free.clear()
            self.ended.put(None)
            settling.join()
            self.drained.set()
            keeping.join()
            self.calls.close()
            self.close()
        return self.worked

    @staticmethod
    def _thread(name: str, target: Any) -> threading.Thread:
        thread = threading.Thread(name=name, target=target, daemon=True)
        thread.start()
        return thread

    def _install_signal_handlers(self) -> None:
        """Let the signals set a flag, and no more: the loop sees it within a second."""

        def stop(number: int, frame: FrameType | None) -> None:
            self.stopping.set()
            self.slot_free.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)

    def _take(self) -> bool:
        free = min(
            self.concurrency - len(self.asking),
            MOST_UNSETTLED * self.concurrency - len(self.held),
        )
        if free > 0:
            return self.take(free)
        self.slot_free.wait(WAIT_SECONDS)
        self.slot_free.clear()
        return True

    def begin(self, piece: Piece, call: Coroutine[Any, Any, Outcome]) -> None:
        """Start the call of a piece that was claimed."""
        self.worked = True
        future = self.calls.start(call)
        self.asking.add(future)
        self.held[piece.pk, piece.attempt] = (piece, future)
        future.add_done_callback(partial(self._note_done, piece))

    def _note_done(self, piece: Piece, call: Future[Outcome]) -> None:
        """Free the slot at once: the result is stored while the next call runs."""
        self.asking.discard(call)
        self.ended.put((piece, call))
        self.slot_free.set()

    # --- Settling -----------------------------------------------------------------

    def _settle_until_told(self) -> None:
        """Store outcomes as they come, together those that came together."""
        while (first := self.ended.get()) is not None:
            batch = [first]
            while len(batch) < MOST_SETTLED_TOGETHER:
                try:
                    following = self.ended.get_nowait()
                except Empty:
                    break
                if following is None:
                    self.ended.put(None)
                    break
                batch.append(following)
            self._settle(batch)
        connection.close()

    def _settle(self, batch: list[tuple[Piece, Future[Outcome]]]) -> None:
        outcomes = []
        for piece, call in batch:
            if call.cancelled():
                continue
            error = call.exception()
            if error is None:
                outcomes.append(call.result())
            else:
                # A defect of ours: the lease runs out, which counts as a crash.
                with self.about(piece):
                    logger.error("%s broke its worker", piece, exc_info=error)
        self.note_outcomes(outcomes)
        self._store(outcomes)
        for piece, _ in batch:
            self.held.pop((piece.pk, piece.attempt), None)
        self.slot_free.set()
        self.note_ended([piece for piece, _ in batch])

    def _store(self, outcomes: list[Outcome]) -> None:
        """Settle; while the database is away keep the costly results, for a minute."""
        give_up = time.monotonic() + KEEP_RESULT_SECONDS
        pause = 0.1
        while outcomes:
            try:
                self.settle(outcomes)
            except DATABASE_AWAY as exc:
                connection.close()
                self.note_database_away()
                if time.monotonic() > give_up:
                    logger.error(  # noqa: TRY400 - the message may quote a row
                        "Gave up %d results: the database is away (%s)",
                        len(outcomes),
                        type(exc).__name__,
                    )
                    return
                time.sleep(pause)
                pause = min(2 * pause, 2.0)
            else:
                return

    # --- Keeping ------------------------------------------------------------------

    def _keep_until_drained(self) -> None:
        """Do what must be done every few seconds, until the last piece is settled."""
        next_renewal = 0.0
        while not self.drained.wait(0.1):
            now = time.monotonic()
            try:
                if now >= next_renewal:
                    next_renewal = now + settings.JOB_HEARTBEAT_SECONDS
                    self._renew()
                self.keep(now)
            except DATABASE_AWAY as exc:
                logger.warning("The database is away (%s)", type(exc).__name__)
                connection.close()
                self.note_database_away()
        try:
            self.keep_last()
        except DATABASE_AWAY:
            logger.warning("The database is away at the end: leases will run out")
        connection.close()

    def _renew(self) -> None:
        """Renew the leases; stop asking for pieces that are somebody else's by now."""
        held = list(self.held.values())
        if not held:
            return
        lost = self.renew([piece for piece, _ in held])
        for piece, call in held:
            if piece.pk in lost and not call.done():
                with self.about(piece):
                    logger.info("%s is held no longer", piece)
                call.cancel()

    def keep_last(self) -> None:
        """Do what is left to do in the database, before the process ends."""

    def note_database_away(self) -> None:
        """Learn that the database is away just now."""
