"""Dead letters through real streams and workers, and back."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests import servers
from tests.system.stack import Stack, wait_until
from tests.system.stub_model import StubModel
from tests.system.test_tasks import events_of, with_agents

pytestmark = pytest.mark.system


def replay(stack: Stack, *words: str) -> subprocess.Popen[str]:
    """Start the command as an operator would."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "replay_dead_letters", *words],
        cwd=servers.ROOT,
        env=stack.env,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    stack.processes.append(process)
    return process


def said(process: subprocess.Popen[str]) -> list[str]:
    """Wait until it is over, and all is well; return what it said."""
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    return out.splitlines()


@contextlib.contextmanager
def given_up(model: StubModel, number: int) -> Iterator[tuple[Stack, list[str]]]:
    """Run a stack with so many dead letters; give their ids.

    They die together, at the first try: an agent that fails often is left alone for a
    while, and would not be asked again soon enough.
    """
    model.mode = "sorry"
    with with_agents(model, workers=0, ORCHESTRATOR_TASK_MAX_RETRIES="0") as stack:
        ids = [stack.route_task()["task_id"] for _ in range(number)]
        stack.start_stream_worker("--concurrency", str(number))
        _wait_for_dead(stack, number)
        yield stack, ids


def _wait_for_dead(stack: Stack, number: int) -> None:
    wait_until(
        lambda: stack.count("dead_at IS NOT NULL") == number,
        seconds=60,
        what=lambda: f"{number} dead letters; {stack.log('streams')[-3000:]}",
    )
    with stack.redis_client() as redis:
        wait_until(lambda: redis.xlen("tasks:dlq") >= number, what="their entries")


def test_once_the_agent_is_mended_all_twenty_run_to_their_end(model):
    with given_up(model, 20) as (stack, ids):
        time.sleep(1.5)  # upkeep has rung for what it must
        model.mode = "good"

        dry = said(replay(stack, "--dry-run", "--rate", "50"))
        assert dry[0].split() == ["20", "AGENT_REPORTED_FAILURE", "embed"]
        assert stack.count("dead_at IS NOT NULL") == 20

        assert said(replay(stack, "--rate", "50"))[-1] == (
            "20 of 20 dead letters replayed."
        )

        wait_until(
            lambda: stack.count("status = 'DONE'") == 20,
            what=lambda: f"all are done; {stack.log('streams')[-3000:]}",
        )
        tasks = [stack.task(task_id) for task_id in ids]
        assert {(t["status"], t["error"], t["attempts"]) for t in tasks} == {
            ("completed", None, 2)
        }
        assert {model.calls[task_id] for task_id in ids} == {2}
        counted = events_of(stack)
        assert (counted["task.replayed"], counted["task.completed"]) == (20, 20)
        with stack.redis_client() as redis:
            assert redis.xlen("tasks:dlq") == 0


def test_what_dies_again_is_a_dead_letter_again_and_is_not_replayed_for_ever(model):
    with given_up(model, 3) as (stack, _):
        words = said(replay(stack, "--rate", "2"))

        assert words[-1] == "3 of 3 dead letters replayed."
        wait_until(
            lambda: events_of(stack)["task.dead"] == 6, what="each has died again"
        )
        assert stack.count("dead_at IS NOT NULL") == 3
        assert events_of(stack)["task.replayed"] == 3


def test_three_who_replay_at_once_replay_each_once_between_them(model):
    with given_up(model, 60) as (stack, _):
        for worker in [p for p in stack.processes if "streamworker" in p.args]:
            worker.terminate()
            worker.wait(20)

        processes = [replay(stack, "--rate", "1000") for _ in range(3)]
        numbers = [int(said(process)[-1].split()[0]) for process in processes]

        assert sum(numbers) == 60
        assert events_of(stack)["task.replayed"] == 60
        assert stack.count("status = 'PENDING' AND failures = 0") == 60


def test_told_to_stop_it_leaves_the_others_dead(model):
    with given_up(model, 5) as (stack, _):
        model.mode = "good"
        process = replay(stack, "--rate", "0.2")
        wait_until(lambda: events_of(stack)["task.replayed"] == 1, what="the first")

        process.send_signal(signal.SIGTERM)

        assert said(process)[-1] == "Stopped: 1 of 5 dead letters replayed."
        assert stack.count("dead_at IS NOT NULL") == 4
