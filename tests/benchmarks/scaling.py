"""How many workers a stream of jobs needs, and how long jobs wait: a simulation.

    python -m tests.benchmarks.scaling

Jobs arrive by chance at a rate that may rise for some minutes. They wait in line for
one of a worker's places, which each holds for a model call. Workers are a fixed number,
or Kubernetes asks KEDA how long the line is, as the chart has it. What a worker and its
places can do is what tests/benchmarks measured; the model calls' times are drawn.
Everything here is arithmetic, with a seed: the same table comes out each time.
"""

from __future__ import annotations

import math
import random
import statistics
import sys
from collections import deque
from dataclasses import dataclass, field

TICK = 0.1
"""Seconds of one step."""

WORKER_MS = 1.33
"""Of a processor, for one job, in a worker that is busy: see docs/performance.md."""

PLACES = 32
"""Jobs in flight in one worker: the default of JOB_CONCURRENCY."""

START_SECONDS = 12.0
"""From KEDA's wish to a worker that takes jobs: pod, Python, first connection."""

LOOK_SECONDS, SETTLE_SECONDS = 15.0, 300.0
"""How often Kubernetes asks KEDA, and how long it waits before it takes any away."""


@dataclass(frozen=True)
class Load:
    """What arrives, per second; and how long a model call takes, in seconds."""

    rate: float
    call: float
    peak: float = 1.0
    peak_from: float = 400.0
    peak_until: float = 700.0
    seconds: float = 1500.0

    def at(self, now: float) -> float:
        """Return the rate of this moment."""
        high = self.peak_from <= now < self.peak_until
        return self.rate * (self.peak if high else 1.0)


@dataclass(frozen=True)
class Scaler:
    """How many workers there are: `least` to `most`, by the length of the line."""

    least: int
    most: int
    jobs_per_worker: int
    places: int = PLACES


@dataclass
class Fleet:
    """The workers that run, and those that are starting."""

    scaler: Scaler
    running: int = 0
    starting: deque[float] = field(default_factory=deque)
    wishes: deque[tuple[float, int]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.running = self.scaler.least

    def look(self, now: float, line: int) -> None:
        """Ask for more at once; take away what nobody wanted for five minutes."""
        scaler = self.scaler
        wanted = math.ceil(line / scaler.jobs_per_worker)
        wanted = min(max(wanted, scaler.least), scaler.most)
        self.wishes.append((now, wanted))
        while self.wishes[0][0] < now - SETTLE_SECONDS:
            self.wishes.popleft()
        have = self.running + len(self.starting)
        # Kubernetes at most doubles, or adds four, in fifteen seconds.
        for _ in range(min(wanted, max(2 * have, have + 4)) - have):
            self.starting.append(now + START_SECONDS)
        self.running = min(self.running, max(wish for _, wish in self.wishes))

    def arrive(self, now: float) -> None:
        """Count those that have started by now."""
        while self.starting and self.starting[0] <= now:
            self.starting.popleft()
            self.running += 1


@dataclass(frozen=True)
class Outcome:
    """Waits in seconds, from arriving until a place was free; workers; the line."""

    p50: float
    p95: float
    longest: float
    workers: float
    most_workers: int
    most_waiting: int
    left: int


def simulate(load: Load, scaler: Scaler, *, seed: int = 7) -> Outcome:
    """Run one stretch, the first five minutes of which are not counted."""
    chance = random.Random(seed)
    fleet = Fleet(scaler)
    line: deque[float] = deque()
    ends: dict[int, int] = {}
    waits: list[float] = []
    had: list[int] = []
    busy, most, next_look = 0, 0, 0.0
    for tick in range(int(load.seconds / TICK)):
        now = tick * TICK
        fleet.arrive(now)
        if now >= next_look:
            next_look = now + LOOK_SECONDS
            fleet.look(now, len(line))
        line.extend([now] * _poisson(chance, load.at(now) * TICK))
        busy -= ends.pop(tick, 0)
        free = max(fleet.running * scaler.places - busy, 0)
        able = int(fleet.running * 1000 * TICK / WORKER_MS)
        for _ in range(min(free, able, len(line))):
            arrived = line.popleft()
            if now >= 300:
                waits.append(now - arrived)
            # Most calls are near the mean, some take several times as long.
            took = chance.lognormvariate(math.log(load.call) - 0.125, 0.5)
            end = tick + max(1, round(took / TICK))
            ends[end] = ends.get(end, 0) + 1
            busy += 1
        most = max(most, len(line))
        had.append(fleet.running)
    cuts = statistics.quantiles(waits, n=100)
    return Outcome(
        p50=cuts[49],
        p95=cuts[94],
        longest=max(waits),
        workers=statistics.mean(had),
        most_workers=max(had),
        most_waiting=most,
        left=len(line),
    )


def _poisson(chance: random.Random, mean: float) -> int:
    if mean > 50:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    limit, product, found = math.exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        found += 1
    return found


def workers_for(
    rate: float, call: float, *, places: int = PLACES, use: float = 0.7
) -> int:
    """Return the workers that a steady rate needs, each used to a share of its limit.

    A worker's limit is its places by the length of a call, or one core. Two at least,
    so that one may go.
    """
    limit = min(places / call, 1000 / WORKER_MS)
    return max(2, math.ceil(rate / (use * limit)))


def steady() -> None:
    """Print a fixed number of workers at a steady rate, and at three times of it."""
    _say("Workers that are used to 70%, and five minutes of three times as much")
    _say(f"{'jobs/s':>8}{'call, s':>9}{'places':>8}{'workers':>9}{'p95 wait':>10}"
         f"{'longest in the peak':>21}{'most in line':>14}")  # fmt: skip
    for rate in (1.0, 10.0, 100.0, 1000.0):
        for call, places in ((0.2, 32), (2.0, 32), (2.0, 256)):
            number = workers_for(rate, call, places=places)
            scaler = Scaler(number, number, 1, places)
            calm = simulate(Load(rate, call, seconds=600), scaler)
            peak = simulate(Load(rate, call, peak=3), scaler)
            _say(f"{rate:>8g}{call:>9g}{places:>8}{number:>9}{calm.p95:>9.1f}s"
                 f"{peak.longest:>20.1f}s{peak.most_waiting:>14,}")  # fmt: skip


def scaled() -> None:
    """Print KEDA with the chart's hundred jobs a worker, and with fewer."""
    _say("")
    _say("KEDA, 32 places, calls of 2 s, five minutes of three times as much")
    _say(f"{'jobs/s':>8}{'jobs a worker':>15}{'least':>7}{'on average':>12}"
         f"{'at most':>9}{'p95 wait':>10}{'longest':>9}"
         f"{'most in line':>14}")  # fmt: skip
    for rate in (10.0, 100.0, 1000.0):
        need = workers_for(rate, 2.0)
        for jobs_per_worker, least in ((100, 2), (100, need), (20, need)):
            scaler = Scaler(least, 4 * need, jobs_per_worker)
            found = simulate(Load(rate, 2.0, peak=3), scaler)
            _say(f"{rate:>8g}{jobs_per_worker:>15}{least:>7}{found.workers:>12.1f}"
                 f"{found.most_workers:>9}{found.p95:>9.1f}s{found.longest:>8.1f}s"
                 f"{found.most_waiting:>14,}")  # fmt: skip


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    steady()
    scaled()
