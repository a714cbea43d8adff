"""Every process replaced by a new one, one after the other, while clients go on asking.

Processes are started by the image's entry. In front of the two APIs is what any load
balancer does: it goes round, and goes on to the next where a connection is refused. No
other error is forgiven: such a request may have been heard.
"""

from __future__ import annotations

import itertools
import signal
import threading
import time
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from urllib3.exceptions import NewConnectionError

from tests.system.stack import API_KEY, Stack, free_port, wait_until

pytestmark = pytest.mark.system

CLIENTS = 4
STOP_SECONDS = 30


class Balancer:
    """Goes round the APIs that are known, and keeps what went wrong."""

    def __init__(self) -> None:
        self.ports: list[int] = []
        self.turn = itertools.count()
        self.failed: list[str] = []

    def send(self, method: str, path: str, **words: Any) -> Any:
        """Send one request on a connection of its own; return its JSON."""
        headers = {"x-api-key": API_KEY, "Connection": "close"}
        while True:
            ports = list(self.ports)
            url = f"http://127.0.0.1:{ports[next(self.turn) % len(ports)]}{path}"
            try:
                found = requests.request(
                    method, url, headers=headers, timeout=20, **words
                )
            except requests.ConnectionError as exc:
                reason = getattr(exc.args[0], "reason", None)
                if not isinstance(reason, NewConnectionError):
                    raise
            else:
                assert found.status_code == 200, found.text
                return found.json()


class Load:
    """Clients that submit and look, each in a thread, until told to stop."""

    def __init__(self, balancer: Balancer) -> None:
        self.balancer = balancer
        self.job_ids: list[str] = []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]

    def __enter__(self) -> Load:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                body = {"age_months": 24}
                sent = self.balancer.send("POST", "/api/submit", json=body)
                self.job_ids.append(sent["job_id"])
                asked = f"/api/status/{sent['job_id']}?wait=1"
                self.balancer.send("GET", asked)
            except (requests.RequestException, AssertionError) as exc:
                self.balancer.failed.append(repr(exc))
            time.sleep(0.05)

    def some_more(self) -> None:
        """Wait until there were some more requests than there are now."""
        enough = len(self.job_ids) + 2 * CLIENTS
        wait_until(lambda: len(self.job_ids) >= enough or self.balancer.failed)


@dataclass(frozen=True)
class Pair:
    """An API and a worker, started together."""

    port: int
    api: Any
    worker: Any


def start_pairs(stack: Stack, number: int = 1) -> list[Pair]:
    """Start APIs and workers; return once each is ready."""
    with stack.redis_client() as redis:
        workers = redis.scard("rq:workers") + number
    pairs = []
    for port in [free_port() for _ in range(number)]:
        words = ["api", "--host", "127.0.0.1", "--port", str(port)]
        api = stack.start("-m", "pediscreen_site.run", *words, log="api")
        worker = stack.start("-m", "pediscreen_site.run", "worker", log="worker")
        pairs.append(Pair(port, api, worker))
    for pair in pairs:
        url = f"http://127.0.0.1:{pair.port}/readyz"
        wait_until(lambda url=url: _is_ready(url), what=lambda: stack.log("api"))
    stack.wait_for_workers(workers)
    return pairs


def _is_ready(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def stop(process: Any) -> int:
    """Tell a process to end; return how it did, within the time it may take."""
    process.send_signal(signal.SIGTERM)
    return int(process.wait(timeout=STOP_SECONDS))


def test_a_rolling_restart_under_load_fails_no_request_and_loses_no_job(model):
    model.latency = 0.3
    balancer = Balancer()
    # A job that a worker lost would wait out its lease, and be claimed twice.
    with Stack(EDGE_MODEL_URL=model.url, JOB_LEASE_SECONDS=60) as stack:
        old = start_pairs(stack, 2)
        balancer.ports = [pair.port for pair in old]
        ended = []
        with Load(balancer) as load:
            for pair in old:
                [new] = start_pairs(stack)
                balancer.ports.append(new.port)
                load.some_more()
                ended.append(stop(pair.api))
                load.some_more()
                balancer.ports.remove(pair.port)
                wait_until(lambda: model.in_flight, what="a job is in flight")
                ended.append(stop(pair.worker))
            load.some_more()

        assert balancer.failed == []
        assert ended == [0] * 4
        stack.port = balancer.ports[0]
        jobs = stack.ended(load.job_ids)
        assert {job["status"] for job in jobs.values()} == {"DONE"}
        assert {job["attempt"] for job in jobs.values()} == {1}
        stack.check_invariants(load.job_ids)
