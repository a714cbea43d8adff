"""The process of `tests.benchmarks.audit`: services with and without their events."""

# ruff: noqa: E402 - Django is made ready before its models are imported

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

os.environ["DJANGO_SETTINGS_MODULE"] = "pediscreen_site.settings"

import django
from django.conf import settings
from django.db import connection
from django.test import Client

django.setup()

from audit.actions import Action
from audit.context import recorded
from audit.keyring import signers
from audit.models import Audit, Pending
from audit.sequencer import seal_all
from screening.models import Job, Review
from screening.results import check_result
from screening.services import execution, settlement, submission
from screening.services.execution import claim_jobs
from screening.services.settlement import settle
from screening.worker import ScreeningWorker
from tests.screening.making import outcome
from tests.telling import ASK, ASK_NOT, run

ANSWER = {
    "risk": "monitor",
    "summary": ["An answer."],
    "confidence": 0.5,
    "explainability": [],
    "model_id": "null-1",
}
BODY = {"age_months": 24, "observations": "Runs, jumps, and says two words together."}


def run_alone(events: object, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run the statement that events would go with, and none of them."""
    if (told := recorded.get()) is not None:
        # Or the door would note that the request recorded nothing.
        told.append(Action.JOB_SUBMITTED)
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


@contextmanager
def without_events() -> Iterator[None]:
    """Let the services record nothing: not even what they would commit to is written.

    Events come as generators, which nobody asks for anything then.
    """
    changes: list[tuple[Any, str, Any]] = [
        *((each, "record", lambda events: None) for each in (execution, settlement)),
        *((each, "record_beside", run_alone) for each in (submission, settlement)),
        # Then a draft is written with its row, once and as it comes.
        (settlement, "plain_draft", lambda job_id, draft: None),
    ]
    kept = [getattr(module, name) for module, name, _ in changes]
    for module, name, instead in changes:
        setattr(module, name, instead)
    yield
    for (module, name, _), real in zip(changes, kept, strict=True):
        setattr(module, name, real)


def timed(work: Callable[[], Any]) -> float:
    """Return how long it takes, in seconds."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def measured(work: Callable[[], Any]) -> tuple[float, float]:
    """Return how long it takes, and the processor time of it: here and in PostgreSQL.

    Both in seconds. The processor time says little of what else the machine does.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        )
        files = [Path(f"/proc/{pid}/schedstat") for (pid,) in cursor.fetchall()]

    def processor() -> float:
        # A connection that ends meanwhile takes what it spent along: once in a while.
        database = sum(int(f.read_text().split()[0]) for f in files if f.exists())
        return time.process_time() + database / 1e9

    before = processor()
    seconds = timed(work)
    return seconds, processor() - before


def submitted(client: Client, name: str, number: int) -> list[UUID]:
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


def settled(ids: list[UUID]) -> None:
    """Claim jobs and settle them, with an answer that nobody was asked for."""
    jobs = claim_jobs(ids, worker="bench")
    checked = check_result(dict(ANSWER), case_id="bench")
    settle(
        [
            outcome(job, result=checked, target="edge", rules_risk="monitor")
            for job in jobs
        ],
        worker="bench",
    )


class Worker(ScreeningWorker):
    """A worker that takes and settles when it is told to, all in one thread."""

    def __init__(self, concurrency: int) -> None:
        super().__init__(concurrency=concurrency)
        self.calls = self.open()

    def completed(self) -> None:
        """Take jobs from the queue, ask the model server about each, and settle them.

        All that is done of it between two looks at the queue is the worker's own.
        """
        while len(self.held) < self.concurrency:
            self.take(self.concurrency - len(self.held))
        ended = [self.ended.get() for _ in range(self.concurrency)]
        self._settle([each for each in ended if each is not None])

    def drop(self) -> None:
        """Take ids from the queue whose jobs are done."""
        self._pop(self.concurrency)


def check(together: int, *, audited: bool, before: int) -> None:
    """See that all was done, and recorded or not as it was meant."""
    events = Audit.objects.count() - before
    assert events == (6 * together if audited else 0), events
    assert not Job.objects.exclude(status="DONE").exists()
    assert Review.objects.count() == Job.objects.count()


def main(rounds: int, together: int, warm_up: int) -> dict[str, Any]:
    """Take turns; return what was spent in each round without events, and with."""
    client = Client(HTTP_X_API_KEY=settings.API_KEY, SERVER_NAME="localhost")
    worker = Worker(together)
    # As the API and the workers do.
    gc.collect()
    gc.freeze()

    def one_turn(name: str) -> dict[str, tuple[float, float]]:
        ids: list[UUID] = []
        submitting = measured(lambda: ids.extend(submitted(client, name, 2 * together)))
        settling = measured(lambda: settled(ids[:together]))
        worker.drop()
        completing = measured(worker.completed)
        return {"submit": submitting, "settle": settling, "complete": completing}

    pairs: dict[str, list[Any]] = {"submit": [], "settle": [], "complete": []}
    for turn in range(rounds + warm_up):
        spent: dict[bool, dict[str, tuple[float, float]]] = {}
        for audited in (False, True) if turn % 2 else (True, False):
            before = Audit.objects.count()
            if audited:
                spent[audited] = one_turn(f"{turn}-with")
            else:
                # The check at the commit is of the audit's cost, too.
                run(ASK_NOT)
                with without_events():
                    spent[audited] = one_turn(f"{turn}-without")
                run(ASK)
            check(together, audited=audited, before=before)
        if turn >= warm_up:
            for name, each in pairs.items():
                each.append([spent[False][name], spent[True][name]])
    worker.client.close()
    worker.close()
    waiting = Pending.objects.count()
    sealing = timed(lambda: seal_all(signers(), seconds=60))
    return {**pairs, "seal": waiting / sealing}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*map(int, sys.argv[1:]))))
