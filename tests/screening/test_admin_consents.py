"""Consents in the admin: recorded and revoked, each by its service."""

from __future__ import annotations

import pytest

from audit.models import Audit
from consent.models import Consent
from screening.models import Job
from screening.services.consents import give_consent
from screening.services.keys import default_clinic
from tests.routing.admin_pages import person
from tests.screening.making import make_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]
LIST = "/admin/consent/consent/"
FORM = {
    "clinic": "default",
    "case_id": "case-1",
    "consent_id": "c-1",
    "scopes": ["screening", "research"],
    "given_by": "guardian",
    "until": "",
}


def given(**fields) -> Consent:
    usual = {"case_id": "case-1", "consent_id": "c-1", "scopes": ["screening"]}
    return give_consent(
        clinic=default_clinic(), given_by="parent", actor="key:1", **usual | fields
    )


def revoke(client, *consents):
    chosen = {"action": "revoke_selected", "_selected_action": [c.pk for c in consents]}
    return client.post(LIST, chosen, follow=True)


def test_a_consent_is_recorded_by_the_service(admin_client):
    default_clinic()

    response = admin_client.post(f"{LIST}add/", FORM, follow=True)

    consent = Consent.objects.get()
    assert (consent.scopes, consent.given_by) == (["research", "screening"], "guardian")
    assert consent.recorded_by.startswith("user:")
    assert "Consent c-1 is recorded, version 1." in response.text
    assert Audit.objects.filter(action="consent.given").count() == 1


def test_a_consent_ends_at_the_time_that_the_browser_sends(admin_client):
    default_clinic()

    admin_client.post(f"{LIST}add/", FORM | {"until": "2046-01-31T12:30"})

    assert Consent.objects.get().expires_at.isoformat() == "2046-01-31T12:30:00+00:00"


def test_the_next_version_is_recorded_the_same_way(admin_client):
    given()

    admin_client.post(f"{LIST}add/", FORM)

    assert list(Consent.objects.order_by("version").values_list("version")) == [
        (1,),
        (2,),
    ]


def test_a_refusal_is_an_error_of_the_form(admin_client):
    given(case_id="case-2")

    response = admin_client.post(f"{LIST}add/", FORM)

    assert response.status_code == 200
    assert "another case" in response.text
    assert Consent.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("case_id", " "), ("consent_id", ""), ("clinic", "nowhere"), ("given_by", "x")],
)
def test_a_wrong_field_is_named(admin_client, field, value):
    default_clinic()

    response = admin_client.post(f"{LIST}add/", FORM | {field: value})

    assert field in response.context["adminform"].form.errors
    assert not Consent.objects.exists()


def test_to_revoke_stops_what_nothing_allows_any_more(admin_client):
    consent, job = given(), make_job()

    response = revoke(admin_client, consent)

    assert "1 consent revoked. Stopped: 1 jobs, 0 tasks." in response.text
    job.refresh_from_db()
    assert job.status == Job.Status.CANCELLED
    assert Consent.objects.with_state().get().state == "revoked"


def test_without_the_rights_it_is_only_read():
    consent = given()
    reader = person("consent.view_consent")

    assert reader.get(LIST).status_code == 200
    assert reader.get(f"{LIST}add/").status_code == 403
    assert reader.post(f"{LIST}add/", FORM).status_code == 403
    revoke(reader, consent)
    assert Consent.objects.with_state().get().state == "in_force"


def test_a_consent_that_is_there_cannot_be_changed(admin_client):
    consent = given()

    admin_client.post(f"{LIST}{consent.pk}/change/", FORM | {"scopes": ["research"]})

    assert Consent.objects.get().scopes == ["screening"]
