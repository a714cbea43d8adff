"""A signed report on paper: all of it, and the same bytes each time."""

from __future__ import annotations

import io
import logging
import re
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from screening.documents import letters
from screening.documents.letters import GAP, has_gaps, lacks_letters, printable
from screening.documents.marks import MARKS, SEAL, WARNING
from screening.documents.pdf import FAMILY_GAPS, GAPS, family_pdf, report_pdf
from screening.documents.signed import CREDIT, DISCLAIMER, NOT_WHOLE, Reported
from screening.reports import WORDS
from tests.screening.signed_reports import (
    AT,
    DIGEST,
    OTHER_DIGEST,
    a_report,
    an_addition,
)
from tests.servers import ROOT

UNICODE = st.text(st.characters(), max_size=300)


def read(data: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(data))


def words_of(data: bytes) -> str:
    """Return what stands on all pages, in one line."""
    return " ".join(" ".join(p.extract_text() for p in read(data).pages).split())


# --- What stands on it ------------------------------


def test_the_report_holds_all_that_was_signed():
    words = words_of(report_pdf(a_report()))

    for said in (
        "Developmental screening report",
        "Case RC-2041 · Riverside Children's Clinic · version 7",
        "Refer",
        "24 Nov 2026",
        "20 months",
        "born at 29 weeks",
        "17 m 2 w",
        "11 weeks taken off",
        "13 of 13 answered",
        "Uses no words besides mama and dada.",
        "Refer for a language evaluation.",
        "Your child enjoys playing.",
        "hugs a doll or soft toy (not sure)",
        "Signed by Dr Amara Osei",
        "24 November 2026, 10:18:22 New York time (15:18:22 UTC)",
        "Signed with a different risk",
        "This report is my own assessment.",
        "Checklist weighs more: two language items.",
        "The text above is the text that was signed.",
        DISCLAIMER,
        CREDIT,
        "Page 1 of 1",
    ):
        assert said in words
    assert DIGEST in words.replace(" ", "")


@pytest.mark.parametrize("risk", ["on_track", "monitor", "discuss", "refer"])
def test_each_risk_is_a_word(risk):
    assert WORDS[risk] in words_of(report_pdf(a_report(risk=risk)))


def test_the_marks_are_those_of_the_desk():
    icons = (ROOT / "templates" / "desk" / "icons.html").read_text()
    shapes = dict(re.findall(r'<symbol id="i-([a-z_]+)"[^>]*>(.*?)</symbol>', icons))

    for name, mark in {**MARKS, "seal": SEAL, "warn": WARNING}.items():
        [drawn] = re.findall(r' d="([^"]+)"', mark)
        assert re.findall(r' d="([^"]+)"', shapes[name]) == [drawn]
    assert set(MARKS) == set(WORDS) - {"unclassified"}


def test_an_addendum_stands_under_its_own_signature():
    words = words_of(report_pdf(a_report(additions=(an_addition(),))))

    before, after = words.split("Addendum 1")
    assert "Signed by Dr Amara Osei" in before
    assert "The hearing test was normal." in after
    assert "Signed by Dr Lin Park" in after
    assert OTHER_DIGEST in after.replace(" ", "")


def test_what_is_not_there_is_said():
    report = a_report(
        summary=(),
        recommendations=(),
        parent_text="",
        reported=Reported(screened_at=AT),
        reason="",
    )
    words = words_of(report_pdf(report))

    assert words.count("Nothing.") == 3
    assert "Not given" in words
    assert "birth week not given" in words
    assert "Reason" not in words
    assert CREDIT not in words


def test_the_other_day_in_utc_is_said_with_the_time():
    late = AT.replace(hour=3)

    words = words_of(report_pdf(a_report(signed_at=late)))

    assert (
        "23 November 2026, 22:18:22 New York time (24 November 03:18:22 UTC)" in words
    )
    assert "03:18:22 UTC" in words_of(report_pdf(a_report(signed_at=late, zone=UTC)))


# --- What was altered ------------------------------


def test_altered_content_carries_no_signature_and_says_so_first():
    words = words_of(report_pdf(a_report(is_whole=False)))

    assert words.count(NOT_WHOLE) == 2
    assert words.index(NOT_WHOLE) < words.index("Summary")
    for gone in ("Signed by", "New York time", "that was signed. Ages", "10:18:22"):
        assert gone not in words
    assert (
        "Not as it was signed"
        in read(report_pdf(a_report(is_whole=False))).metadata["/Subject"]
    )


def test_an_altered_addendum_takes_nothing_from_the_report():
    words = words_of(report_pdf(a_report(additions=(an_addition(is_whole=False),))))

    assert "Signed by Dr Amara Osei" in words
    assert "Signed by Dr Lin Park" not in words
    assert "This is not the text that was signed." in words.split("Addendum 1")[1]


# --- The file ------------------------------


def test_the_same_report_gives_the_same_bytes():
    report = a_report(additions=(an_addition(),), summary=("طفلكم يلعب جيدا",))

    assert report_pdf(report) == report_pdf(report)
    assert family_pdf(report) == family_pdf(report)


def test_the_one_time_in_the_file_is_that_of_the_last_signature():
    data = report_pdf(a_report())
    later = report_pdf(a_report(additions=(an_addition(),)))

    assert read(data).metadata.creation_date == AT
    assert read(later).metadata.creation_date == AT + timedelta(days=9)


def test_title_language_and_parts_are_told_to_readers_of_the_screen():
    found = read(report_pdf(a_report()))

    assert found.metadata.title == "Developmental screening report, case RC-2041"
    assert found.trailer["/Root"]["/Lang"] == "en-GB"
    assert found.trailer["/Root"]["/ViewerPreferences"]["/DisplayDocTitle"].value
    titles = [entry.title for entry in found.outline]
    assert titles == ["Summary", "Recommendations", "For the family", titles[-1]]
    assert titles[-1] == "Checklist, 15 months"


def test_long_texts_go_on_over_pages_and_lose_nothing():
    lines = tuple(f"Line {n} of the summary. " + "More words. " * 12 for n in range(60))
    report = a_report(summary=lines, parent_text="Many words. " * 900)

    data = report_pdf(report)
    found, words = read(data), words_of(data)

    assert len(found.pages) > 6
    for number, page in enumerate(found.pages, 1):
        assert f"Page {number} of {len(found.pages)}" in page.extract_text()
    assert all(f"Line {n} of the summary." in words for n in range(60))
    assert words.count("Many") == 900


def test_the_licence_of_the_typeface_is_shipped_beside_it():
    files = {path.name for path in Path(letters.FOLDER).iterdir()}

    assert files == {"DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "LICENSE"}
    assert "Bitstream Vera" in (letters.FOLDER / "LICENSE").read_text()


# --- Letters ------------------------------


def test_a_character_without_a_shape_stands_as_a_gap_and_that_is_said(caplog):
    caplog.set_level(logging.DEBUG)

    words = words_of(report_pdf(a_report(summary=("Says 你好 at home.",))))

    assert f"Says {GAP}{GAP} at home." in words
    assert GAPS in words
    # The library would name each character in the log.
    assert "missing" not in caplog.text
    assert "4f60" not in caplog.text


def test_nothing_is_said_of_gaps_where_there_are_none():
    assert GAPS not in words_of(report_pdf(a_report()))


def test_letters_read_from_the_right_are_drawn_joined():
    words = words_of(report_pdf(a_report(parent_text="طفلكم يلعب جيدا.")))

    assert GAP not in words
    assert not has_gaps("طفلكم يلعب جيدا.")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\r\nb\rc\u2028d\x85e", "a\nb\nc\nd\ne"),
        ("a\tb\u3000c", "a b c"),
        ("\ufeffa\ufe0f", "a"),
        ("a\0b\x1b[31m", f"a{GAP}b{GAP}[31m"),
        ("exe\u202egnp.doc", f"exe{GAP}gnp.doc"),
        ("\ud800", GAP),
    ],
)
def test_what_is_no_letter_is_made_harmless(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("text", "lacks"),
    [("Plays well 😀 \0", False), ("你好", True), ("नमस्ते", True), ("Ünal", False)],
)
def test_letters_that_cannot_be_printed_are_told_from_signs(text, lacks):
    assert lacks_letters(text) is lacks


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(text=UNICODE, line=UNICODE, signer=st.text(st.characters(), max_size=300))
def test_no_text_breaks_the_report(text, line, signer):
    report = a_report(
        case_id=line[:128] or "x",
        clinic=signer[:200],
        summary=(text, line),
        parent_text=text,
        meaning=line,
        reason=text,
        signer=signer,
        additions=(an_addition(text=line, signer=text),),
    )

    data = report_pdf(report)

    assert read(data).pages[0].extract_text().startswith("Developmental screening")
    assert family_pdf(report).startswith(b"%PDF-")


# --- For the family ------------------------------


def test_the_family_sheet_holds_its_text_and_nothing_of_the_report():
    words = words_of(family_pdf(a_report(additions=(an_addition(),))))

    for said in (
        "About your child",
        "Your child enjoys playing. Words come slowly.",
        "Dr Amara Osei, Riverside Children's Clinic",
        "It makes no diagnosis.",
        "Page 1 of 1",
    ):
        assert said in words
    for kept in (
        "Refer ",
        "mama",
        "assessment",
        "hearing",
        "draft-model-zq",
        DIGEST[:8],
    ):
        assert kept not in words
    assert FAMILY_GAPS not in words


def test_a_sign_that_the_family_sheet_cannot_draw_is_explained():
    words = words_of(family_pdf(a_report(parent_text="Well done 🧸")))

    assert f"Well done {GAP}" in words
    assert FAMILY_GAPS in words
