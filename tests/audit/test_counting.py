"""Counters from the log: whole, growing, and the same whoever counts."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection, transaction

from audit import counting
from audit.actions import Action
from audit.counting import count_on, counts
from audit.models import Audit, Count, CountedTo
from audit.services import Event, record
from tests import servers
from tests.plans import leave_only
from tests.system.stack import Stack

AT_ONCE = timedelta(0)


@pytest.fixture(autouse=True)
def others_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's own transaction is open all the while: nothing could be counted."""
    monkeypatch.setattr(counting, "_transactions", lambda: (0, 0))


def happen(action: str, number: int = 1, **detail: str) -> None:
    with transaction.atomic():
        record(
            Event(action=action, actor="system:test", detail=detail)
            for _ in range(number)
        )


def read() -> dict[tuple[str, ...], int]:
    found: Counter[tuple[str, ...]] = Counter()
    for *kind, number in counts():
        found[tuple(kind)] += number
    return dict(found)


def count_to_the_end() -> None:
    """Note the end, then count up to it."""
    count_on(settled=AT_ONCE)
    count_on(settled=AT_ONCE)


@pytest.mark.django_db
def test_events_are_counted_by_what_they_tell_before_and_after_they_are_counted_on():
    happen(Action.JOB_SUBMITTED, 3, priority="high")
    happen(Action.JOB_FAILED, 2, code="MODEL_TIMEOUT")
    happen(Action.PAGE_OPENED)
    expected = {
        ("job.submitted", "", "high", ""): 3,
        ("job.failed", "", "", "MODEL_TIMEOUT"): 2,
    }
    assert read() == expected

    count_to_the_end()
    assert read() == expected
    assert Count.objects.count() == 2

    happen(Action.JOB_FAILED, code="MODEL_TIMEOUT")
    expected["job.failed", "", "", "MODEL_TIMEOUT"] = 3
    assert read() == expected
    count_to_the_end()
    assert read() == expected


@pytest.mark.django_db
def test_counting_on_again_and_again_counts_each_event_once():
    happen(Action.JOB_SUBMITTED, 5)
    for _ in range(5):
        count_on(settled=AT_ONCE)

    assert read() == {("job.submitted", "", "", ""): 5}
    assert CountedTo.objects.get().event_id == Audit.objects.latest("pk").pk


@pytest.mark.django_db
def test_a_long_log_is_counted_piece_by_piece(monkeypatch):
    monkeypatch.setattr(counting, "TOGETHER", 3)
    happen(Action.JOB_SUBMITTED, 8)
    CountedTo.objects.create(event_id=Audit.objects.earliest("pk").pk - 1)
    seen = []
    for _ in range(6):
        count_on(settled=AT_ONCE)
        seen.append(read()["job.submitted", "", "", ""])

    assert seen == [8] * 6
    assert Count.objects.get().number == 8


@pytest.mark.django_db
def test_nothing_is_counted_that_was_noted_just_now():
    happen(Action.JOB_SUBMITTED)

    for _ in range(3):
        assert count_on() == 0

    assert not Count.objects.exists()


@pytest.mark.system
def test_an_event_that_is_committed_late_is_counted_all_the_same():
    """Its id is lower than that of an event which was committed before it."""
    if servers.database_kind() != "postgresql":
        pytest.skip("SQLite has one writer")
    with (
        Stack() as stack,
        servers.connect(stack.database, autocommit=True) as late,
    ):
        with late.transaction():
            late.execute(INSERT)
            stack.write(INSERT)
            assert [ask(stack) for _ in range(3)] == [[1, 0]] * 3
        assert [ask(stack)[0] for _ in range(3)] == [2] * 3
        assert ask(stack) == [2, 2]


INSERT = (
    "INSERT INTO audit_audit (event_id, action, actor, clinic, case_id, request_id, "
    "detail, canonical) VALUES (gen_random_uuid(), 'job.submitted', 'key:late', '', "
    "'', '', '{}', '{}')"
)
ASK = """
from datetime import timedelta
from audit.counting import count_on, counts
count_on(settled=timedelta(0))
to = count_on(settled=timedelta(0))
print([sum(each.number for each in counts()), to])
"""


def ask(stack: Stack) -> list[int]:
    """Count on, in a process of its own; return how many there are and up to which."""
    return json.loads(stack.command("shell", "--no-imports", "-c", ASK))


@pytest.mark.django_db
def test_asking_reads_the_events_since_then_by_their_ids_alone():
    if connection.vendor != "postgresql":
        pytest.skip("the plan is PostgreSQL's")
    leave_only("audit_audit", "audit_audit_pkey")

    plan = counting._since(10**6).explain()

    assert "Index Scan using audit_audit_pkey" in plan
    assert "Index Cond: (id > 1000000)" in plan
