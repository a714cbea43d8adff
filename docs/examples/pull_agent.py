"""An agent that pulls: it asks for tasks over HTTPS, does them, and says what came out.

PEDISCREEN_URL=https://screening.example.org PEDISCREEN_KEY=psk_... python pull_agent.py
"""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import requests

URL, KEY = os.environ["PEDISCREEN_URL"], os.environ["PEDISCREEN_KEY"]
NAME = os.environ.get("PEDISCREEN_AGENT", "ward-3-counter")
stopping = threading.Event()


def work(task: dict[str, Any]) -> Any:
    """Do one task. Put here what your agent can do."""
    return {"words": len(task["payload"]["text"].split())}


def post(path: str, **body: Any) -> requests.Response:
    """Send JSON; while the service is away, again until it is back."""
    while True:
        try:
            headers = {"x-api-key": KEY}
            answer = requests.post(
                f"{URL}/{path}", json=body, headers=headers, timeout=30
            )
            if answer.status_code not in {502, 503, 504}:
                return answer
        except (requests.ConnectionError, requests.Timeout):
            pass
        if stopping.wait(2):
            raise SystemExit("Told to stop, and the service is away.")


def finish(task: dict[str, Any]) -> None:
    """Do a task; say meanwhile that it is in work, and at the end what came out."""
    path, attempt, done = f"task/{task['task_id']}", task["attempt"], threading.Event()

    def beat() -> None:
        while not done.wait(task["lease_seconds"] / 3):
            post(f"{path}/heartbeat", attempt=attempt)

    threading.Thread(target=beat, daemon=True).start()
    try:
        said = {"success": True, "output": work(task)}
    except Exception as exc:  # noqa: BLE001 - whatever it was is told, by its name alone
        said = {"success": False, "error": type(exc).__name__}
    post(f"{path}/result", attempt=attempt, **said)
    done.set()


signal.signal(signal.SIGTERM, lambda number, frame: stopping.set())
post("register_agent", agent_id=NAME, protocol="pull", capabilities=["embed"])
while not stopping.is_set():
    leased = post(f"agents/{NAME}/lease", max=1, wait=10)
    for task in leased.json().get("tasks", []):
        finish(task)
    if not leased.ok:  # a person has to approve the agent first
        stopping.wait(5)
