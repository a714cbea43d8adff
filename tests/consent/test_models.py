"""The rules that the database holds, and how each version stands by its clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from consent.models import Consent, check_identifier, check_scopes
from tests.consent.making import LONG_AGO, put, put_each_state

pytestmark = pytest.mark.django_db

VIOLATIONS: list[tuple[str, Callable[[], Any]]] = [
    ("consent_once_per_version", lambda: [put(), put(scopes=[], case_id="RC-9")]),
    ("consent_names_clinic_case_and_itself", lambda: put(clinic="")),
    ("consent_names_clinic_case_and_itself", lambda: put(case_id="")),
    ("consent_names_clinic_case_and_itself", lambda: put(consent_id="")),
    ("consent_versions_from_one", lambda: put(version=0)),
    ("consent_given_by_known", lambda: put(given_by="Ana Example")),
    ("consent_given_by_known", lambda: put(given_by="")),
    ("consent_recorded_by_someone", lambda: put(recorded_by="")),
    (
        "consent_expires_after_given",
        lambda: put(given_at=LONG_AGO, expires_at=LONG_AGO),
    ),
    ("consent_expires_after_given", lambda: put(expires_at=LONG_AGO)),
    ("consent_revoked_by_someone", lambda: put(revoked_at=LONG_AGO)),
    ("consent_revoked_by_someone", lambda: put(revoked_by="user:1")),
]


@pytest.mark.parametrize(("name", "violate"), VIOLATIONS)
def test_the_constraint_refuses_its_violation(name, violate):
    if name == "consent_once_per_version" and connection.vendor == "sqlite":
        # Its trigger speaks first, and must be out of the way to see the constraint.
        connection.cursor().execute("DROP TRIGGER consent_no_replace")
        name = "consent_consent.version"

    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        violate()


def test_every_constraint_has_a_violation_to_refuse():
    names = {constraint.name for constraint in Consent._meta.constraints}

    assert {name for name, _ in VIOLATIONS} == names


def test_two_clinics_may_use_the_same_identifier():
    assert put().consent_id == put(clinic="north", case_id="N-1").consent_id


@pytest.mark.parametrize("given_by", Consent.GivenBy)
def test_each_role_can_give_one(given_by):
    assert put(given_by=given_by).pk


# --- How it stands ----------------------------------------------------------------


def test_each_version_stands_as_its_dates_and_its_successors_say():
    rows = put_each_state()

    states = {row.pk: row.state for row in Consent.objects.with_state()}
    found = {name: states[row.pk] for name, row in rows.items()}

    assert found.pop("in_force_again") == "in_force"
    assert found == {name: name for name in found}


def test_in_force_are_the_newest_that_are_neither_over_nor_to_come():
    rows = put_each_state()

    in_force = set(Consent.objects.in_force())

    assert in_force == {rows["in_force"], rows["in_force_again"]}
    assert {row.state for row in Consent.objects.in_force()} == {"in_force"}


def test_a_revoked_version_is_revoked_also_when_another_came_after():
    put(revoked_at=LONG_AGO, revoked_by="user:1")
    put(version=2)

    by_version = Consent.objects.with_state().values_list("version", "state")

    assert dict(by_version) == {1: "revoked", 2: "in_force"}


def test_what_is_narrowed_is_not_in_force_by_its_earlier_version():
    put(scopes=["screening", "cloud_inference"])
    narrow = put(scopes=["screening"], version=2)

    assert list(Consent.objects.in_force()) == [narrow]
    assert list(Consent.objects.newest()) == [narrow]


def test_a_version_that_names_another_case_brings_back_no_earlier_one():
    put()
    put(case_id="RC-9", version=2, revoked_at=LONG_AGO, revoked_by="user:1")

    assert not Consent.objects.in_force().exists()


def test_versions_of_one_clinic_or_consent_replace_none_of_another():
    rows = {put(), put(clinic="north", version=2), put(consent_id="c-8", version=3)}

    assert set(Consent.objects.newest()) == rows


def test_the_consents_of_a_case_are_those_of_its_clinic_only():
    mine = [put(), put(version=2), put(consent_id="c-8")]
    put(clinic="north")
    put(consent_id="c-9", case_id="RC-9")

    assert set(Consent.objects.of_case("riverside", "RC-2041")) == set(mine)


@pytest.mark.parametrize("days", [-400, 400])
def test_the_clock_is_the_databases(days):
    now = timezone.now()
    put(expires_at=now + timedelta(days=30))

    with time_machine.travel(now + timedelta(days=days)):
        assert Consent.objects.in_force().exists()


@pytest.mark.parametrize(("seconds", "state"), [(-1, "expired"), (60, "in_force")])
def test_it_expires_when_its_time_is_over(seconds, state):
    put(given_at=LONG_AGO, expires_at=Now() + timedelta(seconds=seconds))

    assert Consent.objects.with_state().get().state == state


# --- What a value may be ----------------------------------------------------------


@pytest.mark.parametrize(
    "scopes",
    ["screening", {"screening": True}, None, ["all"], [1], [["screening"]], ["x"] * 2],
)
def test_what_are_no_scopes_is_refused(scopes):
    with pytest.raises(ValidationError, match="Scopes are some of screening"):
        check_scopes(scopes)


def test_a_scope_is_named_once():
    check_scopes(["screening", "research"])

    with pytest.raises(ValidationError, match="once"):
        check_scopes(["screening", "screening"])


@pytest.mark.parametrize(
    "identifier", [" a", "a ", "a\0b", "a\nb", "a\u200bb", "a\U000e0041"]
)
def test_an_identifier_can_be_seen_whole(identifier):
    check_identifier("Consent 7/b, é")

    with pytest.raises(ValidationError):
        check_identifier(identifier)
