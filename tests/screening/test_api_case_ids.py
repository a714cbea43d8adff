"""case_id: the clinic's own identifier, readable, and one case for the same id."""

from __future__ import annotations

import json
import sys
import unicodedata
from contextlib import suppress

import pytest
from rest_framework.exceptions import ValidationError

from screening.api.serializers import SubmissionSerializer
from screening.models import Case, Job

LETTERS = "Anna"


def submit(api, **fields):
    return api.post(
        "/api/submit", data=json.dumps(fields), content_type="application/json"
    )


@pytest.mark.parametrize(
    "case_id",
    [
        *["a", "0", "-", ".", "x" * 128, "👶" * 128, "Jürgen Müller", "case 7/b"],
        *["../../etc/passwd", "'; DROP TABLE screening_case; --", "{{7*7}}", "%00"],
        *["<b>", "=HYPERLINK(1)", "a  b", "安娜", "Ａｎｎａ"],  # noqa: RUF001
    ],
)
def test_a_visible_identifier_is_taken_and_answered_as_it_came(api, case_id):
    response = submit(api, case_id=case_id)

    assert response.status_code == 200, response.content
    assert response.json()["case_id"] == case_id
    assert Case.objects.get().case_id == case_id


@pytest.mark.parametrize(
    "case_id",
    [
        pytest.param("", id="empty"),
        pytest.param("x" * 129, id="129 characters"),
        pytest.param(" Anna", id="space at the start"),
        pytest.param("Anna ", id="space at the end"),
        pytest.param(" ", id="space alone"),
        pytest.param("Anna\u00a0", id="no-break space at the end"),
        pytest.param("\u3000Anna", id="ideographic space at the start"),
        *(
            pytest.param(f"{LETTERS[:place]}{chr(code)}{LETTERS[place:]}", id=name)
            for name, code, place in [
                ("newline inside", 0x0A, 2),
                ("newline at the end", 0x0A, 4),
                ("carriage return at the end", 0x0D, 4),
                ("tab inside", 0x09, 2),
                ("escape inside", 0x1B, 2),
                ("delete inside", 0x7F, 2),
                ("C1 control inside", 0x85, 2),
                ("last C1 control", 0x9F, 2),
                ("soft hyphen", 0xAD, 2),
                ("Arabic letter mark", 0x61C, 2),
                ("Mongolian vowel separator", 0x180E, 2),
                ("zero-width space", 0x200B, 2),
                ("zero-width joiner at the end", 0x200D, 4),
                ("right-to-left mark", 0x200F, 2),
                ("line separator", 0x2028, 2),
                ("right-to-left override", 0x202E, 2),
                ("word joiner", 0x2060, 2),
                ("right-to-left isolate", 0x2067, 2),
                ("byte-order mark", 0xFEFF, 0),
                ("interlinear annotation", 0xFFF9, 2),
                ("tag letter", 0xE0041, 2),
            ]
        ),
    ],
)
def test_an_identifier_that_is_not_what_it_looks_like_is_refused(api, case_id):
    response = submit(api, case_id=case_id)

    assert (response.status_code, response.json()["code"]) == (422, "VALIDATION_ERROR")
    assert set(response.json()["details"]) == {"case_id"}
    assert not Case.objects.exists()
    assert not Job.objects.exists()


def test_no_control_or_format_character_is_taken_that_cannot_be_seen():
    field = SubmissionSerializer().fields["case_id"]
    # Signs of scripts and notations, though Unicode calls them format characters.
    visible = {
        *[*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD],
        *[*range(0x13430, 0x13440), *range(0x1BCA0, 0x1BCA4)],
        *range(0x1D173, 0x1D17B),
    }

    taken = set()
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)) in {"Cc", "Cf", "Zl", "Zp"}:
            with suppress(ValidationError):
                field.run_validation(f"a{chr(code)}a")
                taken.add(code)

    assert taken <= visible


def test_the_same_identifier_again_is_the_same_case(api):
    first = submit(api, case_id="anna", age_months=24)
    second = submit(api, case_id="anna", age_months=30)

    assert first.json()["job_id"] != second.json()["job_id"]
    case = Case.objects.get()
    assert case.jobs.count() == 2


def test_identifiers_that_differ_by_case_are_two_cases(api):
    submit(api, case_id="anna")
    submit(api, case_id="Anna")

    assert set(Case.objects.values_list("case_id", flat=True)) == {"anna", "Anna"}


def test_two_submissions_without_an_identifier_are_two_cases(api):
    first = submit(api)
    second = submit(api)

    assert first.json()["case_id"] != second.json()["case_id"]
    assert Case.objects.count() == 2
