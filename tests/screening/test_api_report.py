"""GET /api/cases/{case_id}/report: what was signed, and nothing before."""

from __future__ import annotations

import io

import pytest
from django.db import IntegrityError, transaction
from pypdf import PdfReader

from audit.models import Audit
from audit.proofs.commitments import commit
from screening.models import Addendum, Clinic, Review, Signature
from screening.reports import signed_bytes
from screening.services.keys import create_key
from screening.services.signing import add_addendum, release_report
from tests.screening.signing import PASSWORD, make_reader, sign, unlock
from tests.screening.test_signing import make_review


@pytest.fixture
def review(api):
    return make_review(case_id="case/1")


def read(api, case_id="case/1"):
    return api.get(f"/api/cases/{case_id}/report")


def text_of(data):
    pages = PdfReader(io.BytesIO(data)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


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
    content = signed_bytes(signed.signature.content)
    made = commit(content, salt=bytes(signed.job.salt))
    assert events[0].detail == {"commitment": made, "form": "json"}


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


# --- Forms ------------------------------


def ask(api, accept, query=""):
    headers = {} if accept is None else {"accept": accept}
    return api.get(f"/api/cases/case/1/report{query}", headers=headers)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("application/json", "application/json"),
        ("application/pdf", "application/pdf"),
        ("APPLICATION/PDF", "application/pdf"),
        ("application/pdf, */*", "application/pdf"),
        ("application/pdf;q=0.5, application/json;q=0.4", "application/pdf"),
        ("application/pdf;q=0.4, application/json;q=0.5", "application/json"),
        ("application/json;q=0, */*", "application/pdf"),
        ("application/fhir+json", "application/fhir+json"),
        ("application/fhir+json; fhirVersion=4.0", "application/fhir+json"),
        ("application/fhir+json;q=2, application/pdf", "application/pdf"),
        ("nonsense, application/pdf", "application/pdf"),
    ],
)
def test_the_form_is_the_one_that_is_liked_best(api, review, accept, media_type):
    sign(review)

    response = ask(api, accept)

    assert response.status_code == 200
    assert response["Content-Type"] == media_type
    assert "Accept" in response["Vary"]
    assert response["Cache-Control"] == "no-store"
    form = {"json": "json", "pdf": "pdf", "fhir+json": "fhir"}
    told = form[media_type.removeprefix("application/")]
    assert Audit.objects.get(action="report.read").detail["form"] == told


@pytest.mark.parametrize(
    "accept",
    ["text/html", "image/*", "application/json;q=0", "application/fhir+xml", ";;", ","],
)
def test_a_form_that_there_is_not_is_refused_in_json(api, review, accept):
    sign(review)

    response = ask(api, accept)

    assert response.status_code == 406
    assert response["Content-Type"] == "application/json"
    assert response.json()["code"] == "NOT_ACCEPTABLE"
    assert not Audit.objects.filter(action="report.read").exists()


def test_a_version_of_fhir_that_we_do_not_speak_is_not_acceptable(api, review):
    sign(review)

    assert ask(api, "application/fhir+json; fhirVersion=5.0").status_code == 406


@pytest.mark.parametrize("accept", ["application/pdf", "application/fhir+json"])
def test_a_refusal_is_json_whatever_form_was_asked_for(api, review, accept):
    response = ask(api, accept)

    assert response.status_code == 404
    assert response["Content-Type"] == "application/json"
    assert response.json()["detail"] == "no signed report"


def test_a_pdf_holds_what_was_signed_under_a_name_of_its_own(api, review):
    signed = sign(review, summary=["Signed words."])

    response = ask(api, "application/pdf")

    assert response["Content-Disposition"] == 'attachment; filename="report-case_1.pdf"'
    text = text_of(response.content)
    assert "Signed words." in text
    assert signed.content_digest in text.replace(" ", "")
    assert response.content == ask(api, "application/pdf").content


def test_a_bundle_holds_what_was_signed(api, review):
    sign(review, summary=["Signed words."])

    response = ask(api, "application/fhir+json")

    bundle = response.json()
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "document")
    assert "Signed words." in response.text
    name = 'attachment; filename="report-case_1.fhir.json"'
    assert response["Content-Disposition"] == name


def test_the_draft_is_in_no_form(api):
    review = make_review({"risk": "monitor", "summary": ["Drafted."]}, case_id="case/1")
    sign(review, summary=["Signed words."])

    for accept in ("application/json", "application/fhir+json"):
        assert "Drafted." not in ask(api, accept).text
    assert "Drafted." not in text_of(ask(api, "application/pdf").content)


def test_an_altered_addendum_is_found_out(api, review):
    doctor = make_reader()
    signed = sign(review, user=doctor)
    add_addendum(signed, user=doctor, password=PASSWORD, text="Hearing was tested.")
    assert "not the text" not in text_of(ask(api, "application/pdf").content)

    unlock("screening_addendum")
    Addendum.objects.update(text="Hearing is fine.")

    text = text_of(ask(api, "application/pdf").content)
    assert "This is not the text that was signed." in text.split("Addendum 1")[1]


def test_a_case_whose_name_ends_like_the_route_is_still_found(api):
    make_review(case_id="odd/report")

    found = api.get("/api/cases/odd/report", headers={"accept": "application/json"})
    assert found.json()["case_id"] == "odd/report"
    pdf = api.get("/api/cases/odd/report", headers={"accept": "application/pdf"})
    assert pdf.status_code == 404


# --- The sheet for the family ------------------------------

FAMILY = "?part=family"
FAMILY_WORDS = "Your child enjoys playing."


def test_the_family_sheet_leaves_once_it_is_approved_signed_and_released(api, review):
    doctor = make_reader()
    signed = sign(review, user=doctor, parent_text=FAMILY_WORDS)

    early = ask(api, None, FAMILY)
    assert (early.status_code, early.json()["code"]) == (409, "CONFLICT")
    assert "not yet released" in early.json()["message"]
    assert not Audit.objects.filter(action="report.read").exists()

    release_report(signed, user=doctor)
    response = ask(api, None, FAMILY)

    assert response.status_code == 200
    assert response["Content-Type"] == "application/pdf"
    assert 'filename="family-case_1.pdf"' in response["Content-Disposition"]
    text = text_of(response.content)
    assert FAMILY_WORDS in text
    assert "Says two words." not in text
    detail = Audit.objects.get(action="report.read").detail
    assert (detail["form"], detail["part"]) == ("pdf", "family")


def test_without_a_family_text_there_is_no_sheet(api, review):
    sign(review, state="DELIVERED", parent_text="")

    response = ask(api, "application/pdf", FAMILY)

    assert response.status_code == 409
    assert "no text for the family" in response.json()["message"]


def test_a_family_text_that_nobody_approved_is_not_released_past_the_services(review):
    signed = sign(review, state="DELIVERED", parent_text=FAMILY_WORDS)
    unlock()

    refused = pytest.raises(IntegrityError, match="family_text_approved")
    with refused, transaction.atomic():
        Review.objects.filter(pk=signed.pk).update(
            family_approved_at=None, family_approved_by=None
        )


def test_a_family_text_that_nobody_approved_leaves_in_no_sheet(api, review):
    signed = sign(review, parent_text=FAMILY_WORDS)
    unlock()
    Review.objects.filter(pk=signed.pk).update(
        family_approved_at=None, family_approved_by=None
    )

    response = ask(api, "application/pdf", FAMILY)

    assert response.status_code == 409
    assert "Nobody has approved" in response.json()["message"]


def test_an_altered_report_gives_no_family_sheet(api, review):
    sign(review, state="DELIVERED", parent_text=FAMILY_WORDS)
    unlock("screening_signature")
    content = Signature.objects.get().content | {"parent_text": "All is well."}
    Signature.objects.update(content=content)

    response = ask(api, "application/pdf", FAMILY)

    assert response.status_code == 409
    assert "All is well" not in response.text


def test_the_family_sheet_is_paper_and_nothing_else(api, review):
    sign(review, state="DELIVERED", parent_text=FAMILY_WORDS)

    assert ask(api, "*/*", FAMILY).status_code == 200
    assert ask(api, "application/json", FAMILY).status_code == 406
    assert ask(api, "application/fhir+json", FAMILY).status_code == 406


@pytest.mark.parametrize("query", ["?part=all", "?part=", "?part=FAMILY"])
def test_a_part_that_there_is_not_is_refused(api, review, query):
    sign(review)

    assert ask(api, "application/pdf", query).status_code == 422
    assert ask(api, None, "?other=1").status_code == 400
