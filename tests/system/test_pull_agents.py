"""Agents that pull their work from a real API, and what that survives."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
import requests

from tests.servers import ROOT
from tests.system.stack import API_KEY, Stack, wait_until
from tests.system.whole_log import check_log

pytestmark = pytest.mark.system

EXAMPLE = ROOT / "docs/examples/pull_agent.py"
THREADS = 8


@contextlib.contextmanager
def with_pullers(
    *names: str, workers: int = 1, processes: int = 1, **env: Any
) -> Iterator[Stack]:
    """Run an API, stream workers, and register agents that pull."""
    with Stack(AGENT_APPROVAL="false", JOB_BACKOFF_SECONDS="0.1", **env) as stack:
        stack.start_api(workers=processes)
        for name in names:
            body = {"agent_id": name, "protocol": "pull", "capabilities": ["embed"]}
            post(stack, "register_agent", **body).raise_for_status()
        for _ in range(workers):
            stack.start_stream_worker()
        stack.env |= {"PEDISCREEN_URL": stack.url, "PEDISCREEN_KEY": API_KEY}
        yield stack
        check_log(stack.env)


def post(stack: Stack, path: str, **body: Any) -> requests.Response:
    headers = {"x-api-key": API_KEY}
    return requests.post(f"{stack.url}/{path}", json=body, headers=headers, timeout=30)


def lease(stack: Stack, name: str, **body: Any) -> list[dict[str, Any]]:
    response = post(stack, f"agents/{name}/lease", **body)
    assert response.status_code == 200, response.text
    return list(response.json()["tasks"])


def finish(stack: Stack, found: dict[str, Any], **body: Any) -> requests.Response:
    said = {"attempt": found["attempt"], "success": True, "output": {"done": True}}
    return post(stack, f"task/{found['task_id']}/result", **(said | body))


def at_once(step: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(step, range(THREADS)))


def start_example(stack: Stack, *, text: str = "") -> subprocess.Popen[bytes]:
    """Start the agent of the documents; ``text`` is another program in its place."""
    path = EXAMPLE
    if text:
        path = stack.folder / "pull_agent.py"
        path.write_text(text)
    return stack.start(str(path), log="agent")


# --- The example -------------------------------------------------------------------


def test_the_example_does_tasks_and_stops_when_it_is_told_to():
    with with_pullers() as stack:
        ids = [
            stack.route_task(payload={"text": "one two " * n})["task_id"]
            for n in range(10)
        ]
        poison = stack.route_task(payload={"other": "zq-words"})["task_id"]
        agent = start_example(stack)
        stack.tasks_ended(11)

        tasks = [stack.task(task_id) for task_id in ids]
        assert {t["status"] for t in tasks} == {"completed"}
        assert [t["result"] for t in tasks] == [{"words": 2 * n} for n in range(10)]
        assert {(t["agent_id"], t["attempts"]) for t in tasks} == {
            ("ward-3-counter", 1)
        }
        dead = stack.task(poison)
        assert (dead["status"], dead["attempts"]) == ("dead_letter", 4)
        assert {t["reported"] for d in dead["route"] for t in d["tries"]} == {
            "KeyError"
        }

        agent.send_signal(signal.SIGTERM)

        assert agent.wait(20) == 0
        assert stack.log("agent") == ""
        for log in ("api", "streams"):
            assert "zq-words" not in stack.log(log)
            assert "Traceback" not in stack.log(log)


def test_the_example_keeps_a_task_for_longer_than_its_lease():
    slow = EXAMPLE.read_text().replace(
        "    return {", '    __import__("time").sleep(6)\n    return {'
    )
    with with_pullers() as stack:
        task_id = stack.route_task(payload={"text": "one"})["task_id"]
        start_example(stack, text=slow)
        stack.tasks_ended(1)

        task = stack.task(task_id)
        assert (task["status"], task["attempts"]) == ("completed", 1)
        assert task["route"][0]["tries"][0]["milliseconds"] >= 6000


def test_the_example_outlives_the_service():
    with with_pullers() as stack:
        agent = start_example(stack)
        wait_until(
            lambda: stack.rows("SELECT 1 FROM routing_agent"), what="it is there"
        )
        [api] = [p for p in stack.processes if "granian" in p.args]
        api.kill()
        api.wait()
        time.sleep(3)
        stack.start_api()

        task_id = stack.route_task(payload={"text": "one"})["task_id"]

        stack.tasks_ended(1)
        assert stack.task(task_id)["status"] == "completed"
        assert agent.poll() is None


# --- Beside stream workers ---------------------------------------------------------


def test_a_task_that_only_an_agent_that_pulls_can_do_waits_for_it_unclaimed():
    with with_pullers("puller") as stack:
        answer = stack.route_task()
        assert "warning" not in answer
        wait_until(
            lambda: stack.count("rung_at IS NULL AND status = 'PENDING'") == 1,
            what=lambda: f"it is put off; {stack.log('streams')}",
        )
        assert stack.task(answer["task_id"])["attempts"] == 0

        begun = time.monotonic()
        [found] = lease(stack, "puller", wait=10)

        assert time.monotonic() - begun < 3
        assert found["task_id"] == answer["task_id"]
        assert finish(stack, found).json() == {"status": "completed"}
        task = stack.task(answer["task_id"])
        assert (task["result"], task["agent_id"]) == ({"done": True}, "puller")


def test_an_agent_that_waits_is_given_what_comes():
    with with_pullers("puller") as stack, ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(lease, stack, "puller", wait=20)
        time.sleep(2)
        begun = time.monotonic()

        task_id = stack.route_task()["task_id"]

        assert [found["task_id"] for found in waiting.result(20)] == [task_id]
        assert time.monotonic() - begun < 5


@pytest.mark.parametrize("workers", [0, 1])
def test_what_an_agent_vanished_with_another_finishes(workers):
    with with_pullers("vanishes", "second", workers=workers) as stack:
        task_id = stack.route_task()["task_id"]
        [lost] = lease(stack, "vanishes", wait=10)
        begun = datetime.now().astimezone()

        found: list[Any] = []
        while not found:
            found = lease(stack, "second", wait=10)
        waited = (datetime.now().astimezone() - begun).total_seconds()
        late = finish(stack, lost, output={"late": True})
        assert finish(stack, found[0]).status_code == 200

        task = stack.task(task_id)
        assert 2.5 <= waited <= 10
        assert late.status_code == 409
        assert (task["status"], task["attempts"]) == ("completed", 2)
        assert (task["result"], task["agent_id"]) == ({"done": True}, "second")
        events = stack.rows("SELECT action FROM audit_audit WHERE action LIKE 'task.%'")
        assert Counter(action for (action,) in events) == {
            "task.submitted": 1,
            "task.started": 2,
            "task.released": 1,
            "task.stale_result_refused": 1,
            "task.completed": 1,
        }


# --- At once -----------------------------------------------------------------------


def test_no_task_is_leased_twice_however_many_ask_at_once():
    names = [f"puller-{number % 3}" for number in range(THREADS)]
    kept = {"JOB_LEASE_SECONDS": "60"}
    with with_pullers(*sorted(set(names)), processes=2, **kept) as stack:
        ids = {stack.route_task()["task_id"] for _ in range(200)}

        def take(number: int) -> list[str]:
            taken: list[str] = []
            while found := lease(stack, names[number], max=3):
                taken += [task["task_id"] for task in found]
            return taken

        taken = [task_id for some in at_once(take) for task_id in some]

        assert Counter(taken) == dict.fromkeys(ids, 1)
        assert stack.count("status = 'RUNNING' AND attempt = 1") == 200
        assert "Traceback" not in stack.log("api"), stack.log("api")[-3000:]


def test_of_results_that_come_at_once_one_is_stored():
    with with_pullers("puller", processes=2, JOB_LEASE_SECONDS="60") as stack:
        for _ in range(10):
            stack.route_task()
        for found in lease(stack, "puller", max=10):
            answers = at_once(
                lambda n, found=found: (n, finish(stack, found, output={"n": n}))
            )

            codes = Counter(answer.status_code for _, answer in answers)
            assert codes == {200: 1, 409: THREADS - 1}
            [stored] = [n for n, answer in answers if answer.status_code == 200]
            assert stack.task(found["task_id"])["result"] == {"n": stored}
