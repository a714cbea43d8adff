"""Questions that came at the same time are worked on together.

A batch is closed once it is full, or some milliseconds after its first question if none
that has a place is still on its way. What works on it is a plain function in a thread
of its own: one batch at a time.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from routing.modelserver.backends import Overloaded
from routing.modelserver.medgemma.tally import Tally

logger = logging.getLogger(__name__)

LONGEST_WAIT = 0.5
"""How long a batch waits, in seconds, for questions that are on their way."""

STOPPING = "The server stops."

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


@dataclass(eq=False, slots=True)
class Entry(Generic[Asked, Answer]):
    """One question on its way through a batch; another thread may read it."""

    asked: Asked
    answer: asyncio.Future[Answer] = field(repr=False)
    came: float = field(default_factory=time.monotonic)
    is_wanted: bool = True
    """False once nobody waits for the answer any more."""


Work = Callable[[Sequence[Entry[Asked, Answer]]], Sequence[Answer]]


class Batcher(Generic[Asked, Answer]):
    """A bounded queue, and the one thread that works it off in batches.

    It belongs to the event loop in which `run` is awaited.
    """

    def __init__(
        self,
        work: Work[Asked, Answer],
        *,
        size: int,
        wait_seconds: float,
        queue_size: int,
        tally: Tally,
    ) -> None:
        self._work = work
        self._size = size
        self._wait_seconds = wait_seconds
        self._queue_size = queue_size
        self._tally = tally
        self._waiting: deque[Entry[Asked, Answer]] = deque()
        self._taken = 0
        self._is_over = False
        self._came = asyncio.Event()
        self._under_way: list[Entry[Asked, Answer]] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batch")

    async def ask(self, asked: Asked) -> Answer:
        """Put a question into the queue and wait for its answer.

        When the caller is cancelled the question is taken out of its batch.

        Raises:
            Overloaded: the server stops.
            Exception: what the work raised for this question alone.
        """
        if self._is_over:
            raise Overloaded(STOPPING, retry_after=1)
        loop = asyncio.get_running_loop()
        entry: Entry[Asked, Answer] = Entry(asked, loop.create_future())
        self._waiting.append(entry)
        self._came.set()
        try:
            return await entry.answer
        finally:
            entry.is_wanted = False
            self._tally.queue_length = self.length()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Keep a place for a question, however often it is asked.

        There are as many as fit into the queue and one batch.

        Raises:
            Overloaded: all are taken; with an estimate of when one is free.
        """
        if self._taken >= self._queue_size + self._size:
            self._tally.refused["queue_full"] += 1
            raise Overloaded("The queue is full.", retry_after=self._patience())
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
            self._came.set()

    def length(self) -> int:
        """Count the questions that wait for a batch."""
        return sum(entry.is_wanted for entry in self._waiting)

    async def run(self) -> None:
        """Work off the queue, until cancelled."""
        while True:
            batch = await self._collected()
            self._tally.queue_length = self.length()
            if batch:
                self._under_way = batch
                await self._answered(batch)
                self._under_way = []

    def give_up(self) -> None:
        """Refuse all that is not answered yet, and let the thread end soon."""
        self._is_over = True
        for entry in (*self._waiting, *self._under_way):
            if not entry.answer.done():
                self._tally.refused["stopping"] += 1
                entry.answer.set_exception(Overloaded(STOPPING, retry_after=1))
            entry.is_wanted = False
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _collected(self) -> list[Entry[Asked, Answer]]:
        """Wait for a first question, then a little for others."""
        while not self._waiting:
            self._came.clear()
            await self._came.wait()
        began = time.monotonic()
        while self.length() < self._size:
            is_short = self._on_their_way() <= 0
            wait = self._wait_seconds if is_short else LONGEST_WAIT
            left = began + wait - time.monotonic()
            if left <= 0:
                break
            self._came.clear()
            try:
                await asyncio.wait_for(self._came.wait(), left)
            except TimeoutError:
                break
        batch: list[Entry[Asked, Answer]] = []
        while self._waiting and len(batch) < self._size:
            entry = self._waiting.popleft()
            if entry.is_wanted:
                batch.append(entry)
        return batch

    def _on_their_way(self) -> int:
        """Count the questions that have a place, and are neither here nor answered."""
        return self._taken - self.length()

    async def _answered(self, batch: list[Entry[Asked, Answer]]) -> None:
        """Answer each; where the work fails for a batch it is done one by one."""
        failure = await self._tried(batch)
        if failure is None:
            return
        if len(batch) == 1:
            if not batch[0].answer.done():
                batch[0].answer.set_exception(failure)
            return
        logger.warning("A batch failed: %s", type(failure).__name__)
        self._tally.split_batches += 1
        # Its traceback holds the memory that was too small for all of them.
        del failure
        for entry in batch:
            if entry.is_wanted:
                await self._answered([entry])

    async def _tried(self, batch: list[Entry[Asked, Answer]]) -> Exception | None:
        """Answer each, or return why the work failed."""
        try:
            answers = await self._done(batch)
        except Exception as exc:  # noqa: BLE001 - whatever it is, its caller is told
            return exc
        for entry, answer in zip(batch, answers, strict=True):
            if not entry.answer.done():
                entry.answer.set_result(answer)
        return None

    async def _done(self, batch: list[Entry[Asked, Answer]]) -> Sequence[Answer]:
        began = time.monotonic()
        self._tally.queue.add(*(began - entry.came for entry in batch))
        self._tally.batch.add(len(batch))
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, self._work, batch)
        finally:
            self._tally.work.add(time.monotonic() - began)

    def _patience(self) -> int:
        """Estimate in how many seconds all that is taken is done, 1 to 60."""
        batches = math.ceil(self._taken / self._size)
        return max(1, min(60, math.ceil(batches * self._tally.work.mean())))
