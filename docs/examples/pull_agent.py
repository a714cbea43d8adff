"""An agent that pulls: it asks for tasks over HTTPS, does them, and says what came out.

PEDISCREEN_URL=https://screening.example.org PEDISCREEN_KEY=psk_... python pull_agent.py
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress

import requests

URL, NAME = os.environ["PEDISCREEN_URL"], "ward-3-counter"
KEY = {"x-api-key": os.environ["PEDISCREEN_KEY"]}
stopping = threading.Event()


def work(task: dict) -> object:
    """Do one task. Put here what your agent can do."""
    return {"words": len(task["payload"]["text"].split())}


def post(path: str, **body: object) -> requests.Response:
    """Send JSON; while the service is away, again until it is back."""
    while True:
        with suppress(requests.ConnectionError, requests.Timeout):
            answer = requests.post(f"{URL}/{path}", json=body, headers=KEY, timeout=30)
            if answer.status_code not in {502, 503, 504}:
                return answer
        if stopping.wait(2):
            raise SystemExit("Told to stop, and the service is away.")


def finish(task: dict) -> None:
    """Do a task; say now and then that it is in work, and at the end what came out."""
    path, attempt, done = f"task/{task['task_id']}", task["attempt"], threading.Event()

    def beat() -> None:
        while not done.wait(task["lease_seconds"] / 3):
            post(f"{path}/heartbeat", attempt=attempt)

    threading.Thread(target=beat, daemon=True).start()
    try:
        said = {"success": True, "output": work(task)}
    except Exception as exc:  # noqa: BLE001 - whatever went wrong, its name alone is told
        said = {"success": False, "error": type(exc).__name__}
    post(f"{path}/result", attempt=attempt, **said)
    done.set()


signal.signal(signal.SIGTERM, lambda number, frame: stopping.set())
post("register_agent", agent_id=NAME, protocol="pull", capabilities=["embed"])
while not stopping.is_set():
    tasks = post(f"agents/{NAME}/lease", max=1, wait=10).json().get("tasks", [])
    for task in tasks:
        finish(task)
    if not tasks:  # nothing to do, or a person has yet to approve the agent
        stopping.wait(1)
