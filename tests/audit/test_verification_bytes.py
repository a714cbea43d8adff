"""Bytes that are no text, which SQLite keeps where texts are: found at their place.

PostgreSQL takes no such text, whoever writes it.
"""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from audit.models import Audit, Pending
from audit.sequencer import LogBroken, seal
from screening.completeness import GAPS
from screening.services.erasure import erase_case
from tests.audit.calling import believe, command
from tests.audit.tampering import (
    KEY,
    kinds,
    look,
    make_log,
    pk_at,
    run,
    unlock_all,
    write,
)
from tests.screening.erasing import full_case
from tests.screening.evidence import signed_case
from tests.screening.making import make_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]
TEXTS = [
    *("canonical", "event_id", "occurred_at", "action", "actor", "clinic", "case_id"),
    *("job_id", "request_id", "detail"),
]


@pytest.fixture
def log() -> None:
    make_log(5, 1, 7, 7)
    unlock_all()


def spoil(table: str, column: str, where: str, *params: object) -> None:
    """Write a byte into a text that is no UTF-8, past the checks of the table."""
    run("PRAGMA ignore_check_constraints = ON")
    made = f"CAST(SUBSTR(COALESCE({column}, ''), 1, 3) || x'ff' AS TEXT)"
    run(f"UPDATE {table} SET {column} = {made} WHERE {where}", *params)
    run("PRAGMA ignore_check_constraints = OFF")


@pytest.fixture
def only_sqlite() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL takes no such text")


@pytest.mark.usefixtures("log", "only_sqlite")
@pytest.mark.parametrize("column", TEXTS)
def test_bytes_that_are_no_text_are_found_at_their_event(column, settings, tmp_path):
    believe(settings, tmp_path)
    spoil("audit_audit", column, "id = %s", pk_at(8))

    verdict = look(gaps=GAPS)
    said = command("audit_verify")

    assert verdict.findings.first_index == 8
    assert {each.index for each in verdict.findings.shown()} == {8}
    assert said.status == 1
    assert "First bad index: 8" in said.out
    assert said.out.isascii()
    assert command("audit_verify", "--json").status == 1


@pytest.mark.usefixtures("log", "only_sqlite")
@pytest.mark.parametrize("column", TEXTS)
def test_they_are_found_in_what_waits_too(column):
    make_job(case_id="a")
    [pk] = Pending.objects.values_list("pk", flat=True)
    spoil("audit_audit", column, "id = %s", pk)

    verdict = look(gaps=GAPS)

    assert pk in {each.event for each in verdict.findings.shown()}


@pytest.mark.usefixtures("log", "only_sqlite")
@pytest.mark.parametrize(
    ("action", "also"),
    [
        ("review.signed", {"signature_without_event"}),
        ("review.added_to", {"addendum_without_event"}),
        ("case.erased", {"tombstone_without_event", "erased_without_tombstone"}),
    ],
)
def test_where_they_hide_whether_the_log_is_complete_that_is_found_too(action, also):
    erase_case(full_case(), actor="user:7", reason="File 12/2026")
    signed_case("case-2")
    unlock_all()
    spoil("audit_audit", "detail", "action = %s", action)

    assert kinds(look(gaps=GAPS)) == {"column_differs", *also}


@pytest.mark.usefixtures("log", "only_sqlite")
def test_they_are_not_sealed_and_it_is_said_that_the_log_is_broken():
    write()
    spoil("audit_audit", "canonical", "id = %s", Pending.objects.get().pk)

    with pytest.raises(LogBroken, match="is no text"):
        seal([KEY])


@pytest.mark.usefixtures("log", "only_sqlite")
def test_a_checkpoint_of_such_bytes_is_refused():
    spoil("audit_checkpoint", "note", "size = 6")
    spoil("audit_checkpoint", "created_at", "size = 13")

    assert kinds(look()) == {"checkpoint_refused"}


@pytest.mark.usefixtures("log", "only_sqlite")
def test_afterwards_texts_are_read_as_strictly_as_before():
    look()
    spoil("audit_audit", "actor", "id = %s", pk_at(8))

    with pytest.raises(DatabaseError):
        list(Audit.objects.values_list("actor"))


def test_postgresql_takes_no_such_text():
    if connection.vendor != "postgresql":
        pytest.skip("SQLite takes any bytes as text")
    make_log(1)
    unlock_all()

    made = r"convert_from('\xff'::bytea, 'UTF8')"
    refused = pytest.raises(DatabaseError, match="invalid byte sequence")
    with refused, transaction.atomic():
        run(f"UPDATE audit_audit SET actor = {made}")
