"""PostgreSQL commits no state of a job that the audit log does not tell of."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from audit.actions import Action
from audit.models import Audit
from audit.services import record
from routing.errors import ModelServerRejected, ModelTimeout
from screening.events import STATE_TOLD_BY, job_event
from screening.models import Job
from screening.results import check_result
from screening.services.erasure import erase_case
from screening.services.execution import claim_jobs, renew_leases, with_rules
from screening.services.intervention import cancel_job, replay_job
from screening.services.keys import default_clinic
from screening.services.reconciliation import reap_expired
from screening.services.settlement import settle
from screening.services.submission import Submission, submit_jobs
from tests.plans import leave_only
from tests.screening.making import claimed_job, make_job, outcome
from tests.servers import ROOT, database_kind

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("redis"),
    pytest.mark.skipif(
        database_kind() != "postgresql", reason="SQLite has no deferred triggers"
    ),
]
ANSWER = {"risk": "monitor", "summary": ["Says two words."], "model_id": "m-1"}


def commit() -> None:
    """Have asked what a commit asks, with the transaction still there."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


@contextmanager
def refused(job: Any, *words: str) -> Iterator[None]:
    """What is done here is refused at the commit, with what the job is and was."""
    commit()
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():  # noqa: PT012
        yield
        commit()
    said = str(refusal.value)
    assert all(word in said for word in (str(job.pk), *words)), said
    assert refusal.value.__cause__.diag.constraint_name == "job_state_is_told"


def put(job: Job, **values: Any) -> int:
    return Job.objects.filter(pk=job.pk).update(**values)


def done(job: Job) -> Job:
    result = check_result(ANSWER, case_id=job.case.case_id)
    settle([with_rules(outcome(job, target="edge", result=result))], worker="w1")
    return job


def failed(job: Job, error: Any = ModelServerRejected) -> Job:
    settle([outcome(job, error=error("x"))], worker="w1")
    return job


CHANGES: dict[str, dict[str, Any]] = {
    "PENDING": {},
    "RUNNING": {"lease_until": timezone.now()},
    "DONE": {"finished_at": timezone.now(), "risk": "monitor", "result": {}},
    "FAILED": {"finished_at": timezone.now(), "error_code": "X"},
    "CANCELLED": {"finished_at": timezone.now()},
}
NONE = {"lease_until": None, "finished_at": None, "risk": "", "result": None}


def make(status: str) -> Job:
    """Take a job to a status by the services."""
    if status == "PENDING":
        return make_job()
    job = claimed_job()
    if status == "DONE":
        done(job)
    if status == "FAILED":
        failed(job)
    if status == "CANCELLED":
        cancel_job(job, actor="user:1")
    return job


@pytest.mark.parametrize("status", CHANGES)
@pytest.mark.parametrize("other", CHANGES)
def test_no_state_is_changed_by_hand_into_any_other(status, other):
    if status == other:
        return
    job = make(status)

    with refused(job, f" is {other} ", "newest audit event says job."):
        put(job, **{**NONE, "error_code": "", **CHANGES[other], "status": other})


@pytest.mark.parametrize("status", CHANGES)
def test_no_attempt_is_changed_by_hand(status):
    job = make(status)

    with refused(job, "at attempt 7,"):
        put(job, attempt=7)


def test_no_job_is_inserted_by_hand():
    case = make_job().case

    with refused(Job(pk=(pk := uuid.uuid4())), "PENDING at attempt 0", "says nothing"):
        Job.objects.create(pk=pk, case=case, clinic=case.clinic, payload={})


def test_it_is_refused_at_the_commit_itself_whoever_writes_and_even_as_a_replica(stack):
    with stack.connect() as own:
        own.execute("SET session_replication_role = replica")
        own.execute(
            "UPDATE screening_job SET status = 'CANCELLED', finished_at = now()"
        )
        with pytest.raises(Exception, match="is CANCELLED at attempt 0") as refusal:
            own.commit()
    assert "docs/audit.md" in refusal.value.diag.message_hint
    assert stack.rows("SELECT status FROM screening_job") == [("PENDING",)]


@pytest.fixture
def stack() -> Iterator[Any]:
    """A database of its own, with one job that waits."""
    from tests import servers
    from tests.system.stack import Stack

    with Stack() as found:
        found.command(
            "shell", "-v0", "-c", "from tests.screening.making import *; make_job()"
        )
        found.connect = lambda: servers.connect(found.database)
        yield found


def lease_is_over(job: Job, crashes: int) -> None:
    put(job, lease_until=timezone.now() - timedelta(seconds=1), crashes=crashes)
    reap_expired(actor="system:reaper")


def again(job: Job) -> Job:
    replay_job(job, actor="user:1")
    [found] = claim_jobs([job.pk], worker="w2")
    return found


PATHS: dict[str, Callable[[], Any]] = {
    "submitted": make_job,
    "submitted together": lambda: submit_jobs(
        clinic=default_clinic(),
        client="key:test",
        submissions=[Submission(case_id=f"c-{n}", payload={}) for n in range(9)],
    ),
    "claimed": claimed_job,
    "held on to": lambda: renew_leases([claimed_job()], worker="w1"),
    "completed": lambda: done(claimed_job()),
    "failed": lambda: failed(claimed_job()),
    "released": lambda: failed(claimed_job(), ModelTimeout),
    "not storable": lambda: settle(
        [outcome(claimed_job(), result=check_result({"risk": "\0"}, case_id="case-1"))],
        worker="w1",
    ),
    "cancelled waiting": lambda: cancel_job(make_job(), actor="user:1"),
    "cancelled running": lambda: cancel_job(claimed_job(), actor="user:1"),
    "stale": lambda: (cancel_job(job := claimed_job(), actor="user:1"), done(job)),
    "replayed and done": lambda: done(again(failed(claimed_job()))),
    "replayed twice": lambda: failed(again(failed(again(failed(claimed_job()))))),
    "replayed while it waits": lambda: replay_job(make_job(), actor="user:1"),
    "lease over": lambda: lease_is_over(claimed_job(), crashes=0),
    "lease over too often": lambda: lease_is_over(claimed_job(), crashes=9),
    "erased": lambda: erase_case(
        failed(claimed_job()).case, actor="user:1", reason="1"
    ),
}


@pytest.mark.parametrize("path", PATHS)
def test_every_way_that_the_services_have_is_told(path):
    before = Audit.objects.count()

    PATHS[path]()
    commit()

    assert Audit.objects.count() > before


@pytest.mark.parametrize("interfere", [cancel_job, replay_job])
def test_an_event_has_the_attempt_of_the_row_not_of_when_it_was_read(interfere):
    job = make_job()
    [found] = claim_jobs([job.pk], worker="w1")
    if interfere is replay_job:
        failed(found)

    interfere(job, actor="user:1")
    commit()

    assert Audit.objects.for_job(job.pk).order_by("-pk")[0].attempt == 1


def test_what_is_done_in_savepoints_is_told():
    job = make_job()

    with transaction.atomic():
        with transaction.atomic():
            put(job, status="CANCELLED", finished_at=timezone.now())
            with transaction.atomic():
                record([job_event(job, Action.JOB_CANCELLED, "user:1")])
        commit()


def test_an_event_that_is_rolled_back_tells_nothing():
    job = make_job()

    with refused(job, " is CANCELLED "):
        put(job, status="CANCELLED", finished_at=timezone.now())
        with transaction.atomic():
            record([job_event(job, Action.JOB_CANCELLED, "user:1")])
            transaction.set_rollback(True)


def test_several_changes_of_one_transaction_are_told_by_the_last():
    job = make_job()

    put(job, status="CANCELLED", finished_at=timezone.now())
    put(job, status="FAILED", error_code="X")
    record([job_event(job, Action.JOB_FAILED, "user:1")])
    commit()

    with refused(job, " is PENDING "):
        put(job, status="CANCELLED", error_code="")
        record([job_event(job, Action.JOB_CANCELLED, "user:1")])
        put(job, status="PENDING", finished_at=None)


@pytest.mark.parametrize("action", STATE_TOLD_BY)
@pytest.mark.parametrize("status", CHANGES)
def test_the_database_reads_the_events_as_the_software_does(status, action):
    job = make("RUNNING")
    put(job, **{**NONE, "error_code": "", **CHANGES[status], "status": status})
    record([job_event(job, action, "user:1")])

    if STATE_TOLD_BY[action] == status:
        commit()
    else:
        with pytest.raises(DatabaseError), transaction.atomic():
            commit()
        put(job, **{**NONE, "error_code": "", "status": "PENDING"})
        record([job_event(job, Action.JOB_RELEASED, "user:1")])


def test_the_repair_that_the_documents_show_is_told():
    text = (ROOT / "docs" / "audit.md").read_text()
    [script] = re.findall(r"```python\n(.*?)```", text, re.S)
    job = claimed_job()

    exec(script.replace("JOB_ID", str(job.pk)))  # noqa: S102 - our own document
    commit()

    job.refresh_from_db()
    assert (job.status, job.error_code) == ("FAILED", "REPAIRED")
    told = Audit.objects.for_job(job.pk).order_by("-pk")[0]
    assert (told.action, told.attempt) == (Action.JOB_FAILED, 1)


def test_it_asks_the_index_of_a_jobs_events_and_reads_no_table():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT prosrc, proconfig FROM pg_proc WHERE proname = 'job_told'"
        )
        [(source, settings)] = cursor.fetchall()
        assert settings == ["enable_seqscan=off"]
        queries = re.findall(
            r"SELECT action.*?LIMIT 1", source.replace("INTO told", ""), re.S
        )
        leave_only("audit_audit", "audit_by_job")
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        plans = [_plan(cursor, query.replace("NEW.id", "$1")) for query in queries]
    assert len(plans) == 2
    for plan in plans:
        assert "Index Scan Backward using audit_by_job" in plan
        assert "Index Cond: (job_id = $1)" in plan
        assert "Sort" not in plan


def _plan(cursor, query):
    cursor.execute(f"PREPARE asked (uuid) AS {query}")
    cursor.execute(f"EXPLAIN EXECUTE asked ('{uuid.uuid4()}')")
    plan = "\n".join(line for (line,) in cursor.fetchall())
    cursor.execute("DEALLOCATE asked")
    return plan
