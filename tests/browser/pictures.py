"""Pictures of the admin's pages: ``python -m tests.browser.pictures FOLDER [PAGE …]``.

Starts the product with invented rows, and Chromium, which must be installed. Says
what the browser complains of, such as a violation of the Content-Security-Policy.
"""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import requests

from tests.servers import ROOT
from tests.system.stack import Stack

PASSWORD = "an-invented-password-1"
PREPARE = f"""
from django.contrib.auth import get_user_model
from tests.browser.reviews import prepare
from tests.browser.rows import fill, rest_some
person = get_user_model().objects.create_superuser("reviewer", password="{PASSWORD}")
fill(24)
prepare(person)
rest_some()
"""
PAGES = {
    "login": "/admin/login/",
    "home": "/admin/",
    "reviews": "/admin/screening/review/",
    "review": "/admin/screening/review/",
    "review-flags": "/admin/screening/review/",
    "review-sign-off": "/admin/screening/review/",
    "review-second-read": "/admin/screening/review/",
    "review-signed": "/admin/screening/review/",
    "cases": "/admin/screening/case/",
    "case": "/admin/screening/case/",
    "jobs": "/admin/screening/job/",
    "job": "",
    "job-differs": "",
    "job-unusable": "",
    "job-failed": "",
    "job-route": "",
    "tasks": "/admin/routing/task/",
    "tasks-dry-run": "/admin/routing/task/?status=dead",
    "task": "",
    "task-dead": "",
    "work": "/admin/work/",
    "work-running": "/admin/work/?state=running",
    "work-queued": "/admin/work/?state=queued",
    "work-dry-run": "/admin/work/",
    "agents": "/admin/routing/agent/",
    "agent": "/admin/routing/agent/",
    "agent-waiting": "/admin/routing/agent/",
    "add-agent": "/admin/routing/agent/add/",
    "add-agent-refused": "/admin/routing/agent/add/",
    "servers": "/admin/routing/targethealth/",
    "server": "/admin/routing/targethealth/",
    "audit": "/admin/audit/audit/",
    "audit-event": "/admin/audit/audit/",
    "keys": "/admin/screening/apikey/",
    "person": "/admin/auth/user/",
    "add-person": "/admin/auth/user/add/",
    "missing": "/admin/nowhere/",
}
WIDTHS = {1440: 900, 1280: 800, 480: 900, 390: 844}
REFUSED = """
const form = document.querySelector('#agent_form');
for (const [name, value] of Object.entries({
  agent_id: 'edge', endpoint: 'http://169.254.169.254/latest', location: 'attic',
})) form.elements[name].value = value;
form.noValidate = true;
form.requestSubmit();
"""
OPEN_ALL = (
    "for (const d of document.querySelectorAll('details.collapse, fieldset details'))"
    " d.open = true;"
)
TICK_ALL = "document.querySelector('#action-toggle').click();"
GO = "document.querySelector('#changelist-form button[name=index]').click();"
BEFORE = {
    "tasks-dry-run": TICK_ALL
    + "document.querySelector('[name=action]').value = 'replay_chosen';"
    + GO,
    "task-dead": OPEN_ALL,
    "work-dry-run": TICK_ALL + GO,
    "add-agent-refused": REFUSED,
    "job-route": OPEN_ALL,
}
"""What somebody does on a page before its picture is taken."""


class Browser:
    """One page of a Chromium without a screen, spoken to over its DevTools socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.numbers = count(1)
        self.complaints: list[str] = []

    async def do(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and return its result."""
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        await self.socket.send_json(message)
        while True:
            found = await self.next()
            if found.get("id") == number:
                assert "error" not in found, (method, found)
                return dict(found["result"])

    async def next(self) -> dict[str, Any]:
        """Read one message, and note what it complains of."""
        found = json.loads((await self.socket.receive(timeout=20)).data)
        if found.get("method") == "Log.entryAdded":
            entry = found["params"]["entry"]
            self.complaints.append(f"{entry['text']} {entry.get('url', '')}")
        if found.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(found["params"]["exceptionDetails"]))
        return dict(found)

    async def open(self, url: str) -> None:
        """Go there and wait until all of it is loaded."""
        await self.do("Page.navigate", url=url)
        while (await self.next()).get("method") != "Page.loadEventFired":
            pass

    async def run(self, script: str) -> None:
        """Do something on the page, and wait until it has settled."""
        await self.do("Runtime.evaluate", expression=script)
        await asyncio.sleep(1)

    async def picture(self, path: Path, width: int, *, dark: bool) -> None:
        """Save the whole page as it looks in this width and colour scheme."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.do("Emulation.setEmulatedMedia", features=[scheme])
        await self.size(width, WIDTHS[width])
        metrics = await self.do("Page.getLayoutMetrics")
        box = metrics["cssContentSize"]
        if box["width"] > width:
            self.complaints.append(f"{path.name} is {box['width']} wide")
        await self.size(width, max(WIDTHS[width], int(box["height"])))
        data = (await self.do("Page.captureScreenshot"))["data"]
        path.write_bytes(base64.b64decode(data))

    async def size(self, width: int, height: int) -> None:
        """Set the size of the window."""
        await self.do(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )


def log_in(stack: Stack) -> str:
    """Log in over HTTP; return the session's id."""
    session = requests.Session()
    url = f"{stack.url}/admin/login/"
    session.get(url, timeout=10)
    form = {
        "username": "reviewer",
        "password": PASSWORD,
        "csrfmiddlewaretoken": session.cookies["csrftoken"],
        "next": "/admin/",
    }
    assert session.post(url, form, timeout=10).url.endswith("/admin/")
    return str(session.cookies["sessionid"])


def paths(stack: Stack) -> dict[str, str]:
    """Return every page with its path; rows have ids of their own."""

    def first(table: str, where: str) -> Any:
        [found, *_] = stack.rows(f"SELECT id FROM {table} WHERE {where} ORDER BY id")
        return found[0]

    found = dict(PAGES)
    reviews = {
        "review": ("note = 'Ask intake.'", "change"),
        "review-flags": ("summary LIKE '%autism%'", "change"),
        "review-sign-off": ("note = 'Ask intake.'", "sign-off"),
        "review-second-read": ("second_read_for <> ''", "second-read"),
        "review-signed": ("state = 'SIGNED_OFF'", "change"),
    }
    for name, (where, step) in reviews.items():
        found[name] += f"{first('screening_review', where)}/{step}/"
    found["case"] += f"{first('screening_case', 'id = 3')}/change/"
    found["audit-event"] += f"{first('audit_audit', 'id > 8')}/change/"
    for name, where in {"agent": "checker-1", "agent-waiting": "embedder-1"}.items():
        row = first("routing_agent", f"agent_id = '{where}'")
        found[name] += f"{row}/change/"
    server = first("routing_targethealth", "name = 'gpu-reader-1'")
    found["server"] += f"{server}/change/"
    found["person"] += f"{first('auth_user', 'id > 0')}/change/"
    for name, where in {
        "job": "risk = 'discuss' AND payload LIKE '%not_yet%'",
        "job-differs": "risk <> model_risk AND model_risk <> 'unclassified'",
        "job-unusable": "model_risk = 'unclassified'",
        "job-failed": "status = 'FAILED'",
        "job-route": "status = 'FAILED'",
    }.items():
        found[name] = f"/admin/screening/job/{first('screening_job', where)}/change/"
    for name, where in {"task": "status = 'DONE'", "task-dead": "dead_at > ''"}.items():
        found[name] = f"/admin/routing/task/{first('routing_task', where)}/change/"
    return found


async def take(stack: Stack, folder: Path, port: int, wanted: list[str]) -> list[str]:
    """Take every page in each width and colour scheme; return the complaints."""
    async with aiohttp.ClientSession() as session:
        for _ in range(100):
            try:
                pages = await session.get(f"http://127.0.0.1:{port}/json")
                [page] = [p for p in await pages.json() if p["type"] == "page"]
                break
            except (aiohttp.ClientError, ValueError):
                await asyncio.sleep(0.1)
        url = page["webSocketDebuggerUrl"]
        async with session.ws_connect(url, max_msg_size=0) as socket:
            browser = Browser(socket)
            for domain in ("Page", "Log", "Runtime", "Network"):
                await browser.do(f"{domain}.enable")
            for name, path in paths(stack).items():
                if wanted and name not in {"login", *wanted}:
                    continue
                for width in WIDTHS:
                    await browser.size(width, WIDTHS[width])
                    await browser.open(stack.url + path)
                    if name in BEFORE:
                        await browser.run(BEFORE[name])
                    for dark in (False, True):
                        scheme = "dark" if dark else "light"
                        target = folder / f"{name}-{scheme}-{width}.png"
                        await browser.picture(target, width, dark=dark)
                if name == "login":
                    cookie = {"name": "sessionid", "value": log_in(stack)}
                    await browser.do("Network.setCookie", url=stack.url, **cookie)
            return browser.complaints


def main() -> None:
    """Take the pictures and say what went wrong."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with Stack(EDGE_MODEL_URL="http://127.0.0.1:9/") as stack:
        subprocess.run(
            [sys.executable, "manage.py", "shell", "-v0", "-c", PREPARE],
            cwd=ROOT,
            env=stack.env,
            check=True,
        )
        stack.start_api()
        profile = tempfile.mkdtemp(prefix="chromium-")
        port = stack.port + 1
        browser = subprocess.Popen(
            [
                *["chromium", "--headless=new", "--no-sandbox", "--hide-scrollbars"],
                *[f"--remote-debugging-port={port}", f"--user-data-dir={profile}"],
                *["--disable-gpu", "about:blank"],
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            complaints = asyncio.run(take(stack, folder, port, sys.argv[2:]))
        finally:
            browser.terminate()
            browser.wait()
            shutil.rmtree(profile, ignore_errors=True)
    for complaint in sorted(set(complaints)):
        sys.stdout.write(f"{complaint}\n")


if __name__ == "__main__":
    main()
