"""The triggers go with their migration, and come back with it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests import servers
from tests.system.stack import Stack

pytestmark = pytest.mark.system

TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' "
    "AND name LIKE 'audit%' ORDER BY name",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal "
    "AND tgname LIKE 'audit%' "
    "UNION SELECT proname FROM pg_proc WHERE proname = 'audit_refuse' ORDER BY 1",
}
INSTALLED = {
    "sqlite": ["audit_no_delete", "audit_no_replace", "audit_no_update"],
    "postgresql": ["audit_append_only", "audit_refuse"],
}


@pytest.fixture
def stack() -> Iterator[Stack]:
    with Stack() as stack:
        yield stack


def migrate(stack: Stack, name: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v0", "audit", name],
        cwd=servers.ROOT,
        env=stack.env,
        check=True,
    )


def triggers(stack: Stack) -> list[str]:
    return [name for (name,) in stack.rows(TRIGGERS[stack.kind])]


def test_the_migration_is_reversed_without_a_trace_and_applied_again(stack):
    assert triggers(stack) == INSTALLED[stack.kind]

    migrate(stack, "0001")
    assert triggers(stack) == []

    migrate(stack, "0002")
    assert triggers(stack) == INSTALLED[stack.kind]
