"""An invented signed report, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from milestones.checklist import checklist
from screening.documents.signed import Addition, Reported, SignedReport

AT = datetime(2026, 11, 24, 15, 18, 22, tzinfo=UTC)
DIGEST = "3e1f77a0c2d49b1588ad02c6f7b1e3405c9d7a21b60e94f31f08e2a7d4c5b966"
OTHER_DIGEST = DIGEST[::-1]
ANSWERS = {item.key: "yes" for item in checklist(15)} | {
    "15m.social_emotional.hugs_doll": "not_sure",
    "15m.language.points_to_ask": "not_yet",
}


def a_report(**given: Any) -> SignedReport:
    """Make a signed report in which only what is given is another's."""
    values: dict[str, Any] = {
        "job_id": "6a1de8a3-2b6a-4a3e-9d9e-000000000001",
        "case_id": "RC-2041",
        "clinic": "Riverside Children's Clinic",
        "clinic_slug": "riverside",
        "version": 7,
        "risk": "refer",
        "summary": ("Uses no words besides mama and dada.", "Plays as expected."),
        "recommendations": ("Refer for a language evaluation.",),
        "parent_text": "Your child enjoys playing.\nWords come slowly.",
        "outcome": "overrode",
        "meaning": "I have read what was reported. This report is my own assessment.",
        "reason": "Checklist weighs more: two language items.",
        "model_id": "draft-model-zq",
        "signer": "Dr Amara Osei",
        "signed_at": AT,
        "digest": DIGEST,
        "is_whole": True,
        "released_at": AT,
        "family_approved_at": AT,
        "additions": (),
        "reported": Reported(
            screened_at=AT - timedelta(hours=2),
            age_months=20,
            gestational_weeks=29,
            answers=ANSWERS,
        ),
        "zone": ZoneInfo("America/New_York"),
    }
    return SignedReport(**(values | given))


def an_addition(**given: Any) -> Addition:
    """Make an addendum in which only what is given is another's."""
    values: dict[str, Any] = {
        "number": 1,
        "text": "The hearing test was normal.",
        "signer": "Dr Lin Park",
        "signed_at": AT + timedelta(days=9),
        "digest": OTHER_DIGEST,
        "is_whole": True,
    }
    return Addition(**(values | given))
