"""Dead letters, run again: each once, at a pace, and off their stream."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
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


@pytest.mark.django_db
def test_a_dead_letter_waits_again_as_if_it_had_never_failed(redis):
    task = make_dead()

    assert replay_task(task, actor=ACTOR)

    found = Task.objects.get()
    assert (found.status, found.failures, found.crashes) == ("PENDING", 0, 0)
    assert (found.error_code, found.error) == ("", "")
    assert (found.dead_at, found.finished_at) == (None, None)
    assert list(Task.objects.all().due()) == [found]


@pytest.mark.django_db
def test_its_attempts_go_on_counting_since_they_are_the_fence(redis):
    task = make_dead(attempt=4)

    replay_task(task, actor=ACTOR)

    assert Task.objects.get().attempt == 4
    assert Task.objects.all().claim([task.pk], worker="w1") == [task.pk]
    assert Task.objects.get().attempt == 5


@pytest.mark.django_db
def test_it_is_audited_by_its_code_under_the_name_of_who_did_it(redis):
    task = make_dead(code="AGENT_REPORTED_FAILURE")

    replay_task(task, actor=ACTOR)

    [event] = Audit.objects.all()
    assert (event.action, event.actor) == ("task.replayed", ACTOR)
    assert (event.clinic, event.case_id) == ("default", "RC-2041")
    assert (event.job_id, event.attempt) == (task.pk, 4)
    assert event.detail == {"task_type": "embed", "code": "AGENT_REPORTED_FAILURE"}


@pytest.mark.django_db
def test_it_is_rung_for_on_the_stream_of_its_priority(redis):
    task = make_dead(priority="high")

    replay_task(task, actor=ACTOR)

    assert entries(redis, "tasks:high") == [task.public_id]
    assert Task.objects.get().rung_at is not None


@pytest.mark.django_db
def test_without_redis_it_is_replayed_and_rung_for_later(redis, settings):
    settings.REDIS_URL = NOWHERE
    task = make_dead()

    assert replay_task(task, actor=ACTOR)

    found = Task.objects.get()
    assert (found.status, found.rung_at) == ("PENDING", None)


@pytest.mark.django_db
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


@pytest.mark.django_db
def test_replaying_a_second_time_does_nothing(redis):
    task = make_dead()

    done = [replay_task(task, actor=ACTOR), replay_task(task, actor=ACTOR)]

    assert done == [True, False]
    assert Audit.objects.count() == 1
    assert len(entries(redis, "tasks:normal")) == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_who_replay_the_same_at_once_one_does(redis):
    tasks = [make_dead(minutes=n) for n in range(30)]

    def everything(turn: int) -> int:
        try:
            chosen = tasks if turn % 2 else list(reversed(tasks))
            return len(replay_tasks(chosen, actor=f"user:{turn}"))
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(everything, range(6)))

    assert sum(done) == 30
    assert Audit.objects.filter(action="task.replayed").count() == 30
    assert sorted(entries(redis, "tasks:normal")) == sorted(t.public_id for t in tasks)


@pytest.mark.django_db
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


@pytest.mark.django_db
def test_with_a_rate_each_begins_its_share_of_a_second_after_the_one_before(redis):
    tasks = [make_dead(minutes=9 - n) for n in range(5)]

    done = replay_tasks(tasks, actor=ACTOR, rate=10)

    assert set(done) == {task.pk for task in tasks}
    found = {task.pk: task.not_before for task in Task.objects.all()}
    steps = [(found[t.pk] - found[tasks[0].pk]).total_seconds() for t in tasks]
    assert steps == pytest.approx([0, 0.1, 0.2, 0.3, 0.4], abs=0.05)


@pytest.mark.django_db
def test_the_steps_go_on_from_one_batch_to_the_next(redis, monkeypatch):
    monkeypatch.setattr(replay, "TOGETHER", 2)
    tasks = [make_dead(minutes=9 - n) for n in range(5)]

    replay_tasks(tasks, actor=ACTOR, rate=1)

    found = {task.pk: task.not_before for task in Task.objects.all()}
    last = (found[tasks[4].pk] - timezone.now()).total_seconds()
    assert 3 < last <= 4


@pytest.mark.django_db
def test_only_what_may_run_now_is_rung_for(redis):
    tasks = [make_dead(minutes=9 - n) for n in range(3)]

    replay_tasks(tasks, actor=ACTOR, rate=1)

    assert entries(redis, "tasks:normal") == [tasks[0].public_id]
    waiting = Task.objects.filter(rung_at=None)
    assert {task.pk for task in waiting} == {task.pk for task in tasks[1:]}


# --- Which there are ----------------------------------------------------------------


@pytest.mark.django_db
def test_dead_letters_come_oldest_first_and_nothing_else_does():
    new, old = make_dead(minutes=1), make_dead(minutes=60)
    make_task()
    make_task(status="FAILED", error_code="CONSENT_MISSING")

    assert list(dead_letters()) == [old, new]


@pytest.mark.django_db
def test_dead_letters_are_narrowed_by_code_type_clinic_and_age():
    one = make_dead(minutes=60)
    other = make_dead(code="WORKER_LOST", task_type="indexing", clinic="riverside")

    assert list(dead_letters(code="WORKER_LOST")) == [other]
    assert list(dead_letters(task_type="indexing")) == [other]
    assert list(dead_letters(clinic="default")) == [one]
    assert list(dead_letters(older_than=timedelta(minutes=30))) == [one]
    assert list(dead_letters(code="WORKER_LOST", clinic="default")) == []


@pytest.mark.django_db
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


@pytest.mark.django_db
def test_they_come_in_turn_but_for_those_that_are_dead_no_longer(monkeypatch, redis):
    monkeypatch.setattr(replay, "TOGETHER", 2)
    tasks = [make_dead(minutes=9 - n) for n in range(5)]
    replay_task(tasks[1], actor=ACTOR)

    found = list(in_turn([task.pk for task in tasks]))

    assert found == [tasks[0], *tasks[2:]]


# --- The stream of dead letters -----------------------------------------------------


@pytest.mark.django_db
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


@pytest.mark.django_db
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


@pytest.mark.django_db
def test_there_may_be_no_stream_of_dead_letters(redis):
    assert sweep_dead_letters(redis) == 0


# --- The command ----------------------------------------------------------------------


def command(*words: str) -> str:
    out = io.StringIO()
    call_command("replay_dead_letters", *words, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_a_dry_run_says_what_would_be_done_and_does_nothing(redis):
    for n in range(20):
        make_dead(minutes=n, case_id=f"zq-case-{n}")
    make_dead(code="WORKER_LOST", task_type="indexing")
    bell.ring_for_dead([Task.objects.all()[0].pk])
    rows, dlq = list(Task.objects.values()), redis.xrange("tasks:dlq")

    said = command("--dry-run")

    assert said.splitlines() == [
        "      20  MODEL_TIMEOUT  embed",
        "       1  WORKER_LOST  indexing",
        "Dry run: nothing was replayed. It would be 21 at 10 a second, in about 2 s.",
    ]
    assert list(Task.objects.values()) == rows
    assert redis.xrange("tasks:dlq") == dlq
    assert not Audit.objects.exists()
    assert not redis.exists("tasks:normal")


@pytest.mark.django_db
def test_the_command_replays_the_oldest_at_the_rate_it_is_told(redis):
    tasks = [make_dead(minutes=60 - n) for n in range(8)]
    begun = time.monotonic()

    said = command("--rate", "20", "--limit", "5")

    took = time.monotonic() - begun
    assert 4 / 20 <= took < 4
    assert said.splitlines()[0] == "       5  MODEL_TIMEOUT  embed"
    assert said.splitlines()[-1] == "5 of 5 dead letters replayed."
    assert statuses(*tasks) == ["PENDING"] * 5 + ["FAILED"] * 3
    assert entries(redis, "tasks:normal") == [task.public_id for task in tasks[:5]]
    assert set(Audit.objects.values_list("action", "actor")) == {
        ("task.replayed", "system:replay_dead_letters")
    }
    assert "RC-2041" not in said


@pytest.mark.django_db
def test_the_command_replays_only_what_the_words_say(redis):
    other = [
        make_dead(code="WORKER_LOST"),
        make_dead(task_type="indexing"),
        make_dead(clinic="northgate"),
        make_dead(minutes=0),
    ]
    wanted = make_dead(minutes=90)

    said = command(
        *["--code", "MODEL_TIMEOUT", "--task-type", "embed", "--clinic", "default"],
        *["--older-than", "3600"],
    )

    assert said.splitlines()[-1] == "1 of 1 dead letters replayed."
    assert statuses(wanted, *other) == ["PENDING"] + ["FAILED"] * 4


@pytest.mark.django_db
def test_with_nothing_to_do_the_command_says_so(redis):
    assert command() == "0 of 0 dead letters replayed.\n"
    assert "It would be 0" in command("--dry-run")


@pytest.mark.django_db
def test_the_command_sweeps_the_stream_of_dead_letters(redis):
    redis.xadd("tasks:dlq", {"id": make_task().public_id})

    command()

    assert redis.xlen("tasks:dlq") == 0


@pytest.mark.django_db
def test_without_redis_the_command_replays_and_says_what_is_left(redis, settings):
    settings.REDIS_URL = NOWHERE
    task = make_dead()
    err = io.StringIO()

    call_command("replay_dead_letters", stdout=io.StringIO(), stderr=err)

    assert statuses(task) == ["PENDING"]
    assert "Redis does not answer at REDIS_URL (ConnectionError)" in err.getvalue()


@pytest.mark.django_db
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_the_command_stops_between_two_tasks(redis, number):
    tasks = [make_dead(minutes=9 - n) for n in range(5)]
    before = signal.getsignal(number)
    begun = time.monotonic()
    timer = threading.Timer(0.5, os.kill, (os.getpid(), number))
    timer.start()

    said = command("--rate", "0.1")

    timer.join()
    assert time.monotonic() - begun < 5
    assert said.splitlines()[-1] == "Stopped: 1 of 5 dead letters replayed."
    assert statuses(*tasks) == ["PENDING"] + ["FAILED"] * 4
    assert signal.getsignal(number) == before


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rate", "0"], "--rate must be more than 0"),
        (["--rate", "-1"], "--rate must be more than 0"),
        (["--rate", "nan"], "--rate must be more than 0"),
        (["--rate", "inf"], "--rate must be more than 0 and at most 10000"),
        (["--rate", "fast"], "--rate: invalid float value"),
        (["--limit", "0"], "--limit must be 1 to"),
        (["--limit", "9" * 30], "--limit must be 1 to"),
        (["--limit", "many"], "--limit: invalid int value"),
        (["--older-than", "-1"], "--older-than must be 0 to"),
        (["--older-than", "9" * 30], "--older-than must be 0 to"),
        (["--code", ""], "--code must be an error code"),
        (["--code", "a b"], "--code must be an error code"),
        (["--code", "A\0"], "--code must be an error code"),
        (["--clinic", ""], "--clinic must be a slug"),
        (["--clinic", "a\0"], "--clinic must be a slug"),
        (["--task-type", "screen"], "--task-type: invalid choice"),
        (["--task-type", ""], "--task-type: invalid choice"),
        (["--quickly"], "unrecognized arguments"),
    ],
)
def test_options_that_cannot_be_used_are_refused_and_nothing_is_done(
    redis, words, said
):
    task = make_dead()

    with pytest.raises(CommandError, match=said):
        command(*words)

    assert statuses(task) == ["FAILED"]
