"""Sends what waits in the outbox, for whichever process does that duty."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Coroutine
from concurrent.futures import Future, wait
from typing import Any, Protocol

from screening.models import WebhookDelivery
from screening.services.webhooks.delivery import (
    Answer,
    claim_due,
    put_back,
    reap_deliveries,
    settle_deliveries,
)
from screening.services.webhooks.sending import Sender

MOST = 16
"""Deliveries under way at a time."""

REAP_SECONDS = 5.0
PARTING_SECONDS = 2.0


class Loop(Protocol):
    """An event loop in a thread of its own."""

    def start(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Begin some work on the loop."""


class Courier:
    """Never waits for a receiver: what is not answered is stored at a later turn."""

    def __init__(self, loop: Loop, *, worker: str) -> None:
        self._loop = loop
        self._worker = worker
        self._sender = Sender(connections=MOST)
        self._under_way: dict[Future[Answer], WebhookDelivery] = {}
        self._reap_after = 0.0

    @property
    def is_idle(self) -> bool:
        """Say whether nothing is under way."""
        return not self._under_way

    @property
    def has_answers(self) -> bool:
        """Say whether something has come back that is not stored yet."""
        return any(call.done() for call in list(self._under_way))

    def turn(self, *, takes: bool = True) -> int:
        """Store what came back, and send what is due; return how many were sent.

        One that ``takes`` nothing sends nothing more.

        Raises:
            OperationalError, InterfaceError: the database is away; nothing is lost.
        """
        self._store()
        if not takes:
            return 0
        if time.monotonic() >= self._reap_after:
            self._reap_after = time.monotonic() + REAP_SECONDS
            reap_deliveries(actor=f"worker:{self._worker}")
        counted = Counter(row.endpoint_id for row in self._under_way.values())
        parcels = claim_due(
            worker=self._worker, most=MOST - len(self._under_way), under_way=counted
        )
        for parcel in parcels:
            call = self._loop.start(self._sender.send(parcel))
            self._under_way[call] = parcel.delivery
        return len(parcels)

    def wait(self, seconds: float) -> None:
        """Wait until something has come back, but not for longer."""
        wait(list(self._under_way), timeout=seconds, return_when="FIRST_COMPLETED")

    def close(self, *, seconds: float = PARTING_SECONDS) -> None:
        """Store what comes back within the seconds, and leave the rest to others.

        What is left is sent again: the receiver knows it by its id.
        """
        wait(list(self._under_way), timeout=seconds)
        left = [row for call, row in self._under_way.items() if not call.done()]
        for call in list(self._under_way):
            call.cancel()
        self._loop.start(self._sender.close()).result(timeout=10)
        self._store()
        put_back(left)

    def _store(self) -> None:
        """Store the answers there are; a call that broke lets its lease run out."""
        done = [call for call in self._under_way if call.done()]
        answers = [
            call.result()
            for call in done
            if not call.cancelled() and call.exception() is None
        ]
        if answers:
            settle_deliveries(answers, worker=self._worker)
        for call in done:
            del self._under_way[call]


def deliver_all(loop: Loop, *, worker: str) -> int:
    """Send all that is due now, and wait for the answers; return how many were sent."""
    courier = Courier(loop, worker=worker)
    sent = 0
    try:
        while (begun := courier.turn()) or not courier.is_idle:
            sent += begun
            courier.wait(seconds=1.0)
    finally:
        courier.close()
    return sent
