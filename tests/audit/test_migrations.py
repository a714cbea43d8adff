"""The triggers go with their migration, and come back with it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from audit.proofs import canonical
from tests import servers
from tests.system.stack import Stack

pytestmark = pytest.mark.system

TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' "
    "AND name LIKE 'audit%' ORDER BY name",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal "
    "AND tgname LIKE 'audit%' "
    "UNION SELECT proname FROM pg_proc WHERE proname LIKE 'audit\\_%' ORDER BY 1",
}
INSTALLED = {
    "sqlite": ["audit_no_delete", "audit_no_replace", "audit_no_update"],
    "postgresql": ["audit_append_only", "audit_refuse"],
}
TREE = ["audit_checkpoint", "audit_leaf", "audit_node"]
SEALED = {
    "sqlite": [
        f"{table}_no_{what}"
        for table in TREE
        for what in ("delete", "replace", "update")
    ],
    "postgresql": [*(f"{table}_append_only" for table in TREE), "audit_await"],
}
RECORDED = {"sqlite": [], "postgresql": ["audit_record"]}


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
    append_only, sealed = INSTALLED[stack.kind], SEALED[stack.kind]
    to_be_sealed = sorted([*append_only, *sealed, "audit_awaits_seal"])
    all_of_them = sorted([*to_be_sealed, *RECORDED[stack.kind]])
    assert triggers(stack) == all_of_them

    migrate(stack, "0004")
    assert triggers(stack) == to_be_sealed

    migrate(stack, "0003")
    assert triggers(stack) == append_only

    migrate(stack, "0001")
    assert triggers(stack) == []

    migrate(stack, "0006")
    assert triggers(stack) == all_of_them


def test_events_from_before_the_tree_get_a_text_and_wait_to_be_sealed(stack):
    migrate(stack, "0003")
    made = "gen_random_uuid()" if stack.kind == "postgresql" else "hex(randomblob(16))"
    stack.write(
        "INSERT INTO audit_audit (event_id, action, actor, clinic, case_id, attempt, "
        f"request_id, detail) VALUES ({made}, 'job.started', 'worker:1', 'riverside', "
        "'RC-1', 2, '', '{\"code\": \"X\"}')"
    )

    migrate(stack, "0006")

    [(text,)] = stack.rows("SELECT canonical FROM audit_audit")
    fields = canonical.decode(text)
    assert fields["entity"] == {"attempt": 2, "case_id": "RC-1", "clinic": "riverside"}
    assert fields["detail"] == {"code": "X"}
    assert stack.command("audit_seal") == "Sealed: 1 events."
    assert stack.command("audit_verify")
