"""Lists as CSV that a spreadsheet opens as text: nothing in a cell is a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import Any

BYTE_ORDER_MARK = "\ufeff"
TEXT_FOLLOWS = "'"
# What begins a formula in one spreadsheet or another, also in full width (OWASP).
FORMULA = frozenset("=+-@\t\r\n|%\uff1d\uff0b\uff0d\uff20")
NOT_FIRST = FORMULA | {TEXT_FOLLOWS}
# Some programs pass over these before they look for a formula.
SKIPPED = " \u00a0\u3000\u200b\ufeff\0"


def csv_lines(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Write a table line by line: each cell quoted, the first line with the mark.

    The byte order mark tells Excel that the text is UTF-8.
    """
    yield BYTE_ORDER_MARK + _line(head)
    for row in rows:
        yield _line(row)


def as_text(value: str) -> str:
    """Return a cell that no spreadsheet reckons with; `as_written` undoes it."""
    begins = {value[:1], value.lstrip(SKIPPED)[:1]}
    return TEXT_FOLLOWS + value if begins & NOT_FIRST else value


def as_written(cell: str) -> str:
    """Return what a cell was made from."""
    return cell.removeprefix(TEXT_FOLLOWS)


def _line(cells: Sequence[Any]) -> str:
    buffer = StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([as_text("" if cell is None else str(cell)) for cell in cells])
    return buffer.getvalue()
