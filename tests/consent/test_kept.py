"""A consent is kept as it was given: Python refuses first, the database at last."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import DatabaseError, connection, models, transaction
from django.db.models.functions import Now

from consent.models import Consent, ConsentIsKept
from tests.consent.making import FAR_OFF, LONG_AGO, NOT_SO_LONG_AGO, put

pytestmark = pytest.mark.django_db

OTHER: dict[str, Any] = {
    "id": -1,
    "clinic": "north",
    "case_id": "RC-9",
    "consent_id": "consent-9",
    "version": 9,
    "scopes": ["research"],
    "given_by": "guardian",
    "recorded_by": "user:1",
    "given_at": LONG_AGO,
    "expires_at": FAR_OFF,
}
"""Column -> another value that no constraint refuses."""

REVOCATION: dict[str, Any] = {"revoked_at": LONG_AGO, "revoked_by": "user:1"}


def only(vendor: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        connection.vendor != vendor, reason=f"is about {vendor} alone"
    )


def stored() -> list[dict[str, Any]]:
    return list(Consent.objects.order_by("pk").values())


def past_python(consent: Consent, **values: Any) -> None:
    """Update a row by a manager that refuses nothing."""
    with transaction.atomic():
        Consent._base_manager.filter(pk=consent.pk).update(**values)


def run_sql(sql: str, params: list[object] | None) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)


CHANGES = [
    pytest.param(lambda c: c.save(), id="save again"),
    pytest.param(lambda c: c.save(update_fields=["revoked_by"]), id="save a field"),
    pytest.param(lambda c: c.delete(), id="delete"),
    pytest.param(lambda c: Consent.objects.update(scopes=[]), id="queryset.update"),
    pytest.param(
        lambda c: Consent.objects.update(scopes=[], **REVOCATION),
        id="more than a revocation",
    ),
    pytest.param(lambda c: Consent.objects.update(revoked_at=LONG_AGO), id="half"),
    pytest.param(lambda c: Consent.objects.all().delete(), id="queryset.delete"),
    pytest.param(
        lambda c: Consent.objects.bulk_update([c], ["scopes"]), id="bulk_update"
    ),
]


@pytest.mark.parametrize("change", CHANGES)
def test_python_refuses_before_the_database_is_asked(change, django_assert_num_queries):
    consent = put()
    consent.scopes = ["research"]

    with django_assert_num_queries(0), pytest.raises(ConsentIsKept):
        change(consent)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda c: models.Model.save(c), id="Model.save"),
        pytest.param(lambda c: models.Model.delete(c), id="Model.delete"),
        pytest.param(
            lambda c: Consent(pk=c.pk, **OTHER | {"id": c.pk}).save(force_update=True),
            id="save a new object over it",
        ),
        pytest.param(
            lambda c: Consent.objects.update_or_create(
                pk=c.pk, defaults={"scopes": []}
            ),
            id="update_or_create",
        ),
        pytest.param(
            lambda c: Consent.objects.bulk_create(
                [Consent(pk=c.pk, **OTHER | {"id": c.pk})],
                update_conflicts=True,
                update_fields=["scopes"],
                unique_fields=["id"],
            ),
            id="bulk_create over a conflict",
        ),
        pytest.param(
            lambda c: Consent._base_manager.filter(pk=c.pk).delete(),
            id="another manager",
        ),
    ],
)
def test_no_way_of_the_orm_changes_a_consent(change):
    consent = put()
    before = stored()
    consent.scopes = ["research"]

    with pytest.raises((ConsentIsKept, DatabaseError)), transaction.atomic():
        change(consent)

    assert stored() == before


def test_there_is_another_value_for_each_column_that_is_kept():
    columns = {field.attname for field in Consent._meta.concrete_fields}

    assert columns == {*OTHER, *REVOCATION}


@pytest.mark.parametrize("extra", [{}, REVOCATION], ids=["alone", "revoking"])
@pytest.mark.parametrize("name", OTHER)
def test_the_database_refuses_another_value_also_beside_a_revocation(name, extra):
    consent = put()
    before = stored()

    with pytest.raises(DatabaseError, match="consents are kept"):
        past_python(consent, **{name: OTHER[name]}, **extra)

    assert stored() == before


def test_a_consent_is_revoked_once_and_never_again_and_not_taken_back():
    consent = put()
    past_python(consent, **REVOCATION)
    before = stored()

    for values in (
        REVOCATION,
        {"revoked_at": NOT_SO_LONG_AGO},
        {"revoked_by": "user:2"},
        {"revoked_at": None, "revoked_by": ""},
        {"revoked_at": Now(), "revoked_by": "user:2"},
    ):
        with pytest.raises(DatabaseError, match="consents are kept"):
            past_python(consent, **values)

    assert stored() == before
    assert before[0]["revoked_by"] == "user:1"


def test_the_database_refuses_to_delete():
    put()
    before = stored()

    with pytest.raises(DatabaseError, match="consents are kept"):
        run_sql("DELETE FROM consent_consent", [])

    assert stored() == before


@only("postgresql")
@pytest.mark.parametrize(
    "sql",
    [
        "TRUNCATE consent_consent",
        "SET LOCAL session_replication_role = replica; DELETE FROM consent_consent",
        "SET LOCAL session_replication_role = replica;"
        "UPDATE consent_consent SET case_id = 'RC-9'",
    ],
)
def test_postgresql_refuses_to_empty_the_table_and_a_replica_too(sql):
    put()
    before = stored()

    with pytest.raises(DatabaseError, match="consents are kept"):
        run_sql(sql, None)

    assert stored() == before


@only("sqlite")
@pytest.mark.parametrize("same", ["id", "version"])
@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "REPLACE"])
def test_sqlite_refuses_to_replace_a_consent(verb, same):
    consent = put()
    before = stored()
    row = before[0] | {"scopes": json.dumps(["research"])}
    row |= {"version": 2} if same == "id" else {"id": consent.pk + 1}
    marks = ", ".join(["%s"] * len(row))

    with pytest.raises(DatabaseError, match="consents are kept"):
        run_sql(
            f"{verb} INTO consent_consent ({', '.join(row)}) VALUES ({marks})",
            [
                str(value) if "_at" in name and value else value
                for name, value in row.items()
            ],
        )

    assert stored() == before
