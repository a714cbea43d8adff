"""Tasks through real streams and real stream workers, and what they survive."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.system.stack import Stack, wait_until
from tests.system.stub_model import StubModel
from tests.system.whole_log import check_log

pytestmark = pytest.mark.system


@contextlib.contextmanager
def with_agents(
    *stubs: StubModel, workers: int = 1, capabilities: str = "embed", **env: Any
) -> Iterator[Stack]:
    """Run an API, stream workers, and the stubs as agents."""
    ports = ",".join(str(urlsplit(stub.endpoint).port) for stub in stubs)
    allowed = {
        "AGENT_APPROVAL": "false",
        "AGENT_PLAIN_HTTP": "true",
        "AGENT_ALLOWED_NETWORKS": "127.0.0.0/8",
        "AGENT_ALLOWED_PORTS": ports or "443",
        "JOB_BACKOFF_SECONDS": "0.1",
    }
    with Stack(**allowed, **env) as stack:
        stack.start_api()
        for number, stub in enumerate(stubs):
            stack.register_agent(
                f"agent-{number}",
                stub.endpoint,
                capabilities=capabilities,
                location="edge",
            )
        for _ in range(workers):
            stack.start_stream_worker()
        yield stack
        check_log(stack.env)


def events_of(stack: Stack) -> Counter[str]:
    rows = stack.rows("SELECT action FROM audit_audit WHERE action LIKE 'task.%'")
    return Counter(action for (action,) in rows)


@pytest.mark.parametrize("priority", ["urgent", "high", "normal", "low"])
def test_a_task_of_each_priority_is_done_and_tells_its_way(model, priority):
    with with_agents(model) as stack:
        answer = stack.route_task(priority=priority)
        assert answer == {
            "task_id": answer["task_id"],
            "status": "queued",
            "queue": f"tasks:{priority}",
        }
        stack.tasks_ended(1)

        task = stack.task(answer["task_id"])
        assert (task["status"], task["result"]) == ("completed", {"done": True})
        assert (task["agent_id"], task["attempts"]) == ("agent-0", 1)
        [decision] = task["route"]
        assert decision["candidates"][0]["terms"]["capabilities"] == 1.0
        assert [tried["outcome"] for tried in decision["tries"]] == ["answered"]
        assert events_of(stack) == {
            "task.submitted": 1,
            "task.started": 1,
            "task.completed": 1,
        }
        assert model.calls == {answer["task_id"]: 1}


def test_a_poison_task_is_a_dead_letter_after_three_retries(model):
    model.mode = "sorry"
    with with_agents(model) as stack:
        task_id = stack.route_task()["task_id"]
        stack.tasks_ended(1)

        task = stack.task(task_id)
        assert (task["status"], task["error"]) == (
            "dead_letter",
            "AGENT_REPORTED_FAILURE",
        )
        assert task["attempts"] == 4
        assert model.calls[task_id] == 4
        with stack.redis_client() as redis:
            wait_until(lambda: redis.xlen("tasks:dlq") == 1, what="a dead letter")
            [(_, fields)] = redis.xrange("tasks:dlq")
        assert fields == {b"id": task_id.encode()}
        assert events_of(stack)["task.dead"] == 1


def test_a_worker_killed_while_it_holds_twenty_tasks_loses_none(model):
    model.latency = 1.5
    with with_agents(model) as stack:
        [first] = [p for p in stack.processes if "streamworker" in p.args]
        ids = [stack.route_task()["task_id"] for _ in range(20)]
        wait_until(lambda: model.in_flight == 20, what="all twenty are under way")
        os.kill(first.pid, signal.SIGKILL)
        killed = time.monotonic()
        model.latency = 0.0
        stack.start_stream_worker()

        stack.tasks_ended(20)

        assert time.monotonic() - killed < 3 + 10
        assert {stack.task(i)["status"] for i in ids} == {"completed"}
        assert events_of(stack)["task.completed"] == 20
        assert max(model.calls.values()) <= 2


def test_redis_may_forget_five_hundred_tasks(model):
    with with_agents(model, workers=0) as stack:
        for _ in range(500):
            stack.route_task()
        with stack.redis_client() as redis:
            assert redis.xlen("tasks:normal") == 500
            redis.flushall()
        stack.start_stream_worker()

        stack.tasks_ended(500)

        assert stack.count("status = 'DONE'") == 500
        assert set(model.calls.values()) == {1}


def test_redis_may_forget_its_groups_while_a_worker_reads(model):
    with with_agents(model) as stack:
        stack.route_task()
        stack.tasks_ended(1)
        with stack.redis_client() as redis:
            redis.flushall()

        stack.route_task()

        stack.tasks_ended(2)
        assert stack.count("status = 'DONE'") == 2


def test_without_redis_tasks_are_taken_and_done_later(model):
    with with_agents(model, workers=0) as stack:
        stack.redis.stop()
        ids = [stack.route_task()["task_id"] for _ in range(5)]
        assert {stack.task(i)["status"] for i in ids} == {"queued"}
        stack.redis.start()
        stack.start_stream_worker()

        stack.tasks_ended(5)

        assert stack.count("status = 'DONE'") == 5


def test_low_tasks_get_through_a_flood_of_urgent_ones(model):
    with with_agents(model, workers=0) as stack:
        low = [stack.route_task(priority="low")["task_id"] for _ in range(30)]
        for _ in range(1500):
            stack.route_task(priority="urgent")
        stack.start_stream_worker("--concurrency", "8")

        wait_until(
            lambda: stack.count("status = 'DONE'") >= 400,
            what=f"some are done; {stack.log('streams')[-2000:]}",
        )
        urgent = stack.count("status = 'DONE' AND priority = 'urgent'")
        done = [i for i in low if stack.task(i)["status"] == "completed"]
        assert urgent > 10 * len(done) or len(done) == 30
        assert len(done) >= min(30, 0.05 * urgent)
        stack.tasks_ended(1530, seconds=120)


def test_a_task_that_nobody_can_do_waits_for_who_can(model):
    with with_agents(model, capabilities="indexing") as stack:
        answer = stack.route_task("embed")
        assert answer["warning"] == "E_NO_AGENT"
        time.sleep(2)
        task = stack.task(answer["task_id"])
        assert (task["status"], task["attempts"]) == ("queued", 0)

        stack.register_agent("agent-9", model.endpoint, capabilities="embed")

        stack.tasks_ended(1)
        assert stack.task(answer["task_id"])["agent_id"] == "agent-9"


def test_a_worker_for_some_tasks_leaves_the_others(model):
    with with_agents(model, workers=0, capabilities="embed,indexing") as stack:
        stack.start_stream_worker("--capability", "indexing")
        embed = stack.route_task("embed")["task_id"]
        index = stack.route_task("indexing")["task_id"]
        stack.tasks_ended(1)
        time.sleep(1.5)

        assert stack.task(index)["status"] == "completed"
        assert stack.task(embed)["status"] == "queued"

        stack.start_stream_worker("--capability", "embed")
        stack.tasks_ended(2)
        assert model.calls == {embed: 1, index: 1}


def test_told_to_stop_a_worker_finishes_what_it_has(model):
    model.latency = 1.0
    with with_agents(model) as stack:
        [worker] = [p for p in stack.processes if "streamworker" in p.args]
        for _ in range(10):
            stack.route_task()
        wait_until(lambda: model.in_flight == 10, what="all ten are under way")

        worker.terminate()

        assert worker.wait(20) == 0
        assert stack.count("status = 'DONE'") == 10
