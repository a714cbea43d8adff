"""Events against themselves: the text of each, and the columns that copy it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import DataError
from django.db.models import QuerySet

from audit.entries import VERSION, columns_of, written_time
from audit.models import Audit
from audit.proofs.canonical import NotCanonical, decode
from audit.proofs.merkle import leaf_hash
from audit.verifying.findings import Kind

UNREADABLE = (ValueError, TypeError, AttributeError, OverflowError, DataError)
"""What reading a row raises that holds what its columns cannot."""

Problem = tuple[Kind, str]


class Stored(NamedTuple):
    """An event's row."""

    pk: int
    event_id: UUID
    occurred_at: datetime | None
    action: str
    actor: str
    clinic: str
    case_id: str
    job_id: UUID | None
    attempt: int | None
    request_id: str
    detail: Any
    canonical: str

    def leaf_hash(self) -> bytes:
        """Hash the text as the tree does."""
        return leaf_hash(self.canonical.encode(errors="surrogatepass"))


COPIES = Stored._fields[1:-2]
"""The columns that hold no JSON, in their order."""


def rows(events: QuerySet[Audit]) -> dict[int, Stored | None]:
    """Read events by their numbers; one that cannot be read is None."""
    try:
        return {
            values[0]: Stored(*values) for values in events.values_list(*Stored._fields)
        }
    except UNREADABLE:
        return {pk: _row(pk) for pk in events.values_list("pk", flat=True)}


def _row(pk: int) -> Stored | None:
    try:
        return Stored(*Audit.objects.values_list(*Stored._fields).get(pk=pk))
    except UNREADABLE:
        return None


def problems(row: Stored | None) -> Iterator[Problem]:
    """Say what is wrong with an event in itself; columns by their names."""
    if row is None or not isinstance(row.canonical, str):
        yield Kind.EVENT_UNREADABLE, ""
        return
    try:
        fields = decode(row.canonical)
    except NotCanonical as exc:
        yield Kind.TEXT_MALFORMED, str(exc)
        return
    if fields.get("v") != VERSION:
        yield Kind.TEXT_MALFORMED, "it is of a version that is not known here"
        return
    try:
        expected = columns_of(fields)
    except (KeyError, *UNREADABLE):
        yield Kind.TEXT_MALFORMED, "a field is not what it must be"
        return
    if row.occurred_at is None:
        # SQLite's column gives nothing for what is no time.
        yield Kind.EVENT_UNREADABLE, ""
    elif differing := _differing(row, expected):
        yield Kind.COLUMN_DIFFERS, ", ".join(differing)


def _differing(row: Stored, expected: dict[str, Any]) -> list[str]:
    assert row.occurred_at is not None
    if expected["occurred_at"] == written_time(row.occurred_at):
        expected["occurred_at"] = row.occurred_at
    held = zip(COPIES, row[1:-2], strict=True)
    names = [name for name, value in held if value != expected[name]]
    if not _same(row.detail, expected["detail"]):
        names.append("detail")
    return names


def _same(held: Any, expected: Any) -> bool:
    """Compare what JSON tells apart and Python does not, such as 1 and true."""
    if held != expected:
        return False
    if isinstance(held, dict) and all(type(each) is str for each in held.values()):
        return True
    return json.dumps(held, sort_keys=True) == json.dumps(expected, sort_keys=True)
