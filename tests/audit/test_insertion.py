"""Events as they get into the table: their columns by the database, and no waiting."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable

import pytest
from django.db import DatabaseError, connection, transaction

from audit.actions import Action
from audit.entries import columns_of, written_time
from audit.models import Audit, Pending
from audit.proofs import canonical
from audit.proofs.keys import SignerKey
from audit.sequencer import seal
from audit.services import Event, record, record_beside
from claims.statements import insert_returning
from screening.models import Clinic
from screening.results import check_result
from screening.services.execution import with_rules
from screening.services.settlement import settle
from tests.screening.making import claimed_job, outcome

pytestmark = pytest.mark.django_db

EVENT = Event(action=Action.JOB_SUBMITTED, actor="key:abcd1234", clinic="riverside")
ODD = ["\x1e", "\x1f", "\n", "a\r\nb", '"', "\\", "\\n", "'", "%s", "%", "é\U0001f600"]
ODD += ['","v":1}', "{}", "null", " ", "\x7f\u2028"]
HARMLESS = {"AccessShareLock", "RowShareLock", "RowExclusiveLock"}
"""Locks of tables that do not keep one another waiting."""

only_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has one writer at a time"
)


def odd_event(text: str, n: int) -> Event:
    return Event(
        action=list(Action)[n],
        actor=f"worker:{text}",
        clinic=text,
        case_id=text,
        job_id=uuid.uuid4() if n % 2 else None,
        attempt=n if n % 3 else None,
        detail={"code": text, "of": [n, None, True, {"in": text}]} if n % 5 else {},
    )


@pytest.mark.parametrize("at_once", [1, len(ODD)])
def test_columns_are_what_the_text_says_whatever_that_is(at_once):
    events = [odd_event(text, n) for n, text in enumerate(ODD)]

    for first in range(0, len(events), at_once):
        record(events[first : first + at_once])

    stored = list(Audit.objects.order_by("pk"))
    assert [row.case_id for row in stored] == ODD
    assert [row.detail for row in stored] == [event.detail for event in events]
    for row, event in zip(stored, events, strict=True):
        says = columns_of(canonical.decode(row.canonical))
        assert says.pop("occurred_at") == written_time(row.occurred_at)
        assert says == {name: getattr(row, name) for name in says}
        assert [row.actor, row.clinic, row.job_id, row.attempt] == [
            *(event.actor, event.clinic, event.job_id, event.attempt)
        ]


def test_a_statement_that_is_told_of_is_run_once_with_its_events_once(
    django_assert_num_queries,
):
    names = [f"clinic-{n}" for n in range(5)]
    there = Clinic.objects.count()

    with django_assert_num_queries(1 if connection.vendor == "postgresql" else 2):
        numbers = insert_returning(
            Clinic,
            rows=[{"slug": name, "name": f"%s {name}"} for name in names],
            returning="id",
            run=lambda sql, params: record_beside([EVENT] * 3, sql, params),
        )

    assert Clinic.objects.count() == there + 5
    assert set(numbers) == set(
        Clinic.objects.filter(slug__in=names).values_list("pk", flat=True)
    )
    assert Audit.objects.count() == Pending.objects.count() == 3


def test_a_statement_with_no_event_is_run_alone():
    found = record_beside([], "SELECT %s", ["alone"])

    assert found == [("alone",)]
    assert not Audit.objects.exists()


def test_a_statement_that_fails_takes_its_events_with_it():
    slug = Clinic.objects.create(slug="riverside", name="Riverside").slug

    with pytest.raises(DatabaseError), transaction.atomic():
        insert_returning(
            Clinic,
            rows=[{"slug": slug, "name": "Another"}],
            returning="id",
            run=lambda sql, params: record_beside([EVENT], sql, params),
        )

    assert not Audit.objects.exists()


def test_an_event_that_fails_takes_the_statement_with_it():
    nobody = Event(action=Action.JOB_SUBMITTED, actor="")

    with (
        pytest.raises(DatabaseError, match="audit_names_its_actor"),
        transaction.atomic(),
    ):
        insert_returning(
            Clinic,
            rows=[{"slug": "riverside", "name": "Riverside"}],
            returning="id",
            run=lambda sql, params: record_beside([nobody], sql, params),
        )

    assert not Clinic.objects.filter(slug="riverside").exists()


def on_another_connection(work: Callable[[], object]) -> None:
    """Do it where any wait for a lock is a failure."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '100ms'")
            work()
        except BaseException as exc:  # noqa: BLE001 - told to the test
            failed.append(exc)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(timeout=30)
    assert not thread.is_alive()
    assert not failed, failed


@only_postgresql
@pytest.mark.parametrize("number", [1, 40])
def test_who_records_waits_for_nobody_who_has_recorded_and_not_committed(number):
    def recorded_and_undone() -> None:
        with transaction.atomic():
            record([EVENT] * number)
            assert Audit.objects.count() == number
            transaction.set_rollback(True)

    # The same actor, clinic and action: neighbours in every index.
    record([EVENT] * number)

    on_another_connection(recorded_and_undone)


@only_postgresql
def test_sealing_waits_for_nobody_who_has_recorded_and_not_committed():
    record([EVENT])

    on_another_connection(lambda: seal([SignerKey.generate("clinic.example/audit")]))

    assert Pending.objects.count() == 1


@only_postgresql
def test_a_job_on_its_way_holds_no_lock_that_another_would_wait_for():
    job = claimed_job()
    answer = check_result({"risk": "monitor", "summary": ["x"]}, case_id="case-1")
    settle([with_rules(outcome(job, target="edge", result=answer))], worker="w1")
    assert Audit.objects.filter(action=Action.JOB_COMPLETED).exists()

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT locktype, mode, relation::regclass::text FROM pg_locks "
            "WHERE pid = pg_backend_pid() AND locktype NOT IN "
            "('virtualxid', 'transactionid')"
        )
        locks = cursor.fetchall()

    assert ("relation", "RowExclusiveLock", "audit_audit") in locks
    assert {kind for kind, _, _ in locks} == {"relation"}
    assert {mode for _, mode, _ in locks} <= HARMLESS
