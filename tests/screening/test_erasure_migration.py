"""Going back to before erasure brings the earlier locks back, and no way through."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.db import DatabaseError, connection, transaction

from tests.audit.tampering import run, undone
from tests.screening.erasing import full_case
from tests.screening.test_erasure import SIGNED, begin

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]
LISTING = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY 1",
    "postgresql": "SELECT tgname, pg_get_triggerdef(oid), tgenabled FROM pg_trigger "
    "WHERE NOT tgisinternal ORDER BY 1",
}


def triggers() -> list[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(LISTING[connection.vendor])
        return list(cursor.fetchall())


def migrated(statements: dict[str, list[str]]) -> None:
    migration = import_module("screening.migrations.0011_retention")
    editor = SimpleNamespace(connection=connection, execute=run)
    migration.locks.run(statements)(None, editor)


@pytest.mark.parametrize("table", SIGNED)
def test_going_back_opens_nothing(table):
    migration = import_module("screening.migrations.0011_retention")
    migrated(migration.REMOVE)
    case = full_case()

    with undone():
        begin(case)
        with pytest.raises(DatabaseError), transaction.atomic():
            run(f"DELETE FROM {table}")


def test_going_back_and_forth_leaves_the_same_locks():
    migration = import_module("screening.migrations.0011_retention")
    before = triggers()

    migrated(migration.REMOVE)
    assert triggers() != before
    migrated(migration.INSTALL)

    assert triggers() == before
