"""An agent that pulls: what it may do with the tasks that it got."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now

from audit.models import Audit
from routing.models import Agent, TargetHealth, Task
from routing.services import leasing
from routing.services.desk import desk
from routing.services.ending import end_tasks
from routing.services.leasing import HeldNoLonger, end_lease, renew_lease
from routing.tried import Tried
from tests.routing.leases import (
    KEY,
    OTHER,
    actions,
    afresh,
    end,
    expire,
    lease,
    puller,
    task,
)
from tests.routing.making import make_agent

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    with afresh():
        yield


# --- Heartbeats --------------------------------------------------------------------


def test_a_heartbeat_renews_the_lease_and_is_one_of_the_agent():
    puller()
    task()
    [found] = lease()
    long_ago = Now() - timedelta(hours=1)
    Task.objects.update(lease_until=Now() + timedelta(seconds=1))
    Agent.objects.update(heard_at=long_ago)

    renew_lease(found.pk, actor=KEY, attempt=1)

    soon = Now() + timedelta(seconds=20)
    assert Task.objects.filter(lease_until__gt=soon, attempt=1).exists()
    assert not Agent.objects.with_silence().get().is_silent


def test_what_is_held_no_longer_is_not_renewed():
    puller()
    puller("second")
    task()
    [found] = lease()
    expire(found)
    [again] = lease("second")
    until = Task.objects.get().lease_until

    for attempt in (1, 3, 2**31 - 1):
        with pytest.raises(HeldNoLonger):
            renew_lease(found.pk, actor=KEY, attempt=attempt)
    assert Task.objects.get().lease_until == until

    end(again)
    with pytest.raises(HeldNoLonger):
        renew_lease(found.pk, actor=KEY, attempt=2)


def test_an_earlier_attempt_of_the_same_agent_is_another_one():
    puller()
    task()
    [found] = lease()
    expire(found)
    [again] = lease()
    until = Task.objects.get().lease_until

    with pytest.raises(HeldNoLonger):
        renew_lease(found.pk, actor=KEY, attempt=1)
    with pytest.raises(HeldNoLonger):
        end(found, attempt=1)

    assert Task.objects.get().lease_until == until
    assert end(again) == "completed"


# --- Results -----------------------------------------------------------------------


@pytest.mark.parametrize("output", [{"a": [1, None]}, [], 0, False, "", "text", 1.5])
def test_a_result_of_any_shape_is_stored_with_the_try(output):
    puller()
    task()
    [found] = lease()
    Task.objects.update(updated_at=F("updated_at") - timedelta(seconds=7))

    assert end(found, output=output) == "completed"

    found = Task.objects.get()
    assert (found.status, found.result, found.agent_id) == ("DONE", output, "puller")
    assert (found.worker, found.lease_until) == ("", None)
    [decision] = found.route
    [tried] = decision["tries"]
    assert (tried["target"], tried["outcome"]) == ("puller", "answered")
    assert 7000 <= tried["milliseconds"] < 20_000
    assert decision["candidates"][0]["target"] == "puller"
    assert actions(found)[-1] == ("task.completed", "worker:agent:puller")


def test_no_output_is_an_empty_one():
    puller()
    task()
    [found] = lease()

    assert end(found, output=None) == "completed"
    assert Task.objects.get().result == {}


def test_a_failure_is_tried_again_and_in_the_end_a_dead_letter(settings, redis):
    settings.ORCHESTRATOR_TASK_MAX_RETRIES = 2
    puller()
    task()
    said = []
    for _ in range(3):
        [found] = lease()
        said.append(end(found, success=False, error="GPU_FULL"))
        Task.objects.filter(status="PENDING").update(not_before=Now())

    found = Task.objects.get()
    assert said == ["queued", "queued", "dead_letter"]
    assert (found.status, found.failures) == ("FAILED", 3)
    assert (found.error_code, found.error) == (
        "AGENT_REPORTED_FAILURE",
        "The agent reported GPU_FULL.",
    )
    outcomes = [(t["outcome"], t["reported"]) for d in found.route for t in d["tries"]]
    assert outcomes == [("AGENT_REPORTED_FAILURE", "GPU_FULL")] * 3
    assert redis.xlen("tasks:dlq") == 1


@pytest.mark.parametrize(
    "words",
    ["zq-anna cannot walk", "zq anna", "zq<b>", "zqé", "zq\n", "zq" + "x" * 63, " zq"],
)
def test_an_agents_own_words_are_kept_nowhere(settings, caplog, words):
    caplog.set_level(logging.DEBUG)
    settings.ORCHESTRATOR_TASK_MAX_RETRIES = 0
    puller()
    task()
    [found] = lease()

    assert end(found, success=False, error=words) == "dead_letter"

    assert "zq" not in str(list(Task.objects.values()))
    assert "zq" not in str(list(Audit.objects.values()))
    assert "zq" not in caplog.text
    assert Task.objects.get().error == "The agent answered that it did not succeed."


def test_the_second_result_of_an_attempt_is_refused():
    puller()
    task()
    [found] = lease()
    end(found, output={"first": 1})

    with pytest.raises(HeldNoLonger):
        end(found, output={"second": 2})

    assert Task.objects.get().result == {"first": 1}
    assert [a for a, _ in actions(found)] == [
        *("task.started", "task.completed", "task.stale_result_refused")
    ]


def test_of_two_results_at_the_same_moment_one_is_refused(monkeypatch):
    puller()
    task()
    [found] = lease()

    def both(outcomes: Any, *, worker: str) -> Any:
        monkeypatch.setattr(leasing, "end_tasks", end_tasks)
        assert end(found, output={"faster": 1}) == "completed"
        return end_tasks(outcomes, worker=worker)

    monkeypatch.setattr(leasing, "end_tasks", both)
    monkeypatch.setattr(leasing, "Tried", lambda **f: Tried(**f | {"seconds": 1.0}))

    with pytest.raises(HeldNoLonger):
        end(found, output={"slower": 1})

    assert Task.objects.get().result == {"faster": 1}


def test_a_late_result_is_refused_and_the_new_holder_keeps_its_claim():
    puller()
    puller("second")
    task()
    [found] = lease()
    expire(found)
    [again] = lease("second")

    with pytest.raises(HeldNoLonger):
        end(found, output={"late": 1})

    assert Task.objects.get().status == "RUNNING"
    assert actions(found)[-1] == ("task.stale_result_refused", "worker:agent:puller")
    assert end(again) == "completed"


def test_nobody_ends_what_a_worker_of_ours_holds():
    puller()
    task()
    [found] = lease()
    expire(found)
    Task.objects.all().claim([found.pk], worker="host-1")

    with pytest.raises(HeldNoLonger):
        end(found, attempt=2)

    held = Task.objects.get()
    assert (held.status, held.worker, held.attempt) == ("RUNNING", "host-1", 2)
    assert actions(found)[-1] == ("task.stale_result_refused", KEY)


@pytest.mark.parametrize("step", [renew_lease, end_lease])
def test_another_keys_lease_is_not_there(step):
    puller()
    make_agent("theirs", actor=OTHER, capabilities=("embed",))
    task()
    [found] = lease()
    said: dict[str, Any] = {"actor": OTHER, "attempt": 1}
    if step is end_lease:
        said |= {"success": True, "output": 1, "error": ""}

    for pk in (found.pk, uuid.uuid4()):
        with pytest.raises(Task.DoesNotExist):
            step(pk, **said)

    assert Task.objects.get().status == "RUNNING"


def test_how_an_agent_that_pulls_does_is_learnt():
    puller()
    for _ in range(2):
        task()
    first, second = lease(most=2)
    end(first)
    end(second, success=False)
    desk().tallies.store()

    seen = TargetHealth.objects.get()
    assert (seen.name, seen.answered, seen.failed) == ("puller", 1, 1)
    assert seen.last_error == "AGENT_REPORTED_FAILURE"
