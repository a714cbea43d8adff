"""A signed report as a PDF: the whole of it, or the sheet for the family alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from screening.documents.letters import GAP, has_gaps, printable
from screening.documents.marks import MARKS, SEAL, WARNING
from screening.documents.paper import (
    BLACK,
    LINE,
    QUIET,
    SIDE,
    SMALL,
    TEXT,
    TITLE,
    Paper,
)
from screening.documents.reported import (
    DomainRow,
    Fact,
    checklist_heading,
    domain_rows,
    facts_of,
)
from screening.documents.signed import (
    ADDENDUM_NOT_WHOLE,
    CREDIT,
    DISCLAIMER,
    NOT_WHOLE,
    OUTCOMES,
    Addition,
    SignedReport,
    day_words,
    fingerprint_words,
    moment_words,
)
from screening.reports import WORDS

REPORT_TITLE = "Developmental screening report"
FAMILY_TITLE = "About your child"
NOTHING = "Nothing."
COVERS = (
    "The fingerprint is the SHA-256 of what was signed: risk, summary, "
    "recommendations, family text, meaning, who and when. Ages and answers are as "
    "they were sent."
)
GAPS = (
    f"{GAP} stands for a character that this document's typeface has not got. The "
    "JSON and FHIR forms of the report hold it as it was signed."
)
FAMILY_GAPS = f"{GAP} stands for a sign that could not be printed."
DOMAIN_COLUMNS = (("Yes", 11), ("Not yet", 16), ("Not sure", 18))
DOMAIN_NAME = 38.0
LABEL = 23.0


def report_pdf(report: SignedReport) -> bytes:
    """Lay out a signed report; the same report always gives the same bytes.

    Where its content has not the digest that was signed, that stands on top and in
    the signature's place, and no signature does.
    """
    paper = Paper(
        title=f"{REPORT_TITLE}, case {report.case_id}",
        subject=f"Signed {moment_words(report.signed_at, report.zone)}"
        if report.is_whole
        else "Not as it was signed",
        at=report.last_signed_at,
        foot=f"Case {_line(report.case_id)} · {_line(report.clinic)} · "
        f"{report.digest[:16]}",
    )
    _head(paper, report)
    if not report.is_whole:
        _warning(paper, NOT_WHOLE)
    _facts(paper, facts_of(report.reported, report.zone))
    for words, lines in (
        ("Summary", report.summary),
        ("Recommendations", report.recommendations),
    ):
        paper.heading(words)
        paper.points(lines or (NOTHING,))
    paper.heading("For the family")
    _family_text(paper, report.parent_text or NOTHING)
    rows = domain_rows(report.reported.answers)
    if rows:
        paper.heading(checklist_heading(report.reported))
        _checklist(paper, rows)
    _signature(paper, report)
    for each in report.additions:
        _addition(paper, each, report)
    _small_print(paper, report)
    return paper.written()


def family_pdf(report: SignedReport) -> bytes:
    """Lay out the text for the family alone, in letters that are easy to read.

    Whether the family may have it is not asked here.
    """
    paper = Paper(
        title=f"{FAMILY_TITLE}: a note from {_line(report.clinic)}",
        subject="A note for the family",
        at=report.signed_at,
        foot=f"{_line(report.clinic)} · Reference {_line(report.case_id)}",
    )
    paper.style(TITLE, is_bold=True)
    paper.multi_cell(0, 9, FAMILY_TITLE, align="L", new_x="LMARGIN", new_y="NEXT")
    paper.ln(1)
    paper.style(TEXT, grey=QUIET)
    paper.text_in(
        paper.epw,
        f"{_line(report.clinic)} · {day_words(report.signed_at, report.zone)}",
    )
    paper.ln(4)
    paper.rule(after=8, grey=BLACK, width=0.5)
    paper.style(13)
    for paragraph in report.parent_text.split("\n"):
        paper.text_in(paper.epw, paragraph)
        paper.ln(2.5)
    paper.ln(6)
    paper.style(TEXT)
    paper.need(20)
    paper.text_in(paper.epw, f"{_line(report.signer)}, {_line(report.clinic)}")
    paper.ln(4)
    paper.style(SMALL, grey=QUIET)
    notes = [
        "A developmental screening looks at how a child plays, learns, speaks and "
        "moves. It makes no diagnosis."
    ]
    if has_gaps(report.parent_text):
        notes.append(FAMILY_GAPS)
    paper.text_in(paper.epw, "\n".join(notes))
    return paper.written()


# --- Parts ------------------------------


def _head(paper: Paper, report: SignedReport) -> None:
    """Say what it is, of which case and clinic, and the risk: a mark and its word."""
    word = WORDS.get(report.risk, report.risk)
    paper.style(13, is_bold=True)
    wide, top = paper.get_string_width(word) + 17, paper.y
    room = paper.epw - wide - 6
    paper.style(TITLE, is_bold=True)
    paper.multi_cell(room, 8.5, REPORT_TITLE, align="L", new_x="LEFT", new_y="NEXT")
    paper.ln(1)
    paper.style(TEXT, grey=QUIET)
    paper.text_in(
        room,
        f"Case {_line(report.case_id)} · {_line(report.clinic)} · "
        f"version {report.version}",
    )
    low, left = paper.y, paper.w - SIDE - wide
    paper.set_draw_color(BLACK)
    paper.set_line_width(0.35)
    paper.rect(left, top, wide, 10, round_corners=True, corner_radius=4.9)
    paper.mark(MARKS.get(report.risk, WARNING), left + 4.5, top + 2.4, 5.2)
    paper.style(13, is_bold=True)
    paper.set_xy(left + 12, top)
    paper.cell(wide - 12, 10, word)
    paper.set_y(low)
    paper.set_x(SIDE)
    paper.ln(4)
    paper.rule(after=5, grey=BLACK, width=0.5)


def _facts(paper: Paper, facts: Sequence[Fact]) -> None:
    """Set the facts side by side, divided by lines."""
    wide, top, low = paper.epw / len(facts), paper.y, paper.y
    for number, fact in enumerate(facts):
        left = SIDE + number * wide + (3 if number else 0)
        paper.set_xy(left, top)
        for size, is_bold, grey, words in (
            (SMALL, False, QUIET, fact.label),
            (TEXT, True, BLACK, fact.value),
            (SMALL, False, QUIET, fact.more),
        ):
            paper.style(size, is_bold=is_bold, grey=grey)
            paper.text_in(wide - 5, words)
            paper.set_x(left)
        low = max(low, paper.y)
    paper.set_draw_color(LINE)
    paper.set_line_width(0.2)
    for number in range(1, len(facts)):
        paper.line(SIDE + number * wide, top, SIDE + number * wide, low)
    paper.set_xy(SIDE, low + 2)


def _family_text(paper: Paper, text: str) -> None:
    paper.style(TEXT)
    wide = paper.epw - 14
    paper.boxed(
        paper.height_of(wide, text),
        lambda: _indented(paper, wide, text),
        grey=LINE,
        line=0.25,
    )


def _indented(paper: Paper, wide: float, text: str) -> None:
    paper.set_x(SIDE + 7)
    paper.text_in(wide, text)
    paper.set_x(SIDE)


def _checklist(paper: Paper, rows: Sequence[DomainRow]) -> None:
    """Count the answers of each domain, and name what was not answered with yes."""
    paper.style(SMALL, is_bold=True)
    _row(paper, "Domain", [name for name, _ in DOMAIN_COLUMNS], "Not yet or not sure")
    paper.style(SMALL)
    for row in rows:
        numbers = [str(row.yes), str(row.not_yet), str(row.not_sure)]
        _row(paper, row.name, numbers, row.missed)


def _row(paper: Paper, name: str, numbers: Sequence[str], words: str) -> None:
    last = paper.epw - DOMAIN_NAME - sum(w for _, w in DOMAIN_COLUMNS) - 6
    high = max(paper.height_of(last, words), paper.leading)
    if high < paper.room:
        paper.need(high + 3)
    paper.ln(0.9)
    paper.cell(DOMAIN_NAME, paper.leading, name)
    for number, (_, wide) in zip(numbers, DOMAIN_COLUMNS, strict=True):
        paper.cell(wide, paper.leading, number, align="R")
    paper.set_x(paper.x + 6)
    paper.text_in(last, words)
    paper.set_x(SIDE)
    paper.ln(0.9)
    paper.rule(after=0)


def _signature(paper: Paper, report: SignedReport) -> None:
    """Print who signed, when and what it means; or why that cannot be said."""
    paper.ln(4)
    if not report.is_whole:
        _warning(paper, NOT_WHOLE)
        return
    rows = {
        "Signed": moment_words(report.signed_at, report.zone),
        "Outcome": OUTCOMES.get(report.outcome, report.outcome),
        "Meaning": _line(report.meaning),
        "Reason": _line(report.reason),
        "Fingerprint": fingerprint_words(report.digest),
        "Unchanged": "The text above is the text that was signed.",
    }
    _signed_by(paper, report.signer, rows)


def _addition(paper: Paper, each: Addition, report: SignedReport) -> None:
    """Print an addendum with its own signature."""
    paper.ln(2)
    paper.heading(f"Addendum {each.number}")
    paper.text_in(paper.epw, each.text)
    paper.ln(4)
    if not each.is_whole:
        _warning(paper, ADDENDUM_NOT_WHOLE)
        return
    _signed_by(
        paper,
        each.signer,
        {
            "Signed": moment_words(each.signed_at, report.zone),
            "Fingerprint": fingerprint_words(each.digest),
        },
    )


def _signed_by(paper: Paper, signer: str, pairs: Mapping[str, str]) -> None:
    rows = [(label, words) for label, words in pairs.items() if words]
    name = f"Signed by {_line(signer)}"
    wide = paper.epw - 12 - LABEL
    paper.style(12, is_bold=True)
    high = paper.height_of(paper.epw - 22, name) + 2
    paper.style(SMALL)
    high += sum(paper.height_of(wide, words) + 0.8 for _, words in rows)
    paper.boxed(high, partial(_pairs, paper, name, rows), grey=BLACK, line=0.5)
    paper.ln(2)


def _pairs(paper: Paper, name: str, rows: Iterable[tuple[str, str]]) -> None:
    paper.style(12, is_bold=True)
    paper.mark(SEAL, SIDE + 6.5, paper.y + 0.2, 6)
    paper.set_x(SIDE + 15)
    paper.text_in(paper.epw - 22, name)
    paper.ln(2)
    for label, words in rows:
        paper.style(SMALL, grey=QUIET)
        paper.set_x(SIDE + 7)
        paper.cell(LABEL, paper.leading, label)
        paper.style(SMALL)
        paper.text_in(paper.epw - 12 - LABEL, words)
        paper.set_x(SIDE)
        paper.ln(0.8)


def _warning(paper: Paper, words: str) -> None:
    """Say in a frame, beside a sign, what must not be overlooked."""
    paper.style(TEXT, is_bold=True)
    wide = paper.epw - 24
    paper.boxed(
        paper.height_of(wide, words),
        lambda: _warned(paper, wide, words),
        grey=BLACK,
        line=0.8,
    )
    paper.ln(4)


def _warned(paper: Paper, wide: float, words: str) -> None:
    paper.mark(WARNING, SIDE + 6, paper.y, 7)
    paper.set_x(SIDE + 17)
    paper.text_in(wide, words)


def _small_print(paper: Paper, report: SignedReport) -> None:
    """Say what the document is for, what it is not, and whose items it shows."""
    paper.ln(2)
    notes = [f"{DISCLAIMER} {COVERS}"]
    if report.reported.answers:
        notes.append(CREDIT)
    texts = [*report.summary, *report.recommendations, report.parent_text]
    if has_gaps("\n".join([*texts, *(each.text for each in report.additions)])):
        notes.append(GAPS)
    paper.style(SMALL - 1, grey=QUIET)
    for note in notes:
        paper.need(paper.height_of(paper.epw, note))
        paper.text_in(paper.epw, note)
        paper.ln(0.9)


def _line(text: str) -> str:
    """Keep to one line what has its place in one."""
    return " ".join(printable(text).split())
