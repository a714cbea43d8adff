"""What every test may use."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from redis import Redis

from routing.connection import connect
from screening import queue
from tests import servers, telling

# How long a machine takes decides no test.
hypothesis_settings.register_profile("calm", deadline=None)
hypothesis_settings.load_profile("calm")


@pytest.fixture(autouse=True)
def looked_at_nothing_yet() -> Iterator[None]:
    """The desk looks anew at what is wrong, not at what the test before saw.

    And nobody has read anything yet.
    """
    reading = sys.modules.get("audit.reading")
    if reading is not None:
        reading.RECENT.forget()
    yield
    notices = sys.modules.get("pediscreen_site.notices")
    if notices is not None:
        notices.LAST.until = 0.0


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Let rows be made past the services; in the end, see that all sessions have ended.

    Those that a thread has kept, or one's own that takes its time, would keep the test
    database there.
    """
    from django.db import connection

    # Many tests make a job as they need it, whose state no event tells of. Those of
    # the services ask again, and so do all real processes.
    with django_db_blocker.unblock():
        telling.run(telling.ASK_NOT)
    yield
    if connection.vendor == "postgresql":
        connection.close()
        servers.end_sessions(connection.settings_dict["NAME"])


@pytest.fixture
def redis() -> Iterator[Redis]:
    """An empty Redis, and a bell that has not failed yet."""
    client = connect()
    client.flushall()
    queue.Bell.quiet_until = 0.0
    yield client
    client.flushall()
    client.close()


@pytest.fixture
def api(client: Any, db: None, redis: Redis, settings: Any) -> Any:
    """A test client that sends the API key."""
    from screening.services import keys

    keys._remembered.clear()
    client.defaults["HTTP_X_API_KEY"] = settings.API_KEY
    return client


def pytest_unconfigure(config: Any) -> None:
    """Leave nothing behind: a worker of the test runner skips its exit hooks."""
    stack = sys.modules.get("tests.system.stack")
    if stack is not None:
        stack.remove_templates()
    servers.stop_valkey()
