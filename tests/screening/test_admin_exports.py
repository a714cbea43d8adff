"""What is taken from the desk: signed reports as files, and lists as tables."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from pypdf import PdfReader

from audit.models import Audit
from audit.proofs.commitments import commit
from screening.models import Clinic, Review, Signature
from screening.reports import signed_bytes
from screening.services import listing
from screening.services.review import ask_for_second_read, claim_review
from screening.services.signing import add_addendum
from tests.screening.desk import page_of, review_of, words_of
from tests.screening.making import make_job
from tests.screening.signing import PASSWORD, RIGHTS, make_reader, sign, unlock

pytestmark = pytest.mark.django_db
FILES = ["report_pdf", "report_fhir", "family_pdf"]
LISTS = ["/admin/screening/review/export.csv", "/admin/screening/case/export.csv"]
EXPORTS = (*RIGHTS, "export_lists", "view_case")


def desk_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def doctor() -> User:
    return make_reader()


@pytest.fixture
def desk(doctor: User) -> Client:
    return desk_of(doctor)


@pytest.fixture
def released(doctor: User) -> Review:
    return sign(review_of("RC 2041/ä"), user=doctor, state="DELIVERED")


def file_of(review: Review, name: str = "report_pdf") -> str:
    return reverse(f"admin:screening_review_{name}", args=[review.pk])


def text_of(response: Any) -> str:
    pages = PdfReader(io.BytesIO(response.content)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def table_of(response: Any) -> list[list[str]]:
    assert response.status_code == 200
    text = b"".join(response.streaming_content).decode()
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:], newline="")))


def events(action: str) -> list[Audit]:
    return list(Audit.objects.filter(action=action))


# --- Files ------------------------------


def test_a_signed_report_is_downloaded_in_each_form(desk, doctor, released):
    add_addendum(released, user=doctor, password=PASSWORD, text="Hearing was tested.")

    pdf, fhir, family = (desk.get(file_of(released, name)) for name in FILES)

    assert pdf["Content-Type"] == family["Content-Type"] == "application/pdf"
    assert pdf["Content-Disposition"] == 'attachment; filename="report-RC_2041__.pdf"'
    assert "no-store" in pdf["Cache-Control"]
    assert "Signed by Dr-Osei" in text_of(pdf)
    assert "Hearing was tested." in text_of(pdf)
    assert released.content_digest in text_of(pdf).replace(" ", "")
    assert fhir["Content-Type"] == "application/fhir+json"
    assert 'filename="report-RC_2041__.fhir.json"' in fhir["Content-Disposition"]
    assert json.loads(fhir.content)["resourceType"] == "Bundle"
    assert 'filename="family-RC_2041__.pdf"' in family["Content-Disposition"]
    assert "Your child plays well." in text_of(family)
    assert "Uses few words." not in text_of(family)


def test_each_download_is_in_the_audit_log_with_who_and_what(desk, doctor, released):
    for name in FILES:
        desk.get(file_of(released, name))

    content = signed_bytes(released.signature.content)
    read = commit(content, salt=bytes(released.job.salt))
    whole = {"commitment": read, "form": "pdf"}
    found = sorted(events("report.read"), key=lambda event: event.pk)
    assert [event.detail for event in found] == [
        whole,
        {**whole, "form": "fhir"},
        {**whole, "part": "family"},
    ]
    assert {event.actor for event in found} == {f"user:{doctor.pk}"}
    assert {event.job_id for event in found} == {released.job_id}


@pytest.mark.parametrize("name", FILES)
def test_what_is_not_signed_cannot_be_downloaded(desk, name):
    assert desk.get(file_of(review_of(), name)).status_code == 404
    assert not events("report.read")


@pytest.mark.parametrize("name", FILES)
def test_another_clinics_report_is_not_there(released, name):
    north = Clinic.objects.create(slug="north", name="North")
    stranger = make_reader("stranger", clinic=north)

    assert desk_of(stranger).get(file_of(released, name)).status_code == 404
    assert not events("report.read")


@pytest.mark.parametrize("name", FILES)
def test_who_may_not_see_reviews_downloads_nothing(released, name):
    clerk = make_reader("clerk", rights=["view_case", "read_words"])

    assert desk_of(clerk).get(file_of(released, name)).status_code == 403
    assert Client().get(file_of(released, name)).status_code == 302
    assert not events("report.read")


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_only_ever_asked_for(desk, released, name):
    assert desk.post(file_of(released, name)).status_code == 405


@pytest.mark.parametrize("name", FILES)
def test_whoever_must_read_a_case_blind_gets_no_earlier_report_of_it(
    desk, doctor, released, name
):
    again = review_of("RC 2041/ä")
    claim_review(again, user=doctor)
    ask_for_second_read(again, user=doctor, version=1)
    colleague = make_reader("colleague")

    assert desk_of(colleague).get(file_of(released, name)).status_code == 403
    assert not events("report.read")
    assert desk.get(file_of(released, name)).status_code == 200


def test_the_family_sheet_waits_for_the_release(desk, doctor):
    signed = sign(review_of(), user=doctor)

    answer = desk.get(file_of(signed, "family_pdf"), follow=True)

    assert "the family sheet waits" in answer.text
    assert not events("report.read")
    page = desk.get(page_of(signed)).text
    assert file_of(signed, "family_pdf") not in page
    assert "No sheet for the family." in page


@pytest.mark.parametrize(
    ("parent_text", "why"),
    [
        ("", "no text for the family"),
        ("你的孩子", "letters that the sheet cannot print"),
    ],
)
def test_a_family_text_that_cannot_be_printed_leaves_in_no_sheet(
    desk, doctor, parent_text, why
):
    signed = sign(review_of(), user=doctor, state="DELIVERED", parent_text=parent_text)

    answer = desk.get(file_of(signed, "family_pdf"), follow=True)

    assert why in answer.text
    assert not events("report.read")


# --- The page ------------------------------


def test_the_page_of_a_signed_report_is_a_sheet_with_its_downloads(desk, released):
    page = desk.get(page_of(released)).text
    words = words_of(page)

    assert "Developmental screening report" in words
    assert "Signed by Dr-Osei" in words
    assert "The text above is the text that was signed." in words
    assert "walks without holding on (" not in words
    for name in FILES:
        assert f'href="{file_of(released, name)}"' in page
    assert "desk/report.css" in page
    assert "style=" not in page


def test_the_page_shows_what_stands_under_the_signature(desk, released):
    unlock("screening_review")
    Review.objects.filter(pk=released.pk).update(summary=["Written past everything."])

    words = words_of(desk.get(page_of(released)).text)
    sheet = words[: words.index("Behind the report")]

    assert "Uses few words." in sheet
    assert "Written past everything." not in sheet


def test_altered_content_is_shown_without_a_signature(desk, released):
    unlock("screening_signature")
    content = Signature.objects.get().content | {"risk": "on_track"}
    Signature.objects.update(content=content)

    words = words_of(desk.get(page_of(released)).text)

    assert "This is not the text that was signed." in words
    assert "No signature is shown." in words
    assert "Signed by Dr-Osei" not in words
    assert "nothing of it leaves" in words
    pdf = text_of(desk.get(file_of(released)))
    assert "Signed by" not in pdf
    assert desk.get(file_of(released, "family_pdf")).status_code == 302


def test_who_may_not_read_a_childs_words_sees_the_report_alone(released):
    auditor = make_reader("auditor", rights=["view_review"])

    words = words_of(desk_of(auditor).get(page_of(released)).text)

    assert "Developmental screening report" in words
    assert "Not walking yet" not in words
    assert "draft-model-zq" not in words


# --- Lists ------------------------------


@pytest.fixture
def clerk() -> User:
    return make_reader("clerk", rights=EXPORTS)


def test_the_list_of_reviews_holds_ids_states_times_and_risks(clerk, doctor):
    review = review_of("=cmd()", parent_text="Family words.")
    sign(review, user=doctor)

    head, row = table_of(desk_of(clerk).get(f"{LISTS[0]}?view=signed"))

    assert head == list(listing.REVIEW_HEAD)
    told = dict(zip(head, row, strict=True))
    assert told["case"] == "'=cmd()"
    assert told["job"] == str(review.job_id)
    assert (told["clinic"], told["state"]) == ("default", "Signed")
    assert (told["risk"], told["draft says"]) == ("Discuss", "Discuss")
    assert told["signed"].endswith("+00:00")
    assert told["released"] == ""
    for words in ("Family words", "Uses few words", "Not walking", "Dr-Osei"):
        assert words not in " ".join(row)


def test_the_list_is_narrowed_as_its_address_says(clerk):
    review_of("A-1", risk="refer")
    review_of("A-2", risk="monitor")

    desk = desk_of(clerk)
    rows = table_of(desk.get(f"{LISTS[0]}?risk=refer"))
    cases = table_of(desk.get(f"{LISTS[1]}?q=A-2"))

    assert [row[0] for row in rows[1:]] == ["A-1"]
    assert [row[0] for row in cases[1:]] == ["A-2"]
    assert len(table_of(desk.get(LISTS[1]))) == 3


def test_the_list_of_cases_counts_their_screenings(clerk):
    make_job(case_id="A-1")
    make_job(case_id="A-1")

    head, row = table_of(desk_of(clerk).get(LISTS[1]))

    assert head == list(listing.CASE_HEAD)
    assert row[:2] == ["A-1", "default"]
    assert row[3] == "2"


def test_a_row_to_be_read_blind_hides_every_risk(clerk, doctor):
    review = review_of(risk="refer")
    claim_review(review, user=doctor)
    ask_for_second_read(review, user=doctor, version=1)

    head, row = table_of(desk_of(clerk).get(LISTS[0]))

    told = dict(zip(head, row, strict=True))
    for name in ("risk", "listed as", "draft says", "outcome"):
        assert told[name] == "Hidden"
    assert "Refer" not in row
    assert table_of(desk_of(clerk).get(f"{LISTS[0]}?risk=refer")) == [head]


def test_whoever_may_not_read_drafts_exports_none(doctor):
    sign(review_of(), user=doctor)
    review_of("open-1")
    auditor = make_reader("auditor", rights=["view_review", "export_lists"])

    head, *rows = table_of(desk_of(auditor).get(f"{LISTS[0]}?view=signed"))

    told = dict(zip(head, rows[0], strict=True))
    assert (told["risk"], told["draft says"]) == ("Discuss", "Hidden")
    assert len(table_of(desk_of(auditor).get(LISTS[0]))) == 1


def test_other_clinics_rows_are_in_no_list(clerk):
    north = Clinic.objects.create(slug="north", name="North")
    review_of("N-1", clinic=north)

    for path in LISTS:
        assert len(table_of(desk_of(clerk).get(path))) == 1


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("lacking", ["export_lists", "both views"])
def test_an_export_needs_its_own_right_and_that_of_the_list(path, lacking):
    views = {"view_case", "view_review"}
    rights = {"export_lists"} if lacking == "both views" else {*views, "read_words"}
    user = make_reader("nobody", rights=rights)

    assert desk_of(user).get(path).status_code == 403
    assert Client().get(path).status_code == 302
    assert not events("list.exported")


def test_each_export_is_in_the_audit_log_without_what_was_searched(clerk):
    review_of("A-1")
    desk = desk_of(clerk)
    desk.get(f"{LISTS[0]}?q=A-1")
    desk.get(f"{LISTS[1]}?q=A-1")

    cases, reviews = events("list.exported")
    assert reviews.detail == {"kind": "reviews", "count": 1, "is_cut": False}
    assert cases.detail == {"kind": "cases", "count": 1, "is_cut": False}
    assert {cases.actor, reviews.actor} == {f"user:{clerk.pk}"}
    assert {cases.case_id, reviews.case_id} == {""}


@pytest.mark.parametrize("path", LISTS)
def test_a_list_that_is_too_long_is_cut_and_says_so(clerk, monkeypatch, path):
    monkeypatch.setattr(listing, "MOST_ROWS", 2)
    for number in range(3):
        review_of(f"A-{number}")

    rows = table_of(desk_of(clerk).get(path))

    assert len(rows) == 4
    assert rows[-1][0].startswith("Only the first")
    [event] = events("list.exported")
    assert (event.detail["count"], event.detail["is_cut"]) == (2, True)


def test_the_list_of_cases_offers_its_export_to_who_has_the_right(clerk, desk):
    make_job(case_id="A-1")
    doctor = User.objects.get(username="dr-osei")
    doctor.user_permissions.add(Permission.objects.get(codename="view_case"))

    offered = desk_of(clerk).get("/admin/screening/case/?q=A-1").text

    assert f'href="{LISTS[1]}?q=A-1"' in offered
    assert LISTS[1] not in desk.get("/admin/screening/case/").text
