"""Dead letters, run again: each once, at a pace, and off their stream."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.models import Audit
from routing import streams
from routing.models import Task
from routing.services import bell, replay
from routing.services.replay import (
    counted,
    dead_letters,
    in_turn,
    replay_task,
    replay_tasks,
    sweep_dead_letters,
)

pytestmark = pytest.mark.django_db

ACTOR = "user:7"
NOWHERE = "redis://127.0.0.1:9/0"


@pytest.fixture(autouse=True)
def fresh(redis: Any, request: Any) -> Iterator[None]:
    """No connection to another Redis is remembered."""
    for cached in (bell._redis, replay._redis):
        cached.cache_clear()
    bell.Quiet.until = 0.0
    yield
    for cached in (bell._redis, replay._redis):
        cached.cache_clear()


def make_task(**fields: Any) -> Task:
    given = {"clinic": "default", "client": "key:1", "case_id": "RC-2041"}
    return Task.objects.create(**(given | {"task_type": "embed"} | fields))


def make_dead(
    *, minutes: float = 0, code: str = "MODEL_TIMEOUT", **fields: Any
) -> Task:
    """Store a dead letter that died so long ago."""
    at = timezone.now() - timedelta(minutes=minutes)
    dead = {"status": "FAILED", "dead_at": at, "finished_at": at, "error_code": code}
    tried = {"attempt": 4, "failures": 4, "crashes": 1, "error": "It did not answer."}
    return make_task(**(dead | tried | fields))


def entries(redis: Any, stream: str = streams.DEAD_LETTERS) -> list[str]:
    """Return which tasks a stream names."""
    return [
        (fields.get(b"id") or json.loads(fields[b"data"])["task_id"].encode()).decode()
        for _, fields in redis.xrange(stream)
    ]


def statuses(*tasks: Task) -> list[str]:
    found = dict(Task.objects.values_list("pk", "status"))
    return [found[task.pk] for task in tasks]


# --- One --------------------------------------------------------------------------


def test_a_dead_letter_waits_again_as_if_it_had_never_failed(redis):
    task = make_dead()

    assert replay_task(task, actor=ACTOR)

    found = Task.objects.get()
    assert (found.status, found.failures, found.crashes) == ("PENDING", 0, 0)
    assert (found.error_code, found.error) == ("", "")
    assert (found.dead_at, found.finished_at) == (None, None)
    assert list(Task.objects.all().due()) == [found]


def test_its_attempts_go_on_counting_since_they_are_the_fence(redis):
    task = make_dead(attempt=4)

    replay_task(task, actor=ACTOR)

    assert Task.objects.get().attempt == 4
    assert Task.objects.all().claim([task.pk], worker="w1") == [task.pk]
    assert Task.objects.get().attempt == 5


def test_it_is_audited_by_its_code_under_the_name_of_who_did_it(redis):
    task = make_dead(code="AGENT_REPORTED_FAILURE")

    replay_task(task, actor=ACTOR)

    [event] = Audit.objects.all()
    assert (event.action, event.actor) == ("task.replayed", ACTOR)
    assert (event.clinic, event.case_id) == ("default", "RC-2041")
    assert (event.job_id, event.attempt) == (task.pk, 4)
    assert event.detail == {"task_type": "embed", "code": "AGENT_REPORTED_FAILURE"}


def test_it_is_rung_for_on_the_stream_of_its_priority(redis):
    task = make_dead(priority="high")

    replay_task(task, actor=ACTOR)

    assert entries(redis, "tasks:high") == [task.public_id]
    assert Task.objects.get().rung_at is not None


def test_without_redis_it_is_replayed_and_rung_for_later(redis, settings):
    settings.REDIS_URL = NOWHERE
    task = make_dead()

    assert replay_task(task, actor=ACTOR)

    found = Task.objects.get()
    assert (found.status, found.rung_at) == ("PENDING", None)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="pending"),
        pytest.param(
            {"status": "RUNNING", "lease_until": timezone.now()}, id="running"
        ),
        pytest.param({"status": "DONE", "result": {}}, id="done"),
        pytest.param({"status": "CANCELLED"}, id="cancelled"),
        pytest.param({"status": "FAILED", "error_code": "NO"}, id="no dead letter"),
    ],
)
def test_what_is_no_dead_letter_is_left_as_it_is(redis, fields):
    task = make_task(**fields)
    before = Task.objects.values().get()

    assert not replay_task(task, actor=ACTOR)

    assert Task.objects.values().get() == before
    assert not Audit.objects.exists()
    assert not redis.exists("tasks:normal")


def test_replaying_a_second_time_does_nothing(redis):
    task = make_dead()

    done = [replay_task(task, actor=ACTOR), replay_task(task, actor=ACTOR)]

    assert done == [True, False]
    assert Audit.objects.count() == 1
    assert len(entries(redis, "tasks:normal")) == 1


def test_nothing_is_replayed_when_the_audit_event_cannot_be_stored(redis, monkeypatch):
    task = make_dead()

    def full(*args: Any) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr(replay, "record", full)

    with pytest.raises(RuntimeError):
        replay_task(task, actor=ACTOR)

    assert statuses(task) == ["FAILED"]
    assert not redis.exists("tasks:normal")


# --- Several, at a pace ------------------------------------------------------------


def test_with_a_rate_each_begins_its_share_of_a_second_after_the_one_before(redis):
    tasks = [make_dead(minutes=9 - n) for n in range(5)]

    done = replay_tasks(tasks, actor=ACTOR, rate=10)

    assert set(done) == {task.pk for task in tasks}
    found = {task.pk: task.not_before for task in Task.objects.all()}
    steps = [(found[t.pk] - found[tasks[0].pk]).total_seconds() for t in tasks]
    assert steps == pytest.approx([0, 0.1, 0.2, 0.3, 0.4], abs=0.05)


def test_the_steps_go_on_from_one_batch_to_the_next(redis, monkeypatch):
    monkeypatch.setattr(replay, "TOGETHER", 2)
    tasks = [make_dead(minutes=9 - n) for n in range(5)]

    replay_tasks(tasks, actor=ACTOR, rate=1)

    found = {task.pk: task.not_before for task in Task.objects.all()}
    last = (found[tasks[4].pk] - timezone.now()).total_seconds()
    assert 3 < last <= 4


def test_only_what_may_run_now_is_rung_for(redis):
    tasks = [make_dead(minutes=9 - n) for n in range(3)]

    replay_tasks(tasks, actor=ACTOR, rate=1)

    assert entries(redis, "tasks:normal") == [tasks[0].public_id]
    waiting = Task.objects.filter(rung_at=None)
    assert {task.pk for task in waiting} == {task.pk for task in tasks[1:]}


# --- Which there are ----------------------------------------------------------------


def test_dead_letters_come_oldest_first_and_nothing_else_does():
    new, old = make_dead(minutes=1), make_dead(minutes=60)
    make_task()
    make_task(status="FAILED", error_code="CONSENT_MISSING")

    assert list(dead_letters()) == [old, new]


def test_dead_letters_are_narrowed_by_code_type_clinic_and_age():
    one = make_dead(minutes=60)
    other = make_dead(code="WORKER_LOST", task_type="indexing", clinic="riverside")

    assert list(dead_letters(code="WORKER_LOST")) == [other]
    assert list(dead_letters(task_type="indexing")) == [other]
    assert list(dead_letters(clinic="default")) == [one]
    assert list(dead_letters(older_than=timedelta(minutes=30))) == [one]
    assert list(dead_letters(code="WORKER_LOST", clinic="default")) == []


def test_they_are_counted_by_code_and_type_most_first():
    for n in range(3):
        make_dead(minutes=n, code="WORKER_LOST")
    make_dead()
    make_dead(task_type="indexing")

    assert counted(dead_letters()) == [
        ("WORKER_LOST", "embed", 3),
        ("MODEL_TIMEOUT", "embed", 1),
        ("MODEL_TIMEOUT", "indexing", 1),
    ]


def test_they_come_in_turn_but_for_those_that_are_dead_no_longer(monkeypatch, redis):
    monkeypatch.setattr(replay, "TOGETHER", 2)
    tasks = [make_dead(minutes=9 - n) for n in range(5)]
    replay_task(tasks[1], actor=ACTOR)

    found = list(in_turn([task.pk for task in tasks]))

    assert found == [tasks[0], *tasks[2:]]


# --- The stream of dead letters -----------------------------------------------------


@pytest.mark.parametrize("with_data", [False, True])
def test_a_replayed_task_is_taken_off_the_stream_of_dead_letters(
    redis, settings, with_data
):
    settings.ORCHESTRATOR_STREAM_DATA = with_data
    replayed, kept = make_dead(), make_dead()
    bell.ring_for_dead([replayed.pk, kept.pk, replayed.pk])
    bell.ring_for_dead([replayed.pk])  # upkeep may ring once more

    replay_task(replayed, actor=ACTOR)

    assert entries(redis) == [kept.public_id]


@pytest.mark.parametrize("with_data", [False, True])
def test_the_sweep_removes_what_is_dead_no_longer_and_nothing_else(
    redis, settings, with_data, monkeypatch
):
    monkeypatch.setattr(replay, "SWEPT_TOGETHER", 3)
    settings.ORCHESTRATOR_STREAM_DATA = with_data
    tasks = [make_dead() for _ in range(10)]
    bell.ring_for_dead([task.pk for task in tasks])
    gone = tasks[::2]
    Task.objects.filter(pk__in=[task.pk for task in gone]).update(
        status="PENDING", dead_at=None, error_code="", finished_at=None
    )
    redis.xadd("tasks:dlq", {"id": f"task-{uuid.uuid4().hex}"})  # its row is no more
    redis.xadd("tasks:dlq", {"other": "foreign"})

    removed = sweep_dead_letters(redis)

    assert removed == 6
    assert redis.xlen("tasks:dlq") == 6
    left = [f for _, f in redis.xrange("tasks:dlq") if b"other" not in f]
    assert len(left) == 5
    assert sweep_dead_letters(redis) == 0


def test_there_may_be_no_stream_of_dead_letters(redis):
    assert sweep_dead_letters(redis) == 0
