"""Two readers differ: a third person decides between them, and the first signs that."""

from __future__ import annotations

import pytest

from tests.browser.checks import findings
from tests.browser.lowered import (
    HIDDEN,
    NOTE,
    SUMMARY,
    lower_refer,
    read_second,
)
from tests.browser.pages import JOB, LIST
from tests.browser.steps import (
    choose_risk,
    open_case,
    press,
    report_of,
    row_of,
    sign,
    words_of,
)

pytestmark = [pytest.mark.browser, pytest.mark.system]
LOOKS = [(1440, False), (1440, True), (768, False), (320, False)]
AUDIT = "/admin/audit/audit/"
SECOND_VIEW = "A lost skill is a lost skill."
DECISION = "Both of you are right about the fever."


def decide(third, risk):
    """Decide between two readers, on the open page of the case."""
    choose_risk(third, risk)
    third.page.get_by_label("Why").fill(DECISION)
    press(third, "Decide")


def deciders(*readers):
    """Count the buttons that decide, on the open page of each of them."""
    return [each.page.get_by_role("button", name="Decide").count() for each in readers]


def lists_that_name(reader, case_id):
    """Return the other lists in which somebody is told of the case."""
    found = []
    for path in (JOB, AUDIT):
        reader.open(path)
        if case_id in words_of(reader):
            found.append(path)
    return found


@pytest.fixture
def differing(clinic, window, request):
    """A case about which two readers differ, and the windows of both."""
    case_id = f"THIRD-{request.node.name[-18:]}"
    first, second = window(clinic, "osei"), window(clinic, "lind")
    job_id = lower_refer(clinic, first, case_id)
    read_second(clinic, second, job_id, "Refer", SECOND_VIEW)
    return case_id, job_id, first, second


@pytest.mark.parametrize("risk", ["Refer", "Monitor"])
def test_the_first_reader_signs_what_a_third_person_decided(
    clinic, window, differing, risk
):
    case_id, job_id, first, second = differing
    third = window(clinic, "weiss")
    open_case(third, case_id)
    told = words_of(third)
    assert "The two readers differ." in told
    assert [each for each in (SUMMARY, NOTE, SECOND_VIEW) if each not in told] == []
    assert not (wrong := findings(third, LOOKS)), wrong
    third.look(1440, dark=False)
    for reader in (first, second):
        reader.open(clinic.page_of(job_id))
    assert deciders(first, second, third) == [0, 0, 1]

    decide(third, risk)

    assert "Your decision is stored." in third.page.inner_text("ul.messagelist")
    for reader in (first, second, third):
        reader.open(clinic.page_of(job_id))
        assert f"Weiss decided {risk}: {DECISION}" in words_of(reader)
    assert deciders(first, second, third) == [0, 0, 0]
    assert third.page.locator("[name=_save], [name=_sign_off]").count() == 0
    if risk == "Refer":
        assert "Sign Refer, as was decided" in words_of(first)
        choose_risk(first, risk)
    press(first, "Sign off…")
    assert "Second read by Lind; decided by Weiss" in words_of(first)
    sign(first, risk)
    press(first, "Release the report")

    report = report_of(clinic, case_id).json()
    assert (report["risk"], report["signed_by"]) == (risk.lower(), "Osei")
    assert report["summary"] == [SUMMARY]
    for reader in (second, third):
        reader.open(clinic.page_of(job_id))
        assert SUMMARY in words_of(reader)
        assert "Released" in words_of(reader)


def test_nothing_but_what_was_decided_is_signed(clinic, window, differing):
    case_id, job_id, first, _ = differing
    third = window(clinic, "weiss")
    open_case(third, case_id)
    decide(third, "Refer")

    first.open(clinic.page_of(job_id, "sign-off"))

    assert "Sign Refer, as was decided" in words_of(first)
    assert first.page.get_by_label("Your password").count() == 0
    assert report_of(clinic, case_id).status_code == 404


def test_a_decision_is_made_once(clinic, window, differing):
    case_id, _, _, _ = differing
    one, other = window(clinic, "weiss"), window(clinic, "weiss")
    open_case(one, case_id)
    open_case(other, case_id)
    decide(one, "Refer")

    decide(other, "Monitor")

    assert "It is decided already." in other.page.inner_text("ul.messagelist")
    assert "Weiss decided Refer" in words_of(other)


def test_whoever_may_decide_reads_blind_until_the_second_view_is_given(clinic, window):
    case_id = "THIRD-BLIND"
    job_id = lower_refer(clinic, window(clinic, "osei"), case_id)
    third = window(clinic, "weiss")

    for step in ("change", "sign-off"):
        third.open(clinic.page_of(job_id, step))
        assert third.path == clinic.page_of(job_id, "second-read")
        assert [words for words in HIDDEN if words in third.source()] == []
    third.open(f"{JOB}{job_id}/change/")
    assert third.path == LIST
    assert lists_that_name(third, case_id) == []

    read_second(clinic, window(clinic, "lind"), job_id, "Refer", SECOND_VIEW)

    assert lists_that_name(third, case_id) == [JOB, AUDIT]


def test_a_person_of_another_clinic_hears_nothing_of_the_readers(
    clinic, window, differing
):
    case_id, job_id, _, _ = differing
    stranger = window(clinic, "stranger")
    stranger.open(LIST)
    assert row_of(stranger, case_id).count() == 0

    stranger.open(clinic.page_of(job_id))

    assert stranger.path == "/admin/"
    for words in (case_id, SUMMARY, NOTE, SECOND_VIEW):
        assert words not in stranger.source()
