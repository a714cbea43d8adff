"""Whether the log is complete of tasks: each has its events, and is there."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models.functions import Now

from audit.actions import Action
from audit.models import Audit
from audit.services import Event, record
from audit.verification import Verdict
from consent.services import give_consent
from routing.completeness import GAPS
from routing.errors import ModelServerRejected, ModelTimeout
from routing.models import Task
from routing.services.acceptance import TaskRequest, accept_task
from routing.services.ending import end_tasks, hand_back
from routing.services.refusal import end_unpermitted_tasks
from routing.services.replay import replay_task
from routing.services.running import TaskOutcome, claim_tasks
from routing.services.upkeep import reap_tasks
from tests.audit.tampering import kinds, look, run, unlock_all

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


def complete() -> Verdict:
    return look(gaps=GAPS)


def given(case_id: str = "case-1") -> Task:
    request = TaskRequest(case_id=case_id, task_type="embed")
    return accept_task(request, clinic="riverside", client="key:test")[0]


def claimed(task: Task | None = None) -> Task:
    [found] = claim_tasks([task or given()], worker="w1")
    return found


def came(task: Task, **fields: Any) -> TaskOutcome:
    return TaskOutcome(task=task, explained={}, agent_id="agent-1", **fields)


def ended(task: Task, **fields: Any) -> Task:
    end_tasks([came(task, **fields)], worker="w1")
    return Task.objects.get(pk=task.pk)


def again(task: Task) -> Task:
    assert replay_task(task, actor="user:1")
    return ended(claimed(Task.objects.get(pk=task.pk)), output={})


@pytest.fixture
def tasks() -> dict[str, Task]:
    """Tasks in every state that there is."""
    made = {
        "waiting": given(),
        "running": claimed(),
        "released": ended(claimed(), error=ModelTimeout("x")),
        "done": ended(claimed(), output={}),
        "dead": ended(claimed(), error=ModelServerRejected("x")),
        "again": again(ended(claimed(), error=ModelServerRejected("x"))),
        "handed back": claimed(),
        "lost": claimed(),
    }
    hand_back(came(made["handed back"]), worker="w1")
    Task.objects.filter(pk=made["lost"].pk).update(lease_until="2020-01-01T00:00Z")
    reap_tasks(actor="worker:w2")
    return made


def forget(task: Task, action: Action) -> None:
    """Take the events away; what is not sealed leaves no other trace."""
    unlock_all()
    gone = list(Audit.objects.filter(job_id=task.pk, action=action))
    assert gone
    for event in gone:
        run("DELETE FROM audit_pending WHERE event_id = %s", event.pk)
        run("DELETE FROM audit_audit WHERE id = %s", event.pk)


def expect(kind: str, task: Task) -> None:
    verdict = complete()

    assert kinds(verdict) == {kind}
    assert [each.more for each in verdict.findings.shown()] == [f"task {task.pk}"]


def test_tasks_in_every_state_have_their_events(tasks):
    states = {task.status for task in Task.objects.all()}
    assert states == {"PENDING", "RUNNING", "DONE", "FAILED"}
    assert complete().is_whole


def test_a_task_that_consents_end_has_its_event_with_the_attempt_of_the_row(tasks):
    case = {"clinic": "riverside", "case_id": "case-1"}
    said = {"scopes": [], "given_by": "parent", "actor": "key:1"}
    give_consent(**case, consent_id="c-1", **said)

    assert end_unpermitted_tasks(**case, actor="key:1")

    assert complete().is_whole


def test_a_replay_tells_of_the_attempt_that_the_row_has(tasks):
    task = tasks["dead"]
    replay_task(task, actor="user:1")
    now = claimed(Task.objects.get(pk=task.pk))
    ended(now, error=ModelServerRejected("x"))

    assert replay_task(task, actor="user:2")

    assert complete().is_whole


@pytest.mark.parametrize("state", ["waiting", "running", "done", "dead"])
def test_a_task_whose_submission_the_log_has_not_is_found(tasks, state):
    forget(tasks[state], Action.TASK_SUBMITTED)

    expect("task_not_submitted", tasks[state])


@pytest.mark.parametrize(
    ("state", "action"),
    [
        ("done", Action.TASK_COMPLETED),
        ("again", Action.TASK_COMPLETED),
        ("dead", Action.TASK_DEAD),
    ],
)
def test_a_task_whose_end_the_log_has_not_is_found(tasks, state, action):
    forget(tasks[state], action)

    expect("task_not_ended", tasks[state])


@pytest.mark.parametrize(
    ("state", "action"),
    [
        ("running", Action.TASK_STARTED),
        ("released", Action.TASK_RELEASED),
        ("handed back", Action.TASK_RELEASED),
        ("lost", Action.TASK_RELEASED),
    ],
)
def test_a_task_under_way_whose_last_event_is_gone_is_found(tasks, state, action):
    forget(tasks[state], action)

    expect("task_state_differs", tasks[state])


@pytest.mark.parametrize(
    ("kind", "state", "values"),
    [
        ("task_state_differs", "waiting", {"attempt": 1}),
        ("task_state_differs", "waiting", {"status": "RUNNING", "lease_until": Now()}),
        ("task_state_differs", "dead", {"status": "PENDING", "error_code": ""}),
        ("task_not_ended", "waiting", {"status": "CANCELLED"}),
        ("task_not_ended", "released", {"status": "FAILED", "error_code": "X"}),
        ("task_not_ended", "done", {"attempt": 2}),
    ],
)
def test_a_task_that_was_changed_by_hand_is_found(tasks, kind, state, values):
    Task.objects.filter(pk=tasks[state].pk).update(**values, dead_at=None)

    expect(kind, tasks[state])


def test_a_task_that_was_put_there_by_hand_is_found(tasks):
    made = Task.objects.create(clinic="a", client="b", case_id="c", task_type="embed")

    expect("task_not_submitted", made)


def told(action: Action, **fields: Any) -> None:
    record([Event(action=action, actor="user:1", **fields)])


def test_a_task_that_is_gone_is_found_unless_the_log_says_why(tasks):
    told(Action.RETENTION_APPLIED, detail={"kind": "tasks"})
    task = given("case-2")
    told(Action.RETENTION_APPLIED, detail={"kind": "sessions"})
    told(Action.CASE_ERASED, clinic="riverside", case_id="case-1")
    Task.objects.filter(pk=task.pk).delete()

    expect("task_gone", task)

    told(Action.CASE_ERASED, clinic="riverside", case_id="case-2")
    assert complete().is_whole


def test_a_task_that_retention_may_have_removed_since_is_not_found(tasks):
    Task.objects.filter(pk=tasks["done"].pk).delete()
    assert kinds(complete()) == {"task_gone"}

    told(Action.RETENTION_APPLIED, detail={"kind": "tasks"})

    assert complete().is_whole


def test_asking_costs_no_more_queries_for_more_tasks(
    tasks, django_assert_max_num_queries
):
    with django_assert_max_num_queries(4):
        assert [list(gap.jobs()) for gap in GAPS] == [[]] * len(GAPS)
