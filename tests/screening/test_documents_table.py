"""Lists as CSV: every cell comes back as it was, and none is a formula."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from screening.documents.table import (
    BYTE_ORDER_MARK,
    FORMULA,
    as_text,
    as_written,
    csv_lines,
)

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff201",
    "|calc",
    "%0A",
    " =1+1",
    "\u00a0=1",
    "\u200b=1",
    "\ufeff=1",
    "'=1",
]


def read(lines):
    text = "".join(lines)
    assert text.startswith(BYTE_ORDER_MARK)
    return list(csv.reader(io.StringIO(text.removeprefix(BYTE_ORDER_MARK), newline="")))


@pytest.mark.parametrize("value", FORMULAS)
def test_what_begins_a_formula_is_text(value):
    assert as_text(value) == f"'{value}"
    assert as_written(as_text(value)) == value


@pytest.mark.parametrize("value", ["", "RC-2041", "a=b", "2026-11-24", "0", "Ünal"])
def test_everything_else_stays_as_it_is(value):
    assert as_text(value) == value


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_comes_back_and_begins_no_formula(value):
    [[_], [cell]] = read(csv_lines(["head"], [[value]]))

    assert as_written(cell) == value
    assert cell[:1] not in FORMULA


@given(
    st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=2, max_size=2))
)
def test_any_table_comes_back(rows):
    head, *found = read(csv_lines(["a", "b"], rows))

    assert head == ["a", "b"]
    assert [[as_written(cell) for cell in row] for row in found] == rows


def test_every_cell_is_quoted_and_every_line_ends_as_the_standard_has_it():
    lines = list(csv_lines(["case", "n"], [['say "hi", all', 3], [None, "x\ny"]]))

    assert lines == [
        '\ufeff"case","n"\r\n',
        '"say ""hi"", all","3"\r\n',
        '"","x\ny"\r\n',
    ]


def test_a_line_is_written_when_it_is_asked_for():
    def rows():
        yield ["first"]
        raise AssertionError("nobody asked for the second row")

    lines = csv_lines(["head"], rows())

    assert next(lines) == '\ufeff"head"\r\n'
    assert next(lines) == '"first"\r\n'
