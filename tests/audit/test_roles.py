"""The database roles of docs/audit.md: each may do what it is for, and no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from audit.actions import Action
from audit.models import Audit, Checkpoint, Pending
from tests.audit.calling import believe, command
from tests.audit.tampering import KEY, make_log, run, seal, write
from tests.servers import ROOT

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def roles(settings: Any, tmp_path: Path) -> None:
    """Make the roles by the very statements that the page has."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no roles")
    believe(settings, tmp_path)
    page = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```sql\n(CREATE ROLE .*?)```", page, re.DOTALL)
    for statement in re.sub(r"--.*", "", block).split(";"):
        if statement.strip():
            run(statement)
    make_log(3)


@contextmanager
def acting_as(role: str) -> Iterator[None]:
    run(f"SET ROLE {role}")
    try:
        yield
    finally:
        run("RESET ROLE")


def refused(sql: str) -> None:
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        run(sql)


def test_the_software_adds_events_and_neither_seals_nor_changes_any():
    with acting_as("pedi_app"):
        write(2)
        assert Pending.objects.count() == 2
        refused("UPDATE audit_audit SET actor = 'x'")
        refused("DELETE FROM audit_pending")
        refused("DELETE FROM audit_checkpoint")
        with pytest.raises(DatabaseError, match="permission denied"):
            seal([KEY])


def test_the_sealer_seals_and_does_nothing_else():
    write(2)
    with acting_as("pedi_sealer"):
        seal([KEY])
        refused("INSERT INTO audit_audit DEFAULT VALUES")
        refused("DELETE FROM audit_leaf")
        refused("SELECT * FROM screening_job")

    assert Checkpoint.objects.count() == 2
    assert not Pending.objects.exists()


def test_the_reader_verifies_and_what_it_did_is_recorded():
    with acting_as("pedi_reader"):
        assert command("audit_verify").status == 0
        assert command("audit_consistency", "3").status == 0
        refused("UPDATE audit_audit SET actor = 'x'")
        refused("DELETE FROM audit_pending")
        refused("INSERT INTO audit_leaf DEFAULT VALUES")
        refused("DELETE FROM screening_job")

    assert set(Audit.objects.values_list("action", flat=True)) >= {
        Action.AUDIT_VERIFIED,
        Action.AUDIT_PROVEN,
    }
