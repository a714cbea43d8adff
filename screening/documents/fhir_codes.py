"""Every code and system address that a FHIR bundle may hold, in one table.

Where no public code is known to be right, the code is our own, under an address that
leads nowhere by design (RFC 2606): LOINC 56962-1, once used for this, is no valid code.
Tests hold a bundle to this table: validation of its structure looks at no code.
"""

from __future__ import annotations

from typing import Any

OWN = "https://pediscreen.invalid/fhir"
DOCUMENT_TYPE = f"{OWN}/CodeSystem/document"
SECTION = f"{OWN}/CodeSystem/section"
RISK = f"{OWN}/CodeSystem/risk"
ANSWER = f"{OWN}/CodeSystem/answer"
OUTCOME = f"{OWN}/CodeSystem/outcome"
JOBS = f"{OWN}/NamingSystem/job"
DIGEST = f"{OWN}/StructureDefinition/content-sha256"
QUESTIONNAIRE = f"{OWN}/Questionnaire/milestones-2022"

PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
SIGNATURE = "urn:iso-astm:E1762-95:2013"

CODES: dict[str, dict[str, str]] = {
    DOCUMENT_TYPE: {"screening-report": "Developmental screening report"},
    SECTION: {
        "risk": "Risk",
        "summary": "Summary",
        "recommendations": "Recommendations",
        "family-text": "For the family",
        "checklist": "Checklist",
        "addendum": "Addendum",
        "not-whole": "Not the text that was signed",
    },
    RISK: {
        "on_track": "On track",
        "monitor": "Monitor",
        "discuss": "Discuss",
        "refer": "Refer",
        "unclassified": "No usable answer",
    },
    ANSWER: {"yes": "Yes", "not_yet": "Not yet", "not_sure": "Not sure"},
    OUTCOME: {
        "approved": "Signed as drafted",
        "modified": "Signed with changes",
        "overrode": "Signed with a different risk",
    },
    PARTICIPANT: {"author": "Author", "verifier": "Verifier"},
    SIGNATURE: {"1.2.840.10065.1.12.1.5": "Verification Signature"},
}
VERIFIED = "1.2.840.10065.1.12.1.5"


def cases_of(clinic: str) -> str:
    """Return the system of a clinic's own case identifiers."""
    return f"{OWN}/NamingSystem/clinics/{clinic}/cases"


def coding(system: str, code: str) -> dict[str, Any]:
    """Return a code of the table with its words; any other is no code at all."""
    return {"system": system, "code": code, "display": CODES[system][code]}


def concept(system: str, code: str, text: str = "") -> dict[str, Any]:
    """Return a concept; a value that is not in the table is told in words alone."""
    if code not in CODES[system]:
        return {"text": text or code}
    found = coding(system, code)
    return {"coding": [found], "text": text or found["display"]}
