"""A migration takes the time that it needs, and a lock no more than it may."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models.signals import pre_migrate

from tests.servers import database_kind

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        database_kind() != "postgresql", reason="SQLite knows no such limits"
    ),
]
NAMES = ("statement_timeout", "lock_timeout")


def limits() -> list[str]:
    found = []
    with connection.cursor() as cursor:
        for name in NAMES:
            cursor.execute(f"SHOW {name}")
            found.append(cursor.fetchone()[0])
    return found


def test_a_statement_of_a_migration_may_take_longer_than_a_requests():
    within: list[list[str]] = []

    def look(**kwargs: Any) -> None:
        within.append(limits())

    pre_migrate.connect(look, weak=False)
    try:
        call_command("migrate", verbosity=0)
    finally:
        pre_migrate.disconnect(look)

    assert {tuple(each) for each in within} == {("0", "2s")}
    assert limits() == ["5s", "2s"]
