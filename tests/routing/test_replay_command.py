"""``manage.py replay_dead_letters``, called as an operator calls it."""

from __future__ import annotations

import io
import os
import signal
import threading
import time
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError

from audit.models import Audit
from routing.models import Task
from routing.services import bell
from tests.routing.test_replay import (
    NOWHERE,
    entries,
    fresh,
    make_dead,
    make_task,
    statuses,
)

__all__ = ["fresh"]

pytestmark = pytest.mark.django_db


def command(*words: str) -> str:
    out = io.StringIO()
    call_command("replay_dead_letters", *words, stdout=out)
    return out.getvalue()


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
    [looked] = Audit.objects.all()
    assert (looked.action, looked.actor) == ("list.read", "system:replay_dead_letters")
    assert looked.detail == {
        "command": "replay_dead_letters",
        "filters": [],
        "count": 21,
    }
    assert not redis.exists("tasks:normal")


def test_who_counts_dead_letters_is_recorded_with_the_names_of_what_narrowed_them():
    make_dead(clinic="riverside")
    make_dead(clinic="north")

    command("--dry-run", "--clinic", "riverside", "--older-than", "0", "--limit", "5")

    [looked] = Audit.objects.all()
    assert looked.clinic == "riverside"
    assert looked.detail["filters"] == ["older_than"]
    assert looked.detail["count"] == 1


def test_what_cannot_be_recorded_is_not_said():
    make_dead()

    with (
        patch("audit.reading.record", side_effect=DatabaseError),
        pytest.raises(DatabaseError),
    ):
        command("--dry-run")


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
        ("list.read", "system:replay_dead_letters"),
        ("task.replayed", "system:replay_dead_letters"),
    }
    assert "RC-2041" not in said


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


def test_with_nothing_to_do_the_command_says_so(redis):
    assert command() == "0 of 0 dead letters replayed.\n"
    assert "It would be 0" in command("--dry-run")


def test_the_command_sweeps_the_stream_of_dead_letters(redis):
    redis.xadd("tasks:dlq", {"id": make_task().public_id})

    command()

    assert redis.xlen("tasks:dlq") == 0


def test_without_redis_the_command_replays_and_says_what_is_left(redis, settings):
    settings.REDIS_URL = NOWHERE
    task = make_dead()
    err = io.StringIO()

    call_command("replay_dead_letters", stdout=io.StringIO(), stderr=err)

    assert statuses(task) == ["PENDING"]
    assert "Redis does not answer at REDIS_URL (ConnectionError)" in err.getvalue()


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
