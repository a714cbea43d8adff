"""Faults at random while jobs run; then the invariants. A seed makes a run again.

python -m tests.system.chaos --jobs 10000 --minutes 60      a long one, by hand
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable

import requests

from tests.system.stack import Stack, wait_until
from tests.system.stub_model import StubModel

WORKERS = 2
MODES = ["good"] * 6 + ["status:503", "garbage", "close", "unknown_risk", "status:429"]


class Chaos:
    """Breaks one part of a stack at a time, and mends it."""

    def __init__(self, stack: Stack, models: list[StubModel], dice: random.Random):
        self.stack = stack
        self.models = models
        self.dice = dice
        self.workers = [stack.start_worker() for _ in range(WORKERS)]
        self.done: Counter[str] = Counter()
        self.faults: list[Callable[[], None]] = [
            self.kill_a_worker,
            self.stop_a_worker,
            self.freeze_a_worker,
            self.flush_redis,
            self.restart_redis,
            self.freeze_redis,
            self.change_the_models,
        ]

    def strike(self) -> None:
        """Let one fault happen."""
        fault = self.dice.choice(self.faults)
        self.done[fault.__name__] += 1
        fault()

    def kill_a_worker(self) -> None:
        self._end(signal.SIGKILL)

    def stop_a_worker(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        n = self.dice.randrange(WORKERS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.workers[n].pid, how)
        self.workers[n] = self.stack.start_worker()

    def freeze_a_worker(self) -> None:
        worker = self.dice.choice(self.workers)
        with contextlib.suppress(ProcessLookupError):
            self.stack.freeze(worker)
            time.sleep(self.dice.uniform(0.5, 4))
            os.kill(worker.pid, signal.SIGCONT)

    def flush_redis(self) -> None:
        with self.stack.redis_client() as redis:
            redis.flushall()

    def restart_redis(self) -> None:
        self.stack.redis.stop()
        time.sleep(self.dice.uniform(0.2, 2))
        self.stack.redis.start()

    def freeze_redis(self) -> None:
        assert self.stack.redis.process is not None
        pid = self.stack.redis.process.pid
        os.kill(pid, signal.SIGSTOP)
        time.sleep(self.dice.uniform(0.2, 2))
        os.kill(pid, signal.SIGCONT)

    def change_the_models(self) -> None:
        for model in self.models:
            model.mode = self.dice.choice(MODES)

    def keep_workers(self) -> None:
        """Be the supervisor: start a worker for each that has ended."""
        for n, worker in enumerate(self.workers):
            if worker.poll() is not None:
                self.workers[n] = self.stack.start_worker()

    def mend(self) -> None:
        """Leave everything as it should be."""
        for model in self.models:
            model.mode = "good"
        self.keep_workers()


def run(*, jobs: int, seconds: float, seed: int) -> Counter[str]:
    """Submit jobs over some time under faults; check that none is lost or doubled.

    Returns how many ended how, and how often each fault struck.
    """
    dice = random.Random(seed)
    models = [StubModel(latency=0.15), StubModel(latency=0.15)]
    with Stack(
        EDGE_MODEL_URL=models[0].url,
        CLOUD_MODEL_URL=models[1].url,
        JOB_MAX_ATTEMPTS=50,
        JOB_MAX_CRASHES=50,
    ) as stack:
        stack.start_api()
        chaos = Chaos(stack, models, dice)
        job_ids: list[str] = []
        begun = time.monotonic()
        while len(job_ids) < jobs:
            due = jobs * (time.monotonic() - begun) / seconds
            while len(job_ids) < min(due, jobs):
                job_ids.append(submit_surely(stack, f"case-{len(job_ids) // 2}"))
            chaos.strike()
            chaos.keep_workers()
            time.sleep(dice.uniform(0, 0.6))
        chaos.mend()

        def left() -> int:
            chaos.keep_workers()
            [(number,)] = stack.rows(
                "SELECT count(*) FROM screening_job "
                "WHERE status IN ('PENDING', 'RUNNING')"
            )
            return int(number)

        wait_until(lambda: left() == 0, seconds=120, what=f"all ended; seed {seed}")
        stack.check_invariants(job_ids)
        ends = stack.rows("SELECT status, count(*) FROM screening_job GROUP BY status")
    for model in models:
        model.stop()
    return Counter(dict(ends)) + chaos.done


def submit_surely(stack: Stack, case_id: str) -> str:
    """Submit as a good client does: the same key until there is an answer."""
    key = f"key-{time.monotonic_ns()}"
    while True:
        try:
            answer = stack.session.post(
                f"{stack.url}/api/submit",
                json={"case_id": case_id, "age_months": 24},
                headers={"Idempotency-Key": key},
                timeout=10,
            )
        except requests.RequestException:
            continue
        if answer.status_code == 200:
            return str(answer.json()["job_id"])
        assert answer.status_code in {409, 503}, answer.text


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().getrandbits(32)
    )
    options = parser.parse_args()
    sys.stdout.write(f"seed {options.seed}\n")
    found = run(jobs=options.jobs, seconds=60 * options.minutes, seed=options.seed)
    for name, number in sorted(found.items()):
        sys.stdout.write(f"{name:<20}{number:>8}\n")
    sys.stdout.write("lost 0, doubled 0\n")
