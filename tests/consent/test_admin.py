"""The ledger in the admin: every version, how it stands, and nothing to press."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from consent.admin import STATE_TAGS, words_of
from consent.models import Consent, Scope, State
from screening.models import Clinic
from tests.consent.making import FAR_OFF, LONG_AGO, put, put_each_state

pytestmark = pytest.mark.django_db

LIST = "/admin/consent/consent/"


def page_of(consent: Consent) -> str:
    return reverse("admin:consent_consent_change", args=[consent.pk])


def listed(response: Any) -> list[str]:
    assert response.status_code == 200
    return [str(row) for row in response.context["cl"].result_list]


def test_the_list_shows_each_version_newest_first_with_its_state(admin_client):
    put_each_state()

    response = admin_client.get(LIST)

    shown = re.findall(r'class="tag [\w-]*">.*?</svg> ([\w ]+)</span>', response.text)
    assert shown == [
        "Not yet",
        "Expired",
        "In force",
        "Replaced",
        "Revoked",
        "In force",
    ]
    assert listed(response)[0] == "not_yet@1"


def test_each_state_has_a_tag_and_each_scope_has_words():
    assert set(STATE_TAGS) == set(State)
    assert words_of([*Scope.values, "odd"]) == [*map(str, Scope.labels), "odd"]


@pytest.mark.parametrize("state", State)
def test_the_list_is_narrowed_by_state(admin_client, state):
    rows = put_each_state()
    expected = {str(rows[state.value])}
    if state == State.IN_FORCE:
        expected.add(str(rows["in_force_again"]))

    assert set(listed(admin_client.get(LIST, {"state": state.value}))) == expected


def test_the_list_is_narrowed_by_clinic_and_by_nothing_that_is_not_offered(
    admin_client,
):
    put()
    put(clinic="north", consent_id="consent-8")

    assert listed(admin_client.get(LIST, {"clinic": "north"})) == ["consent-8@1"]
    assert admin_client.get(LIST, {"given_by": "parent"}).status_code in {302, 400}


@pytest.mark.parametrize("term", ["RC-2041", "consent-7", " consent-7 "])
def test_a_search_finds_a_case_or_a_consent_as_it_is_written(admin_client, term):
    put()
    put(consent_id="consent-77", case_id="RC-20411")

    assert listed(admin_client.get(LIST, {"q": term})) == ["consent-7@1"]


@pytest.mark.parametrize("term", ["RC-204", "rc-2041", "consent", "nobody"])
def test_a_search_finds_nothing_by_a_part(admin_client, term):
    put()

    assert listed(admin_client.get(LIST, {"q": term})) == []


def test_the_page_tells_all_of_a_consent_in_words(admin_client):
    consent = put(
        scopes=["screening", "cloud_inference"],
        given_by="guardian",
        expires_at=FAR_OFF,
        revoked_at=LONG_AGO,
        revoked_by="user:12",
    )

    page = admin_client.get(page_of(consent)).text

    for text in [
        *["Revoked", "RC-2041", "riverside", "consent-7", "Guardian"],
        *["<li>Screening</li>", "<li>Model servers outside of the clinic</li>"],
        *["key:abcd1234", "user:12", "consent-7@1"],
    ]:
        assert text in page


def test_what_came_from_outside_is_escaped(admin_client):
    bad = "<script>alert(1)</script>"
    consent = put(case_id=bad, consent_id=bad, scopes=[bad])

    for path in (LIST, page_of(consent)):
        page = admin_client.get(path).text
        assert bad not in page
        assert "&lt;script&gt;" in page


def test_nothing_can_be_changed_or_deleted(admin_client):
    consent = put()
    before = Consent.objects.values().get()

    page = admin_client.get(page_of(consent)).text
    deleted = admin_client.post(f"{page_of(consent)[:-7]}delete/", {"post": "yes"})
    changed = admin_client.post(page_of(consent), {"revoked_by": "user:1"})

    assert "_save" not in page
    assert [deleted.status_code, changed.status_code] == [403] * 2
    assert Consent.objects.values().get() == before


def test_who_may_not_see_consents_sees_none():
    put()
    user = User.objects.create_user("nurse", password="an-invented-one", is_staff=True)
    client = Client()
    client.force_login(user)

    assert client.get(LIST).status_code == 403

    right = Permission.objects.get(codename="view_consent")
    user.user_permissions.add(right)
    assert listed(client.get(LIST)) == []

    Clinic.objects.create(slug="riverside", name="Riverside").members.add(user)
    assert listed(client.get(LIST)) == ["consent-7@1"]
