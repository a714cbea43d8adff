"""Statements that the ORM cannot say: many rows changed, and known, in one of them.

Names come from the models, values are parameters. They are the same on SQLite and
PostgreSQL but for how many rows are handed over: PostgreSQL takes all of them as one
JSON text, since a thousand parameters cost more to write and to read than the rows.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from itertools import zip_longest
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connections, models, router
from django.db.models.functions import Now
from django.db.models.sql import UpdateQuery

Run = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
"""Runs a statement with its parameters, and returns its rows."""


def update_returning_ids(
    rows: models.QuerySet[Any], values: dict[str, Any]
) -> list[uuid.UUID]:
    """Update all rows of a queryset in one statement; return their ids.

    ``values`` may hold expressions, as for ``QuerySet.update``.
    """
    query: Any = rows.query.chain(UpdateQuery)
    query.add_update_values(values)
    try:
        sql, params = query.get_compiler(rows.db).as_sql()
    except EmptyResultSet:
        return []
    return _ids(rows.db, f"{sql} RETURNING {_quote(rows, 'id')}", params)


def update_each_returning(
    rows: models.QuerySet[Any],
    *,
    keys: Sequence[str],
    constants: dict[str, Any],
    values: Sequence[Mapping[str, Any]],
    returning: str,
    written: Sequence[str | None] = (),
) -> dict[uuid.UUID, Any]:
    """Update each row with values of its own, all in one statement.

    The rows are those of ``values`` whose ``keys`` match, among those that ``keys`` and
    ``constants`` of the queryset's model leave. ``constants`` are set on every row;
    `Now` among them is the database's. Returns one column of each by the row's id.

    ``written`` may have, for each of ``values``, the same as the text of an object,
    which may say more than that: then it is not written again.
    """
    model, connection = rows.model, connections[rows.db]
    names = list(values[0])
    source = _source(model, names, values, connection, written)
    compiler: Any = model.objects.using(rows.db).query.get_compiler(rows.db)
    sets, params = [], []
    for name, constant in constants.items():
        if isinstance(constant, Now):
            sets.append(f"{_quote(rows, name)} = {compiler.compile(constant)[0]}")
        else:
            sets.append(f"{_quote(rows, name)} = %s")
            params.append(_prepared(model, name, constant, connection))
    columns = source.columns
    sets += [f"{_quote(rows, n)} = {columns[n]}" for n in names if n not in keys]
    where, where_params = rows.query.where.as_sql(compiler, connection)
    table = connection.ops.quote_name(model._meta.db_table)
    matches = [f"{table}.{_quote(rows, key)} = {columns[key]}" for key in keys]
    sql = (
        f"UPDATE {table} SET {', '.join(sets)} "  # noqa: S608 - names of our models
        f"FROM {source.sql} WHERE {' AND '.join(matches)} AND {where} "
        f"RETURNING {table}.{_quote(rows, 'id')}, {table}.{_quote(rows, returning)}"
    )
    found = _run(connection, sql, [*params, *source.params, *where_params])
    converted = _converted(model, returning, [value for _, value in found], connection)
    return dict(zip([_uuid(pk) for pk, _ in found], converted, strict=True))


def insert_returning(
    model: Any,
    *,
    rows: Sequence[Mapping[str, Any]],
    returning: str,
    run: Run | None = None,
) -> list[Any]:
    """Insert rows with the columns that they name; return one column of each.

    The database fills in all the others, so each must have a default there. ``run``
    runs the statement, if it is to go with something else; it returns the rows.
    """
    database = router.db_for_write(model)
    connection = connections[database]
    names = list(rows[0])
    source = _source(model, names, rows, connection)
    quoted = [_column(model, name, connection) for name in names]
    table = connection.ops.quote_name(model._meta.db_table)
    sql = (
        f"INSERT INTO {table} ({', '.join(quoted)}) "  # noqa: S608 - our models' names
        f"SELECT {', '.join(source.columns.values())} FROM {source.sql} "
        f"RETURNING {_column(model, returning, connection)}"
    )
    found = run(sql, source.params) if run else _run(connection, sql, source.params)
    return _converted(model, returning, [value for (value,) in found], connection)


class _Source(NamedTuple):
    """Rows to select from, and what each of their columns is called there."""

    sql: str
    params: list[Any]
    columns: dict[str, str]


def _source(
    model: Any,
    names: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    connection: Any,
    written: Sequence[str | None] = (),
) -> _Source:
    if connection.vendor == "postgresql":
        quoted = {name: connection.ops.quote_name(name) for name in names}
        field = model._meta.get_field
        typed = [f"{quoted[n]} {field(n).cast_db_type(connection)}" for n in names]
        return _Source(
            f"json_to_recordset(%s::json) AS v({', '.join(typed)})",
            [f"[{','.join(_objects(rows, written))}]"],
            {name: f"v.{quoted[name]}" for name in names},
        )
    row = f"({', '.join(['%s'] * len(names))})"
    return _Source(
        f"(VALUES {', '.join([row] * len(rows))}) AS v",
        [_prepared(model, n, each[n], connection) for each in rows for n in names],
        {name: f"v.column{n}" for n, name in enumerate(names, start=1)},
    )


def _objects(
    rows: Sequence[Mapping[str, Any]], written: Sequence[str | None]
) -> Iterator[str]:
    for row, text in zip_longest(rows, written):
        yield _ENCODER.encode(row) if text is None else text


def _text(value: Any) -> str:
    """Write a value as PostgreSQL reads it."""
    if isinstance(value, uuid.UUID | date):
        return str(value)
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    raise TypeError(type(value).__name__)


def _converted(model: Any, name: str, values: list[Any], connection: Any) -> list[Any]:
    column = model._meta.get_field(name).get_col(model._meta.db_table)
    for convert in connection.ops.get_db_converters(column):
        values = [convert(value, column, connection) for value in values]
    return values


def _prepared(model: Any, name: str, value: Any, connection: Any) -> Any:
    return model._meta.get_field(name).get_db_prep_save(value, connection)


def _quote(rows: models.QuerySet[Any], name: str) -> str:
    return _column(rows.model, name, connections[rows.db])


def _column(model: Any, name: str, connection: Any) -> str:
    return str(connection.ops.quote_name(model._meta.get_field(name).column))


def _ids(database: str, sql: str, params: Sequence[Any]) -> list[uuid.UUID]:
    return [_uuid(found) for (found,) in _run(connections[database], sql, params)]


def _run(connection: Any, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def _uuid(found: Any) -> uuid.UUID:
    return found if isinstance(found, uuid.UUID) else uuid.UUID(found)


_ENCODER = json.JSONEncoder(default=_text, separators=(",", ":"))
