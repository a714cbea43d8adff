"""Reports on paper, as other programs read them: Poppler, and Chromium's printer."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from PIL import Image

from screening.documents.pdf import family_pdf, report_pdf
from tests.browser.pages import PAGES
from tests.screening.signed_reports import a_report, an_addition

pytestmark = [pytest.mark.browser, pytest.mark.system]
ARABIC = "طفلكم يلعب جيدا."


def ask(program: str, *arguments: str) -> str:
    done = subprocess.run([program, *arguments], capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout.decode()


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    report = a_report(parent_text=f"Your child plays.\n{ARABIC}")
    path = tmp_path / "report.pdf"
    path.write_bytes(report_pdf(report))
    return path


def test_another_reader_finds_the_text_in_reading_order(paper):
    text = ask("pdftotext", str(paper), "-")

    told = [
        *("Developmental screening report", "Refer", "Screened", "Summary"),
        *("Recommendations", "For the family", "Checklist, 15 months"),
        *("Signed by Dr Amara Osei", "New York time", "Page 1 of 1"),
    ]
    places = [text.index(words) for words in told]
    assert places == sorted(places)
    assert ARABIC.rstrip(".") in text


def test_another_reader_is_told_what_the_document_is(paper):
    told = ask("pdfinfo", "-isodates", str(paper))

    assert "Title:           Developmental screening report, case RC-2041" in told
    assert "CreationDate:    2026-11-24T15:18:22Z" in told
    assert "JavaScript:      no" in told
    assert "Page size:       595.28 x 841.89 pts (A4)" in told


def test_every_letter_is_shipped_inside_the_document(paper):
    _, _, *fonts = ask("pdffonts", str(paper)).splitlines()

    assert len(fonts) == 2
    for font in fonts:
        assert "DejaVuSans" in font
        assert font.split()[-5:-2] == ["yes", "yes", "yes"]


def test_a_page_is_black_on_white_and_ends_before_its_edge(paper, tmp_path):
    additions = tuple(an_addition(number=n, text="Words. " * 400) for n in (1, 2))
    long = a_report(summary=("Many words. " * 500,), additions=additions)
    for name, data in (("long", report_pdf(long)), ("family", family_pdf(long))):
        (tmp_path / f"{name}.pdf").write_bytes(data)
        ask("pdftoppm", "-r", "50", str(tmp_path / f"{name}.pdf"), str(tmp_path / name))

    pages = sorted(tmp_path.glob("*.ppm"))
    assert len(pages) > 3
    for path in pages:
        with Image.open(path) as image:
            red, green, blue = image.convert("RGB").split()
            assert red.tobytes() == green.tobytes() == blue.tobytes()
            edge = 10
            middle = (edge, edge, image.width - edge, image.height - edge)
            outside = image.convert("L")
            assert outside.crop(middle).getextrema()[0] < 160
            outside.paste(255, middle)
            assert outside.getextrema() == (255, 255)


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_of_a_report_prints_as_the_sheet_alone(desk, window, tmp_path, dark):
    page = PAGES["review-signed"]
    opened = window(desk, page.who, dark=dark)
    opened.open(page.address(desk.stack))
    path = tmp_path / "printed.pdf"
    path.write_bytes(opened.page.pdf(format="A4"))

    text = " ".join(ask("pdftotext", str(path), "-").split())

    assert "Developmental screening report" in text
    assert "Signed by" in text
    assert "makes no diagnosis" in text
    for left_out in ("Download", "Locked", "Behind the report", "Worklist", "Log out"):
        assert left_out not in text
    ask("pdftoppm", "-r", "40", "-png", str(path), str(tmp_path / "printed"))
    with Image.open(min(tmp_path.glob("printed*.png"))) as image:
        assert image.convert("L").getpixel((3, 3)) == 255
