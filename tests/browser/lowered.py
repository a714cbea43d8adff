"""A refer that its first reader lowers: what is written, and the steps to it."""

from __future__ import annotations

from pediscreen_site.demo.cases import answers
from tests.browser.chromium import Window
from tests.browser.desk import Clinic
from tests.browser.steps import (
    choose_risk,
    give_reason,
    let_family_read,
    open_case,
    press,
)

LOST = {
    "age_months": 18,
    "milestones": answers(18),
    "flags": {"lost_skill": True},
    "observations": "Hums to the cat.",
}
REASON = "Was ill with a fever that week."
NOTE = "A note for whoever comes next."
SUMMARY = "Said no words while ill."
HIDDEN = [
    *("a skill has been lost", "arrange a medical review soon", "take a closer look"),
    *("rules-cdc2022", "cdc2022-", "The reference rules say"),
    *(REASON, NOTE, SUMMARY, "Osei", "osei", "lowered", "Caregiver's concern"),
]
"""The draft, who and what made it, the first reader, and all that one of them wrote."""


def lower_refer(clinic: Clinic, first: Window, case_id: str) -> str:
    """Let a first reader lower the refer of a new case; return the job's id."""
    job_id = clinic.submit(case_id, **LOST)
    open_case(first, case_id)
    choose_risk(first, "Monitor")
    give_reason(first, "Caregiver's concern", REASON)
    first.page.get_by_label("Summary").fill(SUMMARY)
    first.page.get_by_label("Note for colleagues").fill(NOTE)
    let_family_read(first)
    press(first, "Save")
    return job_id


def read_second(
    clinic: Clinic, second: Window, job_id: str, risk: str, why: str
) -> None:
    """Let a second reader send a view of such a case."""
    second.open(clinic.page_of(job_id, "second-read"))
    choose_risk(second, risk)
    second.page.get_by_label("Why").fill(why)
    press(second, "Send my view")
