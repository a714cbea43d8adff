"""What was done lately, so that the same again is not written down each time. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock


class Memory:
    """Keys, each for a while; of too many, those forgotten first that nobody asks for.

    Of a key only its hash is kept, so that neither ids nor words stay in memory.
    """

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._until: OrderedDict[int, float] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._until)

    def holds(self, key: Hashable, *, now: float) -> bool:
        """Say whether the key was kept, and its time is not over."""
        kept = hash(key)
        with self._lock:
            until = self._until.get(kept)
            if until is None or now >= until:
                return False
            self._until.move_to_end(kept)
            return True

    def keep(self, key: Hashable, *, until: float) -> None:
        """Hold the key until then."""
        kept = hash(key)
        with self._lock:
            self._until[kept] = until
            self._until.move_to_end(kept)
            while len(self._until) > self._most:
                self._until.popitem(last=False)

    def forget(self) -> None:
        """Hold nothing any more."""
        with self._lock:
            self._until.clear()


class Crowd:
    """Places that strangers come from: the first of each while, then one for all."""

    OTHERS = "others"

    def __init__(self, *, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._until = 0.0
        self._places: set[int] = set()
        self._lock = Lock()

    def place(self, address: str, *, now: float) -> str:
        """Return the address, or what stands for all that are too many."""
        kept = hash(address)
        with self._lock:
            if now >= self._until:
                self._until = now + self._seconds
                self._places.clear()
            if kept in self._places or len(self._places) < self._most:
                self._places.add(kept)
                return address
        return self.OTHERS
