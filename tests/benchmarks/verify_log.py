"""The process of `tests.benchmarks.verify`: it records four events a job, and seals."""

# ruff: noqa: E402 - Django is made ready before its models are imported

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from itertools import islice
from uuid import UUID

os.environ["DJANGO_SETTINGS_MODULE"] = "pediscreen_site.settings"

import django
from django.db import transaction

django.setup()

from audit.actions import Action
from audit.keyring import signers
from audit.sequencer import seal
from audit.services import Event, record

TOGETHER = 1000
UNDER_ONE = 250
COMMITMENT = "2668344dbe9b5788433e2a8e33cbb7476f2dd113082c6b3bbb48402d1339c02b"


def events(jobs: int) -> Iterator[Event]:
    """Tell of each job what is told of one that a client waits for."""
    worker = "worker:bench-1"
    for n in range(1, jobs + 1):
        name = f"case-{n}"
        of_job = {
            "clinic": "bench",
            "case_id": name,
            "job_id": UUID(
                hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
            ),
        }
        held = {"commitment": COMMITMENT}
        yield Event(
            action=Action.JOB_SUBMITTED,
            actor="key:abcd1234",
            detail={"priority": "normal", **held},
            **of_job,
        )
        yield Event(action=Action.JOB_STARTED, actor=worker, attempt=1, **of_job)
        yield Event(
            action=Action.JOB_COMPLETED,
            actor=worker,
            attempt=1,
            detail={"target": "cloud", "model": "bench:4b", "policy": "1", **held},
            **of_job,
        )
        yield Event(
            action=Action.RECORD_READ,
            actor="key:abcd1234",
            detail={"route": "status"},
            **of_job,
        )


def write(jobs: int) -> None:
    """Record some, and seal them under several checkpoints."""
    keys, told = signers(), events(jobs)
    while some := list(islice(told, TOGETHER)):
        with transaction.atomic(durable=True):
            record(some)
        while seal(keys, most=UNDER_ONE):
            pass


if __name__ == "__main__":
    write(int(sys.argv[1]))
