"""The triggers go with their migration, and come back with it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests import servers
from tests.system.stack import Stack

pytestmark = pytest.mark.system

FOUND = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' "
    "AND name LIKE 'consent_%' ORDER BY name",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE tgname LIKE 'consent_%' "
    "UNION SELECT proname FROM pg_proc WHERE proname LIKE 'consent_%' ORDER BY 1",
}
INSTALLED = {
    "sqlite": ["consent_no_delete", "consent_no_replace", "consent_revoked_once"],
    "postgresql": [
        "consent_kept",
        "consent_refuse",
        "consent_revoke_only",
        "consent_revoked_once",
    ],
}


def migrate(stack: Stack, name: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v0", "consent", name],
        cwd=servers.ROOT,
        env=stack.env,
        check=True,
    )


def found(stack: Stack) -> list[str]:
    return [name for (name,) in stack.rows(FOUND[stack.kind])]


def test_the_migration_is_reversed_without_a_trace_and_applied_again():
    with Stack() as stack:
        assert found(stack) == INSTALLED[stack.kind]

        migrate(stack, "0001")
        assert found(stack) == []

        migrate(stack, "0002")
        assert found(stack) == INSTALLED[stack.kind]
