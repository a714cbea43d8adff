"""The whole product as real processes, on a database and a Redis of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from redis import Redis

from audit.proofs.keys import SignerKey
from pediscreen_site.embedded import EmbeddedValkey
from tests import servers
from tests.system.whole_log import check_log

API_KEY = "system-test-key-of-24-characters-or-more"
AUDIT_KEY = SignerKey(
    "test.example/audit", Ed25519PrivateKey.from_private_bytes(bytes(32))
).secret_text()
PYTHON = sys.executable


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_until(
    condition: Callable[[], Any],
    *,
    seconds: float = 30,
    what: str | Callable[[], str] = "",
) -> Any:
    """Return the condition's first true value; fail when the time is up.

    ``what`` was waited for; a function is asked when the time is up, not before.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    said = what() if callable(what) else what
    raise AssertionError(f"not within {seconds} s: {said or condition}")


def _migrated(kind: str) -> str:
    """Migrate one database, once, for all the stacks of this process to copy."""
    if kind in _templates:
        return _templates[kind]
    if kind == "sqlite":
        path = Path(tempfile.mkdtemp(prefix="ps-")) / "template.sqlite3"
        url = f"sqlite:///{path}"
        _templates[kind] = str(path)
    else:
        name = servers.fresh_name("template")
        servers.run_sql(f"CREATE DATABASE {name}")
        url = servers.postgres_url(name)
        _templates[kind] = name
    migrate(url)
    return _templates[kind]


def migrate(url: str) -> None:
    """Migrate one database."""
    subprocess.run(
        [PYTHON, "manage.py", "migrate", "-v0"],
        cwd=servers.ROOT,
        env=os.environ
        | {
            "DATABASE_URL": url,
            "DJANGO_SECRET_KEY": "x" * 50,
            "EDGE_MODEL_URL": "http://127.0.0.1:9/",
            "DJANGO_SETTINGS_MODULE": "pediscreen_site.settings",
        },
        check=True,
    )


_templates: dict[str, str] = {}


def remove_templates() -> None:
    """Leave nothing of the migrated databases behind."""
    for kind, name in _templates.items():
        if kind == "sqlite":
            shutil.rmtree(Path(name).parent, ignore_errors=True)
        else:
            servers.run_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    _templates.clear()


class Stack:
    """A database, a Valkey, and the processes started on them.

    Leaving the context ends all of it, whatever state a test left it in.
    """

    root = servers.ROOT
    python = PYTHON

    def __init__(self, *, server: Any = None, **env: Any) -> None:
        self.server = server
        self.folder = Path(tempfile.mkdtemp(prefix="ps-"))
        self.kind = servers.database_kind()
        self.redis = EmbeddedValkey(folder=self.folder / "r")
        self.processes: list[subprocess.Popen[bytes]] = []
        self.port = free_port()
        self.session = requests.Session()
        self.session.headers["x-api-key"] = API_KEY
        self.database = self._make_database()
        self.env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "pediscreen_site.settings",
            "DJANGO_SECRET_KEY": "only-for-tests-" + "x" * 50,
            "DEBUG": "false",
            "REQUIRE_SECOND_FACTOR": "false",
            "API_KEY": API_KEY,
            "AUDIT_KEY": AUDIT_KEY,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis.url,
            "EDGE_MODEL_URL": "",
            "CLOUD_MODEL_URL": "",
            "JOB_LEASE_SECONDS": "3",
            "JOB_BACKOFF_SECONDS": "0.3",
            "JOB_BACKOFF_MAX_SECONDS": "1",
            "RECONCILE_SECONDS": "0.5",
            "ROUTING_TIMEOUT_SECONDS": "2",
            **{name: str(value) for name, value in env.items()},
        }

    def __enter__(self) -> Stack:
        self.redis.start()
        return self

    def __exit__(self, *args: object) -> None:
        for process in self.processes:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if self.redis.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.redis.process.pid, signal.SIGCONT)
        self.redis.stop()
        if self.kind == "postgresql" and self.server is None:
            servers.run_sql(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- Processes ----------------------------------------------------------------

    def start(self, *words: str, log: str) -> subprocess.Popen[bytes]:
        """Start a process in a session of its own; what it says goes to a file."""
        with (self.folder / f"{log}.log").open("ab") as output:
            process = subprocess.Popen(
                [PYTHON, *words],
                cwd=servers.ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def command(self, *words: str) -> str:
        """Run a management command to its end; return what it says."""
        done = subprocess.run(
            [PYTHON, "manage.py", *words],
            cwd=servers.ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout.strip()

    def start_api(
        self, *, threads: int = 16, workers: int = 1
    ) -> subprocess.Popen[bytes]:
        process = self.start(
            *["-m", "granian", "--interface", "wsgi", "--port", str(self.port)],
            *["--workers", str(workers), "--blocking-threads", str(threads)],
            *["--no-ws", "--log-level", "warning"],
            *["--log-config", "pediscreen_site/granian.json"],
            "pediscreen_site.wsgi:application",
            log="api",
        )
        wait_until(self._answers, what=lambda: f"the API answers; {self.log('api')}")
        return process

    def start_worker(self, *words: str) -> subprocess.Popen[bytes]:
        return self.start("manage.py", "rqworker", "pedi-screen", *words, log="worker")

    def start_stream_worker(self, *words: str) -> subprocess.Popen[bytes]:
        return self.start("manage.py", "streamworker", *words, log="streams")

    def wait_for_workers(self, number: int) -> None:
        """Wait until so many have told Redis that they are there."""
        with self.redis_client() as redis:
            wait_until(
                lambda: redis.scard("rq:workers") >= number,
                what=lambda: f"{number} workers; {self.log('worker')}",
            )

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/livez", timeout=1).ok
        except requests.RequestException:
            return False

    def freeze(self, process: subprocess.Popen[bytes]) -> None:
        """Stop a process in its tracks, but not while it holds the one SQLite lock."""
        while True:
            os.kill(process.pid, signal.SIGSTOP)
            # A thread that is in the middle of a system call finishes it first.
            wait_until(lambda: servers.has_stopped(process), what="stopped")
            if self.kind != "sqlite" or (self._writable() and self._writable()):
                return
            os.kill(process.pid, signal.SIGCONT)
            time.sleep(0.05)

    def _writable(self) -> bool:
        with contextlib.closing(sqlite3.connect(self.database, timeout=1)) as db:
            try:
                db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            return True

    def redis_client(self) -> Redis:
        return Redis(unix_socket_path=str(self.redis.socket), socket_timeout=5)

    # --- HTTP ---------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def submit(self, **fields: Any) -> str:
        response = self.session.post(f"{self.url}/api/submit", json=fields, timeout=10)
        assert response.status_code == 200, response.text
        return str(response.json()["job_id"])

    def job(self, job_id: str, *, wait: float = 0) -> dict[str, Any]:
        response = self.session.get(
            f"{self.url}/api/status/{job_id}", params={"wait": wait}, timeout=wait + 10
        )
        assert response.status_code == 200, response.text
        return dict(response.json())

    def ended(self, job_ids: list[str], *, seconds: float = 60) -> dict[str, Any]:
        """Wait until all have ended; return them by id."""
        until = time.monotonic() + seconds
        found: dict[str, Any] = {}
        for job_id in job_ids:
            while True:
                job = self.job(job_id)
                if job["status"] in {"DONE", "FAILED", "CANCELLED"}:
                    found[job_id] = job
                    break
                assert time.monotonic() < until, (job, self.log("worker")[-4000:])
                time.sleep(0.1)
        return found

    def register_agent(self, agent_id: str, endpoint: str, **fields: Any) -> None:
        response = self.session.post(
            f"{self.url}/register_agent",
            json={"agent_id": agent_id, "endpoint": endpoint, **fields},
            timeout=10,
        )
        assert response.status_code == 200, response.text

    def route_task(self, task_type: str = "embed", **fields: Any) -> dict[str, Any]:
        body = {"case_id": "case-1", "task_type": task_type, **fields}
        response = self.session.post(f"{self.url}/route_task", json=body, timeout=10)
        assert response.status_code in {200, 202}, response.text
        return dict(response.json())

    def task(self, task_id: str) -> dict[str, Any]:
        response = self.session.get(f"{self.url}/task/{task_id}", timeout=10)
        assert response.status_code == 200, response.text
        return dict(response.json())

    def tasks_ended(self, number: int, *, seconds: float = 60) -> None:
        """Wait until so many tasks have ended, one way or another."""
        wait_until(
            lambda: self.count("status IN ('DONE', 'FAILED')") >= number,
            seconds=seconds,
            what=lambda: f"{number} tasks have ended; {self.log('streams')[-3000:]}",
        )

    def count(self, condition: str) -> int:
        """Count the tasks of which a condition holds."""
        rows = self.rows(f"SELECT count(*) FROM routing_task WHERE {condition}")
        return int(rows[0][0])

    # --- Database -----------------------------------------------------------------

    @property
    def database_url(self) -> str:
        if self.kind == "sqlite":
            return f"sqlite:///{self.database}"
        return servers.postgres_url(self.database, self.server)

    def _make_database(self) -> str:
        if self.server is not None:
            migrate(servers.postgres_url("postgres", self.server))
            return "postgres"
        template = _migrated(self.kind)
        if self.kind == "sqlite":
            path = self.folder / "db.sqlite3"
            shutil.copy(template, path)
            return str(path)
        name = servers.fresh_name("stack")
        servers.run_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Read with plain SQL, past the product."""
        if self.kind == "sqlite":
            with contextlib.closing(sqlite3.connect(self.database, timeout=10)) as db:
                return list(db.execute(sql))
        with servers.connect(self.database, server=self.server) as connection:
            return list(connection.execute(sql))

    def write(self, sql: str) -> None:
        """Write with plain SQL, past the product."""
        if self.kind == "sqlite":
            with contextlib.closing(sqlite3.connect(self.database, timeout=10)) as db:
                db.execute(sql)
                db.commit()
            return
        with servers.connect(self.database, server=self.server) as connection:
            connection.execute(sql)

    def events(self) -> dict[str, list[str]]:
        """Return each job's audit actions, in order; who looked is not among them."""
        found: dict[str, list[str]] = {}
        for job_id, action in self.rows(
            "SELECT job_id, action FROM audit_audit WHERE action NOT IN ("
            "'record.read', 'access.denied', 'request.refused', 'request.answered') "
            "ORDER BY id"
        ):
            found.setdefault(str(job_id).replace("-", ""), []).append(action)
        return found

    def check_invariants(self, job_ids: list[str]) -> None:
        """Each accepted job: ended, once, with one accept and one terminal event."""
        jobs = {
            str(pk).replace("-", ""): (status, attempt)
            for pk, status, attempt in self.rows(
                "SELECT id, status, attempt FROM screening_job"
            )
        }
        assert set(jobs) == {job_id.replace("-", "") for job_id in job_ids}
        events = self.events()
        terminal = {"DONE": "job.completed", "FAILED": "job.failed"}
        for pk, (status, _) in jobs.items():
            actions = events[pk]
            assert actions.count("job.submitted") == 1, actions
            assert actions[0] == "job.submitted", actions
            ends = [a for a in actions if a in terminal.values()]
            assert ends == [terminal[status]], (status, actions)
        [(reviews,)] = self.rows("SELECT count(*) FROM screening_review")
        assert reviews == sum(status == "DONE" for status, _ in jobs.values())
        check_log(self.env)


@contextlib.contextmanager
def running(model_url: str = "", *, workers: int = 1, **env: Any) -> Iterator[Stack]:
    """Run an API and workers against one model server."""
    with Stack(EDGE_MODEL_URL=model_url, **env) as stack:
        stack.start_api()
        for _ in range(workers):
            stack.start_worker()
        stack.wait_for_workers(workers)
        yield stack
