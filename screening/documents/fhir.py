"""A signed report as a FHIR R4 document: one Bundle, in which everything is.

It is a document, not a collection: a composition that somebody attests, with what it
refers to. The child is known by the clinic's case identifier and by nothing else.
The same report always gives the same bundle.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5
from xml.sax.saxutils import escape

from milestones.checklist import items
from screening.documents import fhir_codes as codes
from screening.documents.fhir_codes import coding, concept
from screening.documents.signed import (
    ADDENDUM_NOT_WHOLE,
    CREDIT,
    DISCLAIMER,
    NOT_WHOLE,
    Addition,
    SignedReport,
)

TITLE = "Developmental screening report"
NAMES = uuid5(NAMESPACE_URL, codes.OWN)
# What neither a FHIR string nor XML may hold.
NOT_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
Resource = dict[str, Any]


def fhir_bundle(report: SignedReport) -> Resource:
    """Write a signed report as a document Bundle, with who signed it and how.

    Where the content has not the digest that was signed, the document is marked as
    entered in error, says so in words, and carries neither attester nor signature.
    """
    refs = _References(report)
    # With an addendum more it is another document.
    own = refs.id_of("/".join(["bundle", *(each.digest for each in report.additions)]))
    resources: dict[str, Resource] = {
        "composition": _composition(report, refs),
        "patient": _patient(report),
        "clinic": _clinic(report),
        "signer": _person(report.signer),
        **{f"signer-{a.number}": _person(a.signer) for a in report.additions},
        "risk": _risk(report, refs),
    }
    if report.reported.answers:
        resources["checklist"] = _checklist(report, refs)
    if report.is_whole:
        resources["provenance"] = _provenance(report, refs)
    for each in report.additions:
        if each.is_whole:
            resources[f"provenance-{each.number}"] = _provenance_of(each, refs)
    return {
        "resourceType": "Bundle",
        "id": str(own),
        "identifier": {"system": "urn:ietf:rfc:3986", "value": own.urn},
        "type": "document",
        "timestamp": _instant(report.last_signed_at),
        "entry": [
            {"fullUrl": refs.id_of(name).urn, "resource": _with_id(body, name, refs)}
            for name, body in resources.items()
        ],
    }


class _References:
    """The names of the resources of one report: the same whenever it is written."""

    def __init__(self, report: SignedReport) -> None:
        self.report = report

    def id_of(self, name: str) -> UUID:
        """Return a resource's id, which only this report's has."""
        return uuid5(NAMES, f"{self.report.job_id}/{self.report.digest}/{name}")

    def to(self, name: str) -> dict[str, str]:
        """Refer to a resource of the bundle."""
        return {"reference": self.id_of(name).urn}


# --- The document ------------------------------


def _composition(report: SignedReport, refs: _References) -> Resource:
    status = "amended" if report.additions else "final"
    composition: Resource = {
        "resourceType": "Composition",
        "language": "en-GB",
        "identifier": {"system": codes.JOBS, "value": report.job_id},
        "status": status if report.is_whole else "entered-in-error",
        "type": concept(codes.DOCUMENT_TYPE, "screening-report"),
        "subject": refs.to("patient"),
        "date": _instant(report.signed_at),
        "author": [refs.to("signer")],
        "title": TITLE,
        "custodian": refs.to("clinic"),
        "section": list(_sections(report, refs)),
    }
    if report.is_whole:
        composition["attester"] = [
            {
                "mode": "professional",
                "time": _instant(report.signed_at),
                "party": refs.to("signer"),
            }
        ]
    return composition


def _sections(report: SignedReport, refs: _References) -> Iterable[Resource]:
    if not report.is_whole:
        yield _section("not-whole", [NOT_WHOLE])
    risk = codes.CODES[codes.RISK].get(report.risk, report.risk)
    yield _section("risk", [risk, DISCLAIMER]) | {"entry": [refs.to("risk")]}
    texts = {
        "summary": report.summary,
        "recommendations": report.recommendations,
        "family-text": report.parent_text.split("\n"),
    }
    for code, lines in texts.items():
        if any(line.strip() for line in lines):
            yield _section(code, lines)
    if report.reported.answers:
        yield _section("checklist", [CREDIT]) | {"entry": [refs.to("checklist")]}
    for each in report.additions:
        said = [] if each.is_whole else [ADDENDUM_NOT_WHOLE]
        section = _section("addendum", [*said, *each.text.split("\n")])
        section["title"] = f"Addendum {each.number}"
        section["author"] = [refs.to(f"signer-{each.number}")]
        yield section


def _section(code: str, lines: Iterable[str]) -> Resource:
    words = concept(codes.SECTION, code)
    paragraphs = "".join(
        f"<p>{escape(clean(line))}</p>" for line in lines if line.strip()
    )
    return {
        "title": words["text"],
        "code": words,
        "text": {
            "status": "additional",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{paragraphs}</div>',
        },
    }


def _patient(report: SignedReport) -> Resource:
    system = codes.cases_of(report.clinic_slug)
    return {
        "resourceType": "Patient",
        "identifier": [{"system": system, "value": clean(report.case_id)}],
    }


def _clinic(report: SignedReport) -> Resource:
    return {"resourceType": "Organization", "name": clean(report.clinic)}


def _person(name: str) -> Resource:
    return {"resourceType": "Practitioner", "name": [{"text": clean(name)}]}


# --- What it says ------------------------------


def _risk(report: SignedReport, refs: _References) -> Resource:
    risk: Resource = {
        "resourceType": "RiskAssessment",
        "identifier": [{"system": codes.JOBS, "value": report.job_id}],
        "status": "final" if report.is_whole else "entered-in-error",
        "subject": refs.to("patient"),
        "occurrenceDateTime": _instant(report.signed_at),
        "performer": refs.to("signer"),
        "prediction": [{"qualitativeRisk": concept(codes.RISK, report.risk)}],
        "note": [{"text": DISCLAIMER}],
    }
    if report.reported.answers:
        risk["basis"] = [refs.to("checklist")]
    if advice := [line for line in report.recommendations if line.strip()]:
        risk["mitigation"] = clean("\n".join(advice))
    if report.reason.strip():
        risk["note"].append({"text": clean(f"Reason: {report.reason}")})
    return risk


def _checklist(report: SignedReport, refs: _References) -> Resource:
    """Write the answers as they were sent, each under its item's key."""
    answers: Mapping[str, str] = report.reported.answers
    known = items()
    order = {key: n for n, key in enumerate(known)}
    keys = sorted(answers, key=lambda key: (order.get(key, len(order)), key))
    return {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": codes.QUESTIONNAIRE,
        "status": "completed",
        "subject": refs.to("patient"),
        "authored": _instant(report.reported.screened_at),
        "item": [
            {
                "linkId": key,
                **({"text": known[key].label} if key in known else {}),
                "answer": [_answer(answers[key])],
            }
            for key in keys
        ],
    }


def _answer(value: str) -> Resource:
    if value in codes.CODES[codes.ANSWER]:
        return {"valueCoding": coding(codes.ANSWER, value)}
    return {"valueString": clean(value)}


# --- Who signed it ------------------------------


def _provenance(report: SignedReport, refs: _References) -> Resource:
    """Say who signed what and when, and what the draft was that they began from."""
    provenance = _signed(
        report.digest,
        report.signed_at,
        "signer",
        refs,
        targets=[refs.to("composition"), refs.to("risk")],
    )
    provenance["activity"] = concept(codes.OUTCOME, report.outcome)
    provenance["reason"] = [{"text": clean(report.meaning)}]
    provenance["agent"][0]["onBehalfOf"] = refs.to("clinic")
    if not report.model_id.strip():
        return provenance
    model = clean(report.model_id)
    provenance["contained"] = [
        {
            "resourceType": "Device",
            "id": "model",
            "deviceName": [{"name": model, "type": "model-name"}],
            "type": {"text": "Model that wrote the draft"},
        }
    ]
    provenance["entity"] = [
        {
            "role": "derivation",
            "what": {
                "identifier": {"system": codes.JOBS, "value": report.job_id},
                "display": "Draft, which no clinician had signed",
            },
            "agent": [
                {
                    "type": concept(codes.PARTICIPANT, "author"),
                    "who": {"reference": "#model", "display": model},
                }
            ],
        }
    ]
    return provenance


def _provenance_of(each: Addition, refs: _References) -> Resource:
    """Say who signed an addendum and when."""
    name = f"signer-{each.number}"
    targets = [refs.to("composition")]
    provenance = _signed(each.digest, each.signed_at, name, refs, targets=targets)
    provenance["activity"] = {"text": f"Addendum {each.number} signed"}
    return provenance


def _signed(
    digest: str,
    moment: datetime,
    signer: str,
    refs: _References,
    *,
    targets: list[dict[str, str]],
) -> Resource:
    return {
        "resourceType": "Provenance",
        "extension": [{"url": codes.DIGEST, "valueString": digest}],
        "target": targets,
        "recorded": _instant(moment),
        "agent": [
            {
                "type": concept(codes.PARTICIPANT, "verifier"),
                "who": refs.to(signer),
            }
        ],
        "signature": [
            {
                "type": [coding(codes.SIGNATURE, codes.VERIFIED)],
                "when": _instant(moment),
                "who": refs.to(signer),
            }
        ],
    }


# --- Values ------------------------------


def clean(text: str) -> str:
    """Return a text as a FHIR string may be: never empty, nothing XML has not got."""
    kept = NOT_TEXT.sub("\ufffd", text)
    return kept if kept.strip() else "\ufffd"


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _with_id(body: Resource, name: str, refs: _References) -> Resource:
    return {"resourceType": body["resourceType"], "id": str(refs.id_of(name)), **body}
