"""The processes of the demonstration: prepared, started, watched and stopped."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from audit.proofs.keys import SignerKey
from pediscreen_site.demo.client import DemoClient
from pediscreen_site.embedded import LONGEST_SOCKET_PATH, EmbeddedValkey

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "var" / "demo"
STOP_SECONDS = 30
START_SECONDS = 30


class DemoFailed(Exception):
    """The demonstration cannot go on, for a reason that says the fix."""


class DemoParts:
    """Valkey, model server, worker and API, each a process with a log of its own."""

    def __init__(self, *, port: int, model_port: int) -> None:
        if port == model_port:
            raise DemoFailed("PORT and MODEL_SERVER_PORT must differ.")
        self.port = port
        self.model_port = model_port
        self.processes: list[tuple[str, subprocess.Popen[bytes]]] = []
        self.valkey: EmbeddedValkey | None = None
        self.kept = keep_secrets()
        self.client = DemoClient(
            url=f"http://127.0.0.1:{port}", key=self.kept["API_KEY"]
        )
        self.env = self._environment()

    def _environment(self) -> dict[str, str]:
        model_url = (
            os.environ.get("MODEL_URL") or f"http://127.0.0.1:{self.model_port}/"
        )
        defaults = {
            "DATABASE_URL": f"sqlite:///{FOLDER / 'pediscreen.sqlite3'}",
            "EDGE_MODEL_URL": model_url,
            "EDGE_MODEL_PROTOCOL": os.environ.get("MODEL_PROTOCOL", "native"),
            "EDGE_MODEL_NAME": os.environ.get("MODEL_NAME", ""),
            # To look around one logs in with the name and password that are printed.
            "REQUIRE_SECOND_FACTOR": "false",
        }
        return {
            **defaults,
            **os.environ,
            **self.kept,
            "DJANGO_SETTINGS_MODULE": "pediscreen_site.settings",
            "DEBUG": "false",
            "PYTHONUNBUFFERED": "1",
        }

    # --- Processes ----------------------------------------------------------------

    def prepare(self) -> None:
        """Migrate the database, and make the admin user unless there is one.

        Before it is touched, see that no other demonstration runs on it.
        """
        refuse_if_taken(self.port, "PORT")
        refuse_if_taken(self.model_port, "MODEL_SERVER_PORT")
        self._run("migrate", "-v0")
        with contextlib.suppress(DemoFailed):
            self._run("createsuperuser", "--noinput")

    def start(self) -> None:
        """Start every part, and wait until the API answers and a worker listens."""
        if not os.environ.get("REDIS_URL"):
            self.valkey = EmbeddedValkey(folder=socket_folder())
            self.valkey.start()
            self.env["REDIS_URL"] = self.valkey.url
        if not os.environ.get("MODEL_URL"):
            self._start(
                *["model server", "manage.py", "modelserver"],
                *["--backend", "reference", "--port", str(self.model_port)],
            )
        self._start("worker", "manage.py", "rqworker", "pedi-screen")
        self._start(
            *["api", "-m", "granian", "--interface", "wsgi", "--no-ws"],
            *["--port", str(self.port), "--blocking-threads", "16"],
            *["--log-level", "error", "--log-config", "pediscreen_site/granian.json"],
            "pediscreen_site.wsgi:application",
        )
        until = time.monotonic() + START_SECONDS
        while self.client.readiness() != "ok":
            self.check_alive()
            if time.monotonic() > until:
                raise DemoFailed(f"Not ready after {START_SECONDS} s; see {FOLDER}.")
            time.sleep(0.1)

    def check_alive(self) -> None:
        """Refuse to go on without one of the parts.

        Raises:
            DemoFailed: a process has ended; the end of its log says why.
        """
        for name, process in self.processes:
            if process.poll() is not None:
                end = log_of(name).read_text(errors="replace")[-2000:]
                raise DemoFailed(f"The {name} has ended ({process.returncode}):\n{end}")

    def stop(self) -> None:
        """Stop the API, then the worker once it has finished, then the rest."""
        order = {"api": 0, "worker": 1, "model server": 2}
        for _, process in sorted(self.processes, key=lambda part: order[part[0]]):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self.valkey is not None:
            self.valkey.stop()

    def _run(self, *words: str) -> None:
        done = subprocess.run(  # noqa: S603 - our own words only
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DemoFailed(f"manage.py {words[0]} failed:\n{done.stderr[-2000:]}")

    def _start(self, name: str, *words: str) -> None:
        """Start a part in a session of its own: Ctrl-C is for us to pass on."""
        with log_of(name).open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own words only
                [sys.executable, *words],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append((name, process))


def keep_secrets() -> dict[str, str]:
    """Return the demonstration's own secrets, the same at every start."""
    path = FOLDER / "secrets.json"
    kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    if "AUDIT_KEY" not in kept:
        FOLDER.mkdir(parents=True, exist_ok=True)
        made = {
            "DJANGO_SECRET_KEY": secrets.token_urlsafe(64),
            "API_KEY": f"demo_{secrets.token_urlsafe(24)}",
            "DJANGO_SUPERUSER_USERNAME": "admin",
            "DJANGO_SUPERUSER_EMAIL": "admin@example.org",
            "DJANGO_SUPERUSER_PASSWORD": secrets.token_urlsafe(9),
            "AUDIT_KEY": SignerKey.generate("pediscreen.demo/audit").secret_text(),
        }
        kept = {**made, **kept}
        path.touch(mode=0o600)
        path.write_text(json.dumps(kept, indent=2))
    return kept


def socket_folder() -> Path:
    """Return a folder whose path is short enough for a socket."""
    if len(str(FOLDER / "valkey" / "valkey.sock")) <= LONGEST_SOCKET_PATH:
        return FOLDER / "valkey"
    return Path(tempfile.mkdtemp(prefix="pediscreen-"))


def log_of(name: str) -> Path:
    """Return where a part's output goes."""
    return FOLDER / f"{name.replace(' ', '-')}.log"


def refuse_if_taken(port: int, variable: str) -> None:
    """Refuse a port on which something listens already.

    Raises:
        DemoFailed: it is taken; the message names the variable that changes it.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise DemoFailed(
                f"Port {port} is taken. Stop what listens there, "
                f"or choose another: make demo {variable}={port + 1}"
            ) from None


@contextlib.contextmanager
def running(parts: DemoParts) -> Iterator[None]:
    """Start everything; stop everything, whatever happens in between."""

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        parts.start()
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        parts.stop()
