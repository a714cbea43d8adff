"""What must be complete is: each thing of a kind has what its kind must have."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from pediscreen_site.api.errors import CODE_BY_STATUS, STATUS_BY_CODE
from routing.errors import RoutingError
from tests.servers import ROOT
from wire.errors import Refusal

APPS = ["pediscreen_site", "screening", "routing", "audit"]
ON_A_JOB = "on a job"


def subclasses(cls: type) -> Iterator[type]:
    for sub in cls.__subclasses__():
        yield sub
        yield from subclasses(sub)


def codes_of(base: type) -> set[str]:
    return {sub.code for sub in subclasses(base) if hasattr(sub, "code")}


def job_codes() -> set[str]:
    """Return what a job's error_code may be: the routing errors', and the services'."""
    written = {
        code
        for folder in ("screening/services", "claims")
        for path in (ROOT / folder).glob("*.py")
        for code in re.findall(
            r'(?:error_code=|^WORKER_LOST = )"([A-Z_]+)"', path.read_text(), re.M
        )
    }
    return codes_of(RoutingError) | written


def expected_errors() -> dict[str, set[str]]:
    """Return every error code with each of its statuses, as the document has them."""
    found: dict[str, set[str]] = {}
    for status, code in CODE_BY_STATUS.items():
        found.setdefault(code, set()).add(str(status))
    for code, status in STATUS_BY_CODE.items():
        found.setdefault(code, set()).add(str(int(status)))
    for code in job_codes():
        found.setdefault(code, set()).add(ON_A_JOB)
    return found


def documented_errors() -> list[list[str]]:
    """Return the rows of docs/errors.md, cell by cell."""
    text = (ROOT / "docs" / "errors.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


# --- Errors -----------------------------------------------------------------------


def test_every_refusal_of_a_request_has_an_http_status():
    assert codes_of(Refusal) == set(STATUS_BY_CODE)


def test_every_error_is_an_answer_or_on_a_job_and_no_code_is_both():
    assert not job_codes() & {*CODE_BY_STATUS.values(), *STATUS_BY_CODE}
    assert {"WORKER_LOST", "RESULT_NOT_STORABLE", "MODEL_TIMEOUT"} <= job_codes()


def test_every_error_code_has_one_line_in_the_document_with_its_status():
    documented = {code.strip("`"): {status} for code, status, *_ in documented_errors()}

    assert documented == expected_errors()
    assert len(documented) == len(documented_errors())


@pytest.mark.parametrize("row", documented_errors(), ids=lambda row: row[0])
def test_a_line_says_what_the_error_means_and_what_to_do(row):
    assert len(row) == 4
    assert all(re.fullmatch(r"[A-Z`].{14,}\.", sentence) for sentence in row[2:])


def test_every_error_says_what_it_is_where_it_is_defined():
    errors = [*subclasses(Refusal), *subclasses(RoutingError)]

    assert all(len(error.__doc__ or "") > 20 for error in errors)


# --- Commands ---------------------------------------------------------------------


def commands() -> list[str]:
    return sorted(
        path.stem
        for app in APPS
        for path in (ROOT / app / "management" / "commands").glob("*.py")
        if path.stem != "__init__"
    )


@pytest.mark.parametrize("command", commands())
def test_every_management_command_is_called_by_a_test(command):
    called = re.compile(rf'(?:call_command\(|command\(|manage\.py",)\s*"{command}"')
    tests = (ROOT / "tests").rglob("*.py")

    assert any(called.search(path.read_text()) for path in tests)


@pytest.mark.parametrize("command", commands())
def test_every_management_command_says_what_it_does(command):
    [source] = [
        path
        for app in APPS
        for path in (ROOT / app / "management" / "commands").glob(f"{command}.py")
    ]

    assert re.search(r'^    help = "[A-Z][^"]{20,}', source.read_text(), re.M)


# --- The example of an environment, and the documents ------------------------------


def test_no_document_speaks_of_a_setting_that_is_not_there():
    known = set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    told = set(
        re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", (ROOT / "docs/errors.md").read_text())
    )

    assert told - set(expected_errors()) <= known
