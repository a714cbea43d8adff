"""The process of `tests.benchmarks.audit`: services with and without their events.

And with them, but without the database's check of each commit that they are there.
"""

# ruff: noqa: E402 - Django is made ready before its models are imported

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
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
from tests.telling import ASK, ASK_NOT, run

ANSWER = {
    "risk": "monitor",
    "summary": ["An answer."],
    "confidence": 0.5,
    "explainability": [],
    "model_id": "null-1",
}
UNCOUNTED = 6
FIRST = 16
BODY = {"age_months": 24, "observations": "Runs, jumps, and says two words together."}


@contextmanager
def without_check() -> Iterator[None]:
    """Let the database not ask whether the log tells of a job's state."""
    run(ASK_NOT)
    yield
    run(ASK)


@contextmanager
def without_events() -> Iterator[None]:
    """Let the services record nothing, and the database not miss it."""
    modules: list[Any] = [submission, execution, settlement]
    kept = [module.record for module in modules]
    with without_check():
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


VARIANTS: dict[str, Callable[[], Any]] = {
    "whole": nullcontext,
    "unchecked": without_check,
    "bare": without_events,
}


def main(rounds: int, together: int) -> dict[str, float]:
    """Take turns, and return the medians of the shares."""
    client = Client(HTTP_X_API_KEY=settings.API_KEY, SERVER_NAME="localhost")
    shares: dict[str, list[float]] = {}
    for turn in range(rounds):
        times = {}
        # Each comes first, second and last as often as the others.
        for place in range(len(VARIANTS)):
            name = list(VARIANTS)[(turn + place) % len(VARIANTS)]
            with VARIANTS[name]():
                times[name] = _turn(client, f"{turn}-{name}", together)
        if turn < UNCOUNTED:
            continue
        for n, part in enumerate(("submit", "complete")):
            whole = times["whole"][n]
            for share, without in (("audit", "bare"), ("check", "unchecked")):
                of = shares.setdefault(f"{part} {share}", [])
                of.append((whole - times[without][n]) / whole)
    waiting = Pending.objects.count()
    sealing = timed(lambda: seal_all(signers(), seconds=60))
    return {
        **{name: statistics.median(each) for name, each in shares.items()},
        "seal": waiting / sealing,
    }


def _turn(client: Client, name: str, together: int) -> tuple[float, float]:
    """Return the seconds of so many submissions, and of claiming and settling them."""
    # The database plans anew after each change of the check: not in the time.
    completed(submitted(client, f"{name}-first", FIRST))
    ids: list[Any] = []
    submitting = timed(lambda: ids.extend(submitted(client, name, together)))
    return submitting, timed(lambda: completed(ids))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
