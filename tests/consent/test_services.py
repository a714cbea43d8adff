"""Consents are given and revoked, each with one event, and read for a batch."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import patch

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.utils import timezone

from audit.models import Audit
from consent.configured import required_scopes
from consent.decision import Grant
from consent.errors import ConsentOfAnotherCase, ConsentOver
from consent.models import Consent
from consent.services import grants_of, revoke_consent
from tests.consent.making import (
    FAR_OFF,
    LONG_AGO,
    NOT_SO_LONG_AGO,
    events,
    give,
    put,
    put_each_state,
)

pytestmark = pytest.mark.django_db


def revoke(consent_id: str = "consent-7", clinic: str = "riverside") -> Consent:
    return revoke_consent(clinic=clinic, consent_id=consent_id, actor="user:1")


def versions() -> list[tuple[int, str]]:
    rows = Consent.objects.with_state().order_by("version")
    return [(row.version, row.state) for row in rows]


# --- Giving -----------------------------------------------------------------------


def test_what_is_given_is_stored_whole_with_one_event():
    before = timezone.now()

    consent = give(scopes=["screening", "research"], expires_at=FAR_OFF)

    [row] = Consent.objects.values()
    assert abs(row.pop("given_at") - before) < timedelta(minutes=1)
    assert row.pop("id") == consent.pk
    assert row == {
        "clinic": "riverside",
        "case_id": "RC-2041",
        "consent_id": "consent-7",
        "version": 1,
        "scopes": ["research", "screening"],
        "given_by": "parent",
        "recorded_by": "key:abcd1234",
        "expires_at": FAR_OFF,
        "revoked_at": None,
        "revoked_by": "",
    }
    assert (consent.state, str(consent)) == ("in_force", "consent-7@1")
    [event] = Audit.objects.all()
    assert (event.action, event.actor) == ("consent.given", "key:abcd1234")
    assert (event.clinic, event.case_id) == ("riverside", "RC-2041")
    assert event.detail == {
        "consent_id": "consent-7",
        "version": 1,
        "scopes": ["research", "screening"],
    }


def test_the_time_it_is_given_at_is_the_databases():
    before = timezone.now()

    with time_machine.travel(before + timedelta(days=400)):
        give()

    assert abs(Consent.objects.get().given_at - before) < timedelta(minutes=1)


def test_to_say_again_what_is_in_force_stores_nothing():
    first = give(scopes=["screening", "research"], expires_at=FAR_OFF)

    again = give(
        scopes=["research", "screening", "research"],
        expires_at=FAR_OFF,
        actor="user:2",
    )

    assert again == first
    assert (again.recorded_by, again.state) == ("key:abcd1234", "in_force")
    assert versions() == [(1, "in_force")]
    assert len(events()) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"scopes": []},
        {"scopes": ["screening", "cloud_inference"]},
        {"expires_at": FAR_OFF},
        {"given_by": "guardian"},
    ],
    ids=str,
)
def test_what_says_something_else_is_the_next_version_and_alone_in_force(other):
    give()

    consent = give(**other)

    assert (consent.version, consent.state) == (2, "in_force")
    assert versions() == [(1, "replaced"), (2, "in_force")]
    assert [(action, detail["version"]) for action, _, detail in events()] == [
        ("consent.given", 1),
        ("consent.given", 2),
    ]


def test_to_go_back_to_what_was_said_first_is_a_version_too():
    for scopes in (["screening"], [], ["screening"]):
        give(scopes=scopes)

    assert versions() == [(1, "replaced"), (2, "replaced"), (3, "in_force")]


def test_what_was_revoked_is_given_anew_as_the_next_version():
    give()
    revoke()

    consent = give()

    assert (consent.version, consent.state) == (2, "in_force")
    assert versions() == [(1, "revoked"), (2, "in_force")]


def test_what_has_expired_is_given_anew_as_the_next_version():
    put(given_at=LONG_AGO, expires_at=NOT_SO_LONG_AGO)

    consent = give(expires_at=FAR_OFF)

    assert (consent.version, consent.state) == (2, "in_force")


def test_the_identifier_of_another_cases_consent_is_refused():
    give()

    with pytest.raises(ConsentOfAnotherCase) as refusal:
        give(case_id="RC-9", scopes=["research"])

    assert refusal.value.code == "CONFLICT"
    assert versions() == [(1, "in_force")]
    assert len(events()) == 1
    assert give(case_id="RC-9", clinic="north").version == 1


@pytest.mark.parametrize("first", [False, True])
def test_what_would_be_over_already_is_refused(first):
    if not first:
        give()

    with pytest.raises(ConsentOver) as refusal:
        give(expires_at=LONG_AGO)

    assert refusal.value.code == "CONFLICT"
    assert Consent.objects.filter(expires_at__isnull=False).count() == 0
    assert len(events()) == (0 if first else 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": ["all"]},
        {"scopes": ["screening", "Screening"]},
        {"scopes": "screening"},
        {"given_by": "Ana Example"},
        {"given_by": ""},
        {"consent_id": ""},
        {"consent_id": " c"},
        {"consent_id": "c\0"},
        {"consent_id": "c" * 129},
        {"case_id": ""},
        {"case_id": "RC\u200b"},
        {"case_id": "R" * 129},
        {"clinic": ""},
        {"clinic": "river side"},
        {"actor": ""},
    ],
    ids=repr,
)
def test_what_is_not_known_is_refused(wrong):
    with pytest.raises(ValidationError):
        give(**wrong)

    assert not Consent.objects.exists()
    assert events() == []


def test_an_identifier_may_have_128_characters():
    assert give(consent_id="c" * 128).version == 1


# --- Revoking ---------------------------------------------------------------------


def test_what_is_revoked_says_when_and_by_whom_with_one_event():
    give()
    before = timezone.now()

    with time_machine.travel(before + timedelta(days=400)):
        consent = revoke()

    assert (consent.state, consent.revoked_by) == ("revoked", "user:1")
    assert abs(consent.revoked_at - before) < timedelta(minutes=1)
    assert events()[1:] == [
        (
            "consent.revoked",
            "user:1",
            {"consent_id": "consent-7", "version": 1, "scopes": ["screening"]},
        )
    ]
    assert Audit.objects.first().case_id == "RC-2041"


def test_to_revoke_again_changes_nothing():
    give()
    first = revoke()

    again = revoke_consent(clinic="riverside", consent_id="consent-7", actor="user:2")

    assert (again.revoked_at, again.revoked_by) == (first.revoked_at, "user:1")
    assert len(events()) == 2


def test_the_newest_version_is_revoked_and_no_earlier_one_comes_back():
    give()
    give(scopes=["research"])

    consent = revoke()

    assert consent.version == 2
    assert versions() == [(1, "replaced"), (2, "revoked")]
    assert not Consent.objects.in_force().exists()


@pytest.mark.parametrize(
    "other", [{"consent_id": "consent-9"}, {"clinic": "north"}, {"consent_id": ""}]
)
def test_what_is_not_known_cannot_be_revoked(other):
    give()

    with pytest.raises(Consent.DoesNotExist):
        revoke(**other)

    assert versions() == [(1, "in_force")]


def test_nothing_is_stored_when_the_event_cannot_be():
    with (
        patch("consent.services.record", side_effect=DatabaseError),
        pytest.raises(DatabaseError),
    ):
        give()
    assert not Consent.objects.exists()

    give()
    with (
        patch("consent.services.record", side_effect=DatabaseError),
        pytest.raises(DatabaseError),
    ):
        revoke()
    assert versions() == [(1, "in_force")]


# --- Reading ----------------------------------------------------------------------


def test_the_grants_of_a_case_are_the_newest_versions_as_they_stand():
    put_each_state()

    grants = grants_of([("riverside", "RC-2041")])["riverside", "RC-2041"]

    found = {grant.consent_id: (grant.version, grant.state) for grant in grants}
    assert found == {
        "in_force": (1, "in_force"),
        "revoked": (1, "revoked"),
        "replaced": (2, "in_force"),
        "expired": (1, "expired"),
        "not_yet": (1, "not_yet"),
    }


def test_a_batch_is_read_with_two_queries_and_each_case_is_in_the_answer(
    django_assert_num_queries,
):
    give()
    give(consent_id="c-8", case_id="RC-9", scopes=[])
    give(consent_id="c-9", case_id="RC-9", clinic="north")
    give(clinic="north", consent_id="c-3")
    asked = [("riverside", "RC-2041"), ("riverside", "RC-2041"), ("north", "RC-9")]
    asked += [("riverside", f"unknown-{n}") for n in range(1500)]

    with django_assert_num_queries(2):
        found = grants_of(case for case in asked)

    assert set(found) == set(asked)
    assert {case: grants for case, grants in found.items() if grants} == {
        ("riverside", "RC-2041"): (
            Grant(
                consent_id="consent-7",
                version=1,
                scopes=frozenset(["screening"]),
                state="in_force",
            ),
        ),
        ("north", "RC-9"): (
            Grant(
                consent_id="c-9",
                version=1,
                scopes=frozenset(["screening"]),
                state="in_force",
            ),
        ),
    }


@pytest.mark.parametrize("required", [[], ["screening"]])
def test_one_query_tells_that_no_case_of_a_batch_has_a_consent(
    required, settings, django_assert_num_queries
):
    settings.CONSENT_REQUIRED_SCOPES = frozenset(required)
    give(clinic="north")
    asked = [("riverside", f"unknown-{n}") for n in range(3)]

    with django_assert_num_queries(1):
        assert grants_of(asked) == dict.fromkeys(asked, ())


def test_of_no_cases_there_is_nothing_to_read(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert grants_of([]) == {}


def test_a_row_that_names_another_case_under_the_same_identifier_allows_nothing():
    give()
    put(case_id="RC-9", version=2, scopes=[])

    found = grants_of([("riverside", "RC-2041"), ("riverside", "RC-9")])

    assert found["riverside", "RC-2041"] == ()
    assert [str(grant) for grant in found["riverside", "RC-9"]] == ["consent-7@2"]


# --- What is configured -----------------------------------------------------------


def test_nothing_is_required_unless_it_is_configured(settings):
    assert required_scopes() == frozenset()

    settings.CONSENT_REQUIRED_SCOPES = frozenset(["research"])

    assert required_scopes() == {"research"}
