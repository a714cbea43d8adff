"""The process of `tests.benchmarks.audit`: services with and without their events."""

# ruff: noqa: E402 - Django is made ready before its models are imported

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

os.environ["DJANGO_SETTINGS_MODULE"] = "pediscreen_site.settings"

import django
from django.conf import settings
from django.test import Client

django.setup()

from audit.keyring import signers
from audit.models import Pending
from audit.sequencer import seal_all
from screening.results import check_result
from screening.services import execution, settlement, submission
from screening.services.execution import claim_jobs
from screening.services.settlement import settle
from tests.screening.making import outcome

ANSWER = {
    "risk": "monitor",
    "summary": ["An answer."],
    "confidence": 0.5,
    "explainability": [],
    "model_id": "null-1",
}
BODY = {"age_months": 24, "observations": "Runs, jumps, and says two words together."}


@contextmanager
def without_events() -> Iterator[None]:
    """Let the services record nothing."""
    modules: list[Any] = [submission, execution, settlement]
    kept = [module.record for module in modules]
    for module in modules:
        module.record = lambda events: list(events)
    yield
    for module, record in zip(modules, kept, strict=True):
        module.record = record


def timed(work: Callable[[], Any]) -> float:
    """Return how long it takes, in seconds."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def submitted(client: Client, name: str, number: int) -> list[Any]:
    """Submit so many jobs, each by a request of its own."""
    return [
        UUID(
            client.post(
                "/api/submit",
                {**BODY, "case_id": f"{name}-{n}"},
                content_type="application/json",
            ).json()["job_id"]
        )
        for n in range(number)
    ]


def completed(ids: list[Any]) -> None:
    """Claim jobs and settle them, as a worker does."""
    jobs = claim_jobs(ids, worker="bench")
    checked = check_result(dict(ANSWER), case_id="bench")
    settle(
        [
            outcome(job, result=checked, target="edge", rules_risk="monitor")
            for job in jobs
        ],
        worker="bench",
    )


def main(rounds: int, together: int) -> dict[str, float]:
    """Take turns, and return the medians of the shares."""
    client = Client(HTTP_X_API_KEY=settings.API_KEY, SERVER_NAME="localhost")
    shares: dict[str, list[float]] = {"submit": [], "complete": []}
    for turn in range(rounds):
        times: dict[str, list[float]] = {"submit": [0, 0], "complete": [0, 0]}
        for audited in (0, 1) if turn % 2 else (1, 0):
            ids: list[Any] = []

            def submitting(turn: int = turn, audited: int = audited) -> None:
                ids.extend(submitted(client, f"{turn}-{audited}", together))  # noqa: B023

            if audited:
                times["submit"][1] = timed(submitting)
                times["complete"][1] = timed(lambda: completed(ids))  # noqa: B023
            else:
                with without_events():
                    times["submit"][0] = timed(submitting)
                    times["complete"][0] = timed(lambda: completed(ids))  # noqa: B023
        if turn >= 4:
            for name, (bare, audited_time) in times.items():
                shares[name].append((audited_time - bare) / audited_time)
    waiting = Pending.objects.count()
    sealing = timed(lambda: seal_all(signers(), seconds=60))
    return {
        **{name: statistics.median(each) for name, each in shares.items()},
        "seal": waiting / sealing,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
