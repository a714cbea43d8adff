"""Of many workers with the same ids, each job goes to one."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from screening.models import Case, Clinic, Job
from tests.system.stack import Stack
from tests.telling import ASK_NOT


@pytest.fixture
def many(django_db_blocker: Any) -> Iterator[str]:
    """A database of its own, in which what one thread commits the others see."""
    with Stack() as stack, django_db_blocker.unblock():
        # Claims are tried here without the service that records them.
        for statement in ASK_NOT if stack.kind == "postgresql" else ():
            stack.write(statement)
        mine = {**connections.databases["default"], "NAME": stack.database}
        connections.databases["many"] = mine
        yield "many"
        connections["many"].close()
        del connections.databases["many"]
        del connections["many"]


@pytest.mark.system
def test_of_eight_workers_with_the_same_ids_each_job_goes_to_one(many):
    clinic = Clinic.objects.using(many).create(slug="riverside", name="Riverside")
    case = Case.objects.using(many).create(clinic=clinic, case_id="RC-2041")
    jobs = Job.objects.using(many).bulk_create(
        Job(case=case, clinic=clinic, client="key:abcd1234", payload={})
        for _ in range(40)
    )
    taken: list[uuid.UUID] = []
    together = threading.Barrier(8)

    def take(worker: str) -> None:
        together.wait()
        for job in jobs:
            taken.extend(Job.objects.using(many).claim([job.pk], worker=worker))
        connections[many].close()

    threads = [threading.Thread(target=take, args=[f"host-{n}"]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == sorted(job.pk for job in jobs)
    stored = Job.objects.using(many).values_list("attempt", flat=True)
    assert set(stored) == {1}
