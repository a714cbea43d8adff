"""GET /api/cases/{case_id}/report: what was signed, and nothing before."""

from __future__ import annotations

import pytest

from audit.models import Audit
from screening.models import Clinic, Signature
from screening.services.keys import create_key
from screening.services.signing import add_addendum, release_report
from tests.screening.signing import PASSWORD, make_reader, sign, unlock
from tests.screening.test_signing import make_review


@pytest.fixture
def review(api):
    return make_review(case_id="case/1")


def read(api, case_id="case/1"):
    return api.get(f"/api/cases/{case_id}/report")


def test_before_a_signature_there_is_no_report(api, review):
    response = read(api)

    assert response.status_code == 404
    assert response.json()["detail"] == "no signed report"
    assert not Audit.objects.filter(action="report.read").exists()


def test_the_report_is_what_was_signed_with_what_was_added(api, review):
    doctor = make_reader()
    signed = sign(review, user=doctor, summary=["Signed words."])
    add_addendum(signed, user=doctor, password=PASSWORD, text="Hearing was tested.")
    release_report(signed, user=doctor)

    body = read(api).json()

    assert (body["case_id"], body["risk"]) == ("case/1", "monitor")
    assert body["summary"] == ["Signed words."]
    assert (body["outcome"], body["signed_by"]) == ("modified", "Dr-Osei")
    assert body["meaning"] == signed.meaning
    assert (body["content_digest"], body["is_whole"]) == (signed.content_digest, True)
    assert body["released_at"] is not None
    assert [a["text"] for a in body["addenda"]] == ["Hearing was tested."]
    assert "no diagnosis" in body["disclaimer"]


def test_each_reading_is_in_the_audit_log(api, review):
    signed = sign(review)
    read(api)
    read(api)

    events = Audit.objects.filter(action="report.read")
    assert [event.actor for event in events] == ["key:env"] * 2
    assert events[0].detail == {"digest": signed.content_digest, "form": "json"}


def test_the_newest_signature_counts(api, review):
    sign(review)
    sign(make_review(case_id="case/1"), summary=["Later words."])

    assert read(api).json()["summary"] == ["Later words."]


def test_another_clinics_report_is_not_there(api, review):
    sign(review)
    north = Clinic.objects.create(slug="north", name="North")
    _, raw = create_key(name="k", clinic=north, scopes=["jobs:read"], actor="user:1")

    response = api.get("/api/cases/case/1/report", headers={"x-api-key": raw})

    assert response.status_code == 404


def test_content_that_was_altered_past_everything_says_so(api, review):
    sign(review)
    unlock("screening_signature")
    signature = Signature.objects.get()
    content = signature.content | {"risk": "on_track"}
    Signature.objects.filter(pk=signature.pk).update(content=content)

    assert read(api).json()["is_whole"] is False


@pytest.mark.parametrize("case_id", ["nobody", "%00", "x" * 3000])
def test_an_unknown_case_has_no_report(api, case_id):
    assert read(api, case_id).status_code == 404
