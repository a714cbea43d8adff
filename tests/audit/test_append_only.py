"""The audit log is only ever added to: Python refuses first, the database at last."""

from __future__ import annotations

import json
import uuid

import pytest
from django.db import DatabaseError, connection, models, transaction

from audit.actions import Action
from audit.models import Audit, AuditIsAppendOnly
from audit.services import Event, record

pytestmark = pytest.mark.django_db


@pytest.fixture
def event() -> Audit:
    record([Event(action=Action.JOB_SUBMITTED, actor="key:abcd1234")])
    return Audit.objects.get()


def only(vendor: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        connection.vendor != vendor, reason=f"is about {vendor} alone"
    )


def is_as_it_was(event: Audit) -> bool:
    stored = Audit.objects.values_list("pk", "event_id", "action", "actor")
    return list(stored) == [(event.pk, event.event_id, "job.submitted", "key:abcd1234")]


def run_sql(sql: str, params: list[object] | None) -> None:
    """Run one statement past Python's own refusals, as psql would."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)


def columns_of(event: Audit, **changes: object) -> tuple[str, list[object]]:
    """Return a row like the event's as column names and values for plain SQL."""
    row = {field.attname: field for field in Audit._meta.concrete_fields}
    values = {
        name: field.get_db_prep_save(getattr(event, name), connection)
        for name, field in row.items()
    }
    values |= {"detail": json.dumps({}), **changes}
    return ", ".join(values), list(values.values())


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda event: event.save(), id="save again"),
        pytest.param(lambda event: event.delete(), id="delete"),
        pytest.param(lambda event: models.Model.save(event), id="Model.save"),
        pytest.param(lambda event: models.Model.delete(event), id="Model.delete"),
        pytest.param(
            lambda event: Audit.objects.filter(pk=event.pk).update(actor="user:1"),
            id="queryset.update",
        ),
        pytest.param(lambda event: Audit.objects.all().delete(), id="queryset.delete"),
        pytest.param(
            lambda event: Audit.objects.bulk_update([event], ["actor"]),
            id="bulk_update",
        ),
        pytest.param(
            lambda event: Audit.objects.update_or_create(
                pk=event.pk, defaults={"actor": "user:1"}
            ),
            id="update_or_create",
        ),
        pytest.param(
            lambda event: Audit.objects.bulk_create(
                [Audit(pk=event.pk, event_id=event.event_id, actor="user:1")],
                update_conflicts=True,
                update_fields=["actor"],
                unique_fields=["event_id"],
            ),
            id="bulk_create over a conflict",
        ),
        pytest.param(
            lambda event: Audit(pk=event.pk, action="job.failed", actor="user:1").save(
                force_update=True
            ),
            id="save a new object over it",
        ),
        pytest.param(
            lambda event: Audit._base_manager.filter(pk=event.pk).update(actor="x"),
            id="update through another manager",
        ),
        pytest.param(
            lambda event: Audit._base_manager.filter(pk=event.pk).delete(),
            id="delete through another manager",
        ),
    ],
)
def test_no_way_of_the_orm_changes_an_event(event, change):
    event.actor = "user:1"

    with (
        pytest.raises((AuditIsAppendOnly, DatabaseError)),
        transaction.atomic(),
    ):
        change(event)

    event.refresh_from_db()
    assert is_as_it_was(event)


@pytest.mark.parametrize(
    "change",
    [
        lambda event: event.save(),
        lambda event: event.delete(),
        lambda event: Audit.objects.all().update(actor="user:1"),
        lambda event: Audit.objects.all().delete(),
        lambda event: Audit.objects.bulk_update([event], ["actor"]),
        lambda event: Audit.objects.bulk_create([Audit(actor="user:1")]),
        lambda event: Audit.objects.create(actor="user:1"),
    ],
)
def test_python_refuses_before_the_database_is_asked(
    event, change, django_assert_num_queries
):
    with django_assert_num_queries(0), pytest.raises(AuditIsAppendOnly):
        change(event)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_audit SET actor = 'user:1' WHERE id = %s",
        "UPDATE audit_audit SET id = -1 WHERE id = %s",
        "DELETE FROM audit_audit WHERE id = %s",
    ],
)
def test_the_database_refuses_plain_sql(event, sql):
    with pytest.raises(DatabaseError, match="append-only"):
        run_sql(sql, [event.pk])

    assert is_as_it_was(event)


@pytest.mark.parametrize("conflict", ["id", "event_id"])
def test_the_database_refuses_an_upsert(event, conflict):
    other = {"id": event.pk + 1} if conflict == "event_id" else {}
    names, values = columns_of(event, actor="user:1", **other)
    marks = ", ".join(["%s"] * len(values))

    with pytest.raises(DatabaseError, match="append-only"):
        run_sql(
            f"INSERT INTO audit_audit ({names}) VALUES ({marks}) "
            f"ON CONFLICT ({conflict}) DO UPDATE SET actor = excluded.actor",
            values,
        )

    assert is_as_it_was(event)


@only("postgresql")
def test_postgresql_refuses_truncate(event):
    with pytest.raises(DatabaseError, match="append-only"):
        run_sql("TRUNCATE audit_audit", [])

    assert is_as_it_was(event)


@only("postgresql")
@pytest.mark.parametrize(
    "sql",
    ["UPDATE audit_audit SET actor = 'user:1'", "DELETE FROM audit_audit"],
)
def test_postgresql_refuses_a_superuser_who_calls_himself_a_replica(event, sql):
    as_a_replica = f"SET LOCAL session_replication_role = replica; {sql}"

    with pytest.raises(DatabaseError, match="append-only"):
        run_sql(as_a_replica, None)

    assert is_as_it_was(event)


@only("sqlite")
@pytest.mark.parametrize("same", ["id", "event_id"])
@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "REPLACE"])
def test_sqlite_refuses_to_replace_an_event(event, verb, same):
    other = {"event_id": uuid.uuid4().hex} if same == "id" else {"id": event.pk + 1}
    names, values = columns_of(event, actor="user:1", **other)
    marks = ", ".join(["%s"] * len(values))

    with pytest.raises(DatabaseError, match="append-only"):
        run_sql(f"{verb} INTO audit_audit ({names}) VALUES ({marks})", values)

    assert is_as_it_was(event)


def test_an_event_without_an_actor_is_refused():
    with (
        pytest.raises(DatabaseError, match="audit_names_its_actor"),
        transaction.atomic(),
    ):
        record([Event(action=Action.JOB_SUBMITTED, actor="")])


def test_an_event_without_its_text_is_refused(event):
    names, values = columns_of(
        event, id=event.pk + 1, event_id=uuid.uuid4().hex, canonical=""
    )
    marks = ", ".join(["%s"] * len(values))

    with pytest.raises(DatabaseError, match="audit_has_its_text"):
        run_sql(f"INSERT INTO audit_audit ({names}) VALUES ({marks})", values)
