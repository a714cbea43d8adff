"""Statements that the ORM cannot say: many rows changed, and known, in one of them.

They are the same on SQLite and PostgreSQL. Names come from the models, values are
parameters.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections, models, router
from django.db.models.functions import Now
from django.db.models.sql import UpdateQuery


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


def update_each_returning_ids(
    rows: models.QuerySet[Any],
    *,
    keys: Sequence[str],
    constants: dict[str, Any],
    values: Sequence[dict[str, Any]],
) -> list[uuid.UUID]:
    """Update each row with values of its own, all in one statement; return their ids.

    The rows are those of ``values`` whose ``keys`` match, among those that ``keys`` and
    ``constants`` of the queryset's model leave. No value may be None: a column of NULLs
    has no type. ``constants`` are set on every row; `Now` among them is the database's.
    """
    model, connection = rows.model, connections[rows.db]
    names = list(values[0])
    columns = {name: f"v.column{n}" for n, name in enumerate(names, start=1)}
    compiler: Any = model.objects.using(rows.db).query.get_compiler(rows.db)
    sets, params = [], []
    for name, constant in constants.items():
        if isinstance(constant, Now):
            sets.append(f"{_quote(rows, name)} = {compiler.compile(constant)[0]}")
        else:
            sets.append(f"{_quote(rows, name)} = %s")
            params.append(_prepared(model, name, constant, connection))
    sets += [f"{_quote(rows, n)} = {columns[n]}" for n in names if n not in keys]
    where, where_params = rows.query.where.as_sql(compiler, connection)
    table = connection.ops.quote_name(model._meta.db_table)
    matches = [f"{table}.{_quote(rows, key)} = {columns[key]}" for key in keys]
    row = f"({', '.join(['%s'] * len(names))})"
    sql = (
        f"UPDATE {table} SET {', '.join(sets)} "  # noqa: S608 - names of our models
        f"FROM (VALUES {', '.join([row] * len(values))}) AS v "
        f"WHERE {' AND '.join(matches)} AND {where} "
        f"RETURNING {table}.{_quote(rows, 'id')}"
    )
    for each in values:
        params += [_prepared(model, name, each[name], connection) for name in names]
    return _ids(rows.db, sql, [*params, *where_params])


def insert_returning(
    model: Any, *, rows: Sequence[dict[str, Any]], returning: str
) -> list[Any]:
    """Insert rows with the columns that they name; return one column of each.

    The database fills in all the others, so each must have a default there.
    """
    database = router.db_for_write(model)
    connection = connections[database]
    names = list(rows[0])
    quoted = [_column(model, name, connection) for name in names]
    table = connection.ops.quote_name(model._meta.db_table)
    row = f"({', '.join(['%s'] * len(names))})"
    sql = (
        f"INSERT INTO {table} ({', '.join(quoted)}) "  # noqa: S608 - our models' names
        f"VALUES {', '.join([row] * len(rows))} "
        f"RETURNING {_column(model, returning, connection)}"
    )
    params = [
        _prepared(model, name, each[name], connection)
        for each in rows
        for name in names
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        found = [value for (value,) in cursor.fetchall()]
    column = model._meta.get_field(returning).get_col(model._meta.db_table)
    for convert in connection.ops.get_db_converters(column):
        found = [convert(value, column, connection) for value in found]
    return found


def _prepared(model: Any, name: str, value: Any, connection: Any) -> Any:
    return model._meta.get_field(name).get_db_prep_save(value, connection)


def _quote(rows: models.QuerySet[Any], name: str) -> str:
    return _column(rows.model, name, connections[rows.db])


def _column(model: Any, name: str, connection: Any) -> str:
    return str(connection.ops.quote_name(model._meta.get_field(name).column))


def _ids(database: str, sql: str, params: Sequence[Any]) -> list[uuid.UUID]:
    with connections[database].cursor() as cursor:
        cursor.execute(sql, params)
        return [
            found if isinstance(found, uuid.UUID) else uuid.UUID(found)
            for (found,) in cursor.fetchall()
        ]
