"""Erasures that are really committed, alone and while others submit and hold."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections

from screening.errors import HoldRefused, NotErasable
from screening.models import Case, Job
from screening.services.erasure import erase_case
from screening.services.intervention import cancel_job
from screening.services.legal_hold import place_hold
from tests.screening.erasing import WORD, full_case, places_of
from tests.screening.making import make_job
from tests.system.stack import Stack

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("redis")]
ROUNDS = 6


@pytest.fixture
def stack(django_db_blocker: Any) -> Iterator[Stack]:
    """A database of its own, which is the default one of every other thread."""
    own = connections.databases["default"]
    with Stack() as stack, django_db_blocker.unblock():
        connections.databases["default"] = {**own, "NAME": stack.database}
        yield stack
        connections.databases["default"] = own


def at_once(*steps: Callable[[], Any]) -> list[Any]:
    """Run each step in a thread of its own; return what each gave, or raised."""
    found: list[Any] = [None] * len(steps)
    together = threading.Barrier(len(steps))

    def run(number: int) -> None:
        together.wait()
        try:
            found[number] = steps[number]()
        except Exception as exc:  # noqa: BLE001 - whatever it is, the test is to see it
            found[number] = exc
        finally:
            connections["default"].close()

    threads = [threading.Thread(target=run, args=[n]) for n in range(len(steps))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def verified(stack: Stack) -> bool:
    stack.command("audit_seal")
    return stack.command("audit_verify").startswith("Whole")


def test_a_signed_case_is_erased_for_good(stack):
    [case] = at_once(full_case)
    [planted] = at_once(lambda: places_of(WORD))
    assert "screening_signature.content" in planted

    said = stack.command("erase_case", "default", case.case_id, "--reason", "File 1")

    assert json.loads(said)["erased"]
    assert at_once(lambda: places_of(WORD)) == [[]]
    assert stack.rows("SELECT unfinished_id FROM screening_tombstone") == [(None,)]
    assert verified(stack)


def ended_case(case_id: str) -> Case:
    make_job(case_id=case_id)
    job = Job.objects.select_related("case__clinic", "clinic").get(
        case__case_id=case_id
    )
    cancel_job(job, actor="user:1")
    return job.case


def test_who_submits_or_holds_at_the_same_time_loses_nothing(stack):
    for turn in range(ROUNDS):
        name = f"case-{turn}"
        [case] = at_once(lambda name=name: ended_case(name))

        def erase(case=case):
            return erase_case(case, actor="user:7", reason="File 1")

        found = at_once(
            erase,
            lambda name=name: make_job(case_id=name),
            lambda case=case: place_hold(case, actor="user:7", reason="File 2"),
            erase,
        )

        erased = [each for each in found[::3] if not isinstance(each, NotErasable)]
        assert len(erased) <= 1, found
        assert not isinstance(erased[0] if erased else None, Exception), found
        assert isinstance(found[1], Job), found
        held = not isinstance(found[2], HoldRefused)
        assert not (erased and held), found
    jobs = "SELECT COUNT(*) FROM screening_job WHERE status = 'PENDING'"
    assert stack.rows(jobs) == [(ROUNDS,)]
    assert verified(stack)
