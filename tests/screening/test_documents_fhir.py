"""A signed report as FHIR: valid, with known codes alone, and without a name."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from screening.documents import fhir_codes
from screening.documents.fhir import clean, fhir_bundle
from screening.documents.signed import CREDIT, DISCLAIMER, NOT_WHOLE, Reported
from tests.screening.signed_reports import (
    ANSWERS,
    AT,
    DIGEST,
    OTHER_DIGEST,
    a_report,
    an_addition,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fhir.resources.R4B.bundle import Bundle

TEXT = st.text(st.characters(), max_size=200)


def by_type(bundle: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    found = [entry["resource"] for entry in bundle["entry"]]
    return [resource for resource in found if resource["resourceType"] == kind]


def one(bundle: dict[str, Any], kind: str) -> dict[str, Any]:
    [found] = by_type(bundle, kind)
    return found


def walk(value: Any) -> Iterator[dict[str, Any]]:
    """Go through every object of a bundle."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from walk(each)


def is_valid(bundle: dict[str, Any]) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bool(Bundle.model_validate_json(json.dumps(bundle)))


REPORTS = {
    "usual": a_report(),
    "added to": a_report(additions=(an_addition(), an_addition(number=2))),
    "altered": a_report(is_whole=False),
    "altered addendum": a_report(additions=(an_addition(is_whole=False),)),
    "almost empty": a_report(
        summary=(),
        recommendations=(" ",),
        parent_text="",
        reason="",
        model_id="",
        reported=Reported(screened_at=AT),
    ),
    "unknown items": a_report(
        reported=Reported(screened_at=AT, answers={"99m.other.thing": "perhaps"})
    ),
    "no text that XML has": a_report(summary=("a\0\x0b\ufffe<b>&",), signer="\ud800"),
}
reports = pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)


@reports
def test_the_bundle_is_valid(report):
    assert is_valid(fhir_bundle(report))


@reports
def test_every_code_is_in_the_table_of_codes_that_are_known_to_be_right(report):
    for found in walk(fhir_bundle(report)):
        if "system" in found and "code" in found:
            assert fhir_codes.CODES[found["system"]][found["code"]] == found["display"]


@reports
def test_every_reference_leads_to_a_resource_of_the_bundle(report):
    bundle = fhir_bundle(report)
    known = {entry["fullUrl"] for entry in bundle["entry"]} | {"#model"}

    asked = {found["reference"] for found in walk(bundle) if "reference" in found}

    assert asked <= known
    assert len(known) == len(bundle["entry"]) + 1
    for entry in bundle["entry"]:
        assert entry["fullUrl"] == f"urn:uuid:{entry['resource']['id']}"


def test_a_code_that_is_not_in_the_table_is_told_in_words():
    assert fhir_codes.concept(fhir_codes.RISK, "grave") == {"text": "grave"}
    with pytest.raises(KeyError):
        fhir_codes.coding(fhir_codes.RISK, "grave")


def test_systems_of_our_own_lead_nowhere():
    ours = [system for system in fhir_codes.CODES if system.startswith(fhir_codes.OWN)]

    assert len(ours) == 5
    assert fhir_codes.OWN.startswith("https://pediscreen.invalid/")
    assert "56962-1" not in str(fhir_codes.CODES)


def test_it_is_a_document_that_begins_with_its_composition():
    bundle = fhir_bundle(a_report())

    assert bundle["type"] == "document"
    assert bundle["entry"][0]["resource"]["resourceType"] == "Composition"
    assert bundle["timestamp"] == "2026-11-24T15:18:22Z"
    assert bundle["identifier"]["value"] == f"urn:uuid:{bundle['id']}"


def test_the_child_is_known_by_the_clinics_case_and_by_nothing_else():
    patient = one(fhir_bundle(a_report()), "Patient")

    assert set(patient) == {"resourceType", "id", "identifier"}
    assert patient["identifier"] == [
        {
            "system": f"{fhir_codes.OWN}/NamingSystem/clinics/riverside/cases",
            "value": "RC-2041",
        }
    ]


def test_the_sections_are_what_was_signed():
    sections = one(fhir_bundle(a_report()), "Composition")["section"]

    titles = [section["title"] for section in sections]
    assert titles == [
        "Risk",
        "Summary",
        "Recommendations",
        "For the family",
        "Checklist",
    ]
    told = {s["title"]: s["text"]["div"] for s in sections}
    assert "<p>Refer</p>" in told["Risk"]
    assert DISCLAIMER in told["Risk"]
    assert "<p>Plays as expected.</p>" in told["Summary"]
    assert "<p>Your child enjoys playing.</p><p>Words" in told["For the family"]
    assert CREDIT in told["Checklist"]


def test_the_risk_is_a_code_of_our_own_with_what_it_rests_on():
    bundle = fhir_bundle(a_report())
    risk = one(bundle, "RiskAssessment")

    assert risk["status"] == "final"
    assert risk["prediction"][0]["qualitativeRisk"]["coding"][0]["code"] == "refer"
    assert risk["mitigation"] == "Refer for a language evaluation."
    answers = one(bundle, "QuestionnaireResponse")
    assert risk["basis"] == [{"reference": f"urn:uuid:{answers['id']}"}]
    assert "Checklist weighs more" in risk["note"][1]["text"]


def test_each_answer_stands_under_its_items_key():
    answers = one(fhir_bundle(a_report()), "QuestionnaireResponse")

    given_ = {
        item["linkId"]: item["answer"][0]["valueCoding"]["code"]
        for item in answers["item"]
    }
    assert given_ == ANSWERS
    assert answers["item"][0]["linkId"] == next(iter(ANSWERS))
    assert answers["status"] == "completed"
    assert answers["authored"] == "2026-11-24T13:18:22Z"


def test_the_provenance_says_who_signed_and_which_model_drafted():
    provenance = one(fhir_bundle(a_report()), "Provenance")

    assert provenance["recorded"] == "2026-11-24T15:18:22Z"
    assert provenance["extension"][0]["valueString"] == DIGEST
    assert provenance["activity"]["coding"][0]["code"] == "overrode"
    assert provenance["signature"][0]["when"] == "2026-11-24T15:18:22Z"
    [model] = provenance["contained"]
    assert model["deviceName"][0]["name"] == "draft-model-zq"
    [draft] = provenance["entity"]
    assert draft["agent"][0]["who"]["reference"] == "#model"
    assert draft["role"] == "derivation"


def test_without_a_draft_no_model_is_named():
    provenance = one(fhir_bundle(a_report(model_id="")), "Provenance")

    assert not {"entity", "contained"} & set(provenance)


def test_an_addendum_amends_the_document_under_its_own_signature():
    bundle = fhir_bundle(a_report(additions=(an_addition(),)))

    composition = one(bundle, "Composition")
    assert composition["status"] == "amended"
    assert composition["section"][-1]["title"] == "Addendum 1"
    assert "hearing test was normal" in composition["section"][-1]["text"]["div"]
    digests = [p["extension"][0]["valueString"] for p in by_type(bundle, "Provenance")]
    assert digests == [DIGEST, OTHER_DIGEST]
    assert bundle["id"] != fhir_bundle(a_report())["id"]
    assert bundle["timestamp"] == "2026-12-03T15:18:22Z"


def test_altered_content_is_an_error_that_nobody_attests():
    bundle = fhir_bundle(a_report(is_whole=False))

    composition = one(bundle, "Composition")
    assert composition["status"] == "entered-in-error"
    assert "attester" not in composition
    assert NOT_WHOLE in composition["section"][0]["text"]["div"]
    assert one(bundle, "RiskAssessment")["status"] == "entered-in-error"
    assert not by_type(bundle, "Provenance")
    assert "signature" not in json.dumps(bundle).replace("the signature", "")


def test_an_altered_addendum_has_no_provenance():
    bundle = fhir_bundle(a_report(additions=(an_addition(is_whole=False),)))

    assert len(by_type(bundle, "Provenance")) == 1
    told = one(bundle, "Composition")["section"][-1]["text"]["div"]
    assert "This is not the text that was signed." in told


def test_the_same_report_gives_the_same_bundle():
    report = a_report(additions=(an_addition(),))

    assert json.dumps(fhir_bundle(report)) == json.dumps(fhir_bundle(report))


def test_markup_in_a_text_is_text():
    sections = one(fhir_bundle(a_report(summary=("<b>&amp;",))), "Composition")[
        "section"
    ]

    assert "<p>&lt;b&gt;&amp;amp;</p>" in sections[1]["text"]["div"]


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(text=TEXT, line=TEXT)
def test_whatever_was_written_the_bundle_is_valid(text, line):
    report = a_report(
        case_id=line,
        clinic=text,
        summary=(text, line),
        recommendations=(line,),
        parent_text=text,
        meaning=line,
        reason=text,
        signer=line,
        model_id=text,
        additions=(an_addition(text=line, signer=text),),
    )

    assert is_valid(fhir_bundle(report))
    assert clean(text).strip()
