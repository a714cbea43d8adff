"""An event as a FHIR AuditEvent: valid, with known codes alone, the same each time."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.actions import Action
from audit.context import Surroundings
from audit.entries import Event, text_of
from audit.fhir import ACTIONS, CODES, NOT_TEXT, OWN, audit_event, type_of
from screening.documents import fhir_codes

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fhir.resources.R4B.auditevent import AuditEvent

EVENT_ID = UUID("6a1de8a3-2b6a-4a3e-9d9e-000000000001")
JOB_ID = UUID("6a1de8a3-2b6a-4a3e-9d9e-000000000002")
AT = "2026-11-24T15:18:22.123456Z"
WORDS = dict(Action.choices)
FULL: dict[str, Any] = {
    "actor": "user:17",
    "clinic": "riverside",
    "case_id": "RC-2041",
    "job_id": JOB_ID,
    "attempt": 2,
    "detail": {"digest": "ab" * 32, "fields": ["risk", "note"], "is_cut": False},
}
BARE: dict[str, Any] = {"actor": "worker:host-1"}


def fields_of(action: Action, *, request_id: str = "", **given: Any) -> dict[str, Any]:
    """Return an event as its text in the log has it."""
    text = text_of(
        Event(action=action, **given),
        event_id=EVENT_ID,
        request_id=request_id,
        around=Surroundings(
            service="desk", address="192.0.2.7", role=lambda: "reviewer"
        ),
        version="1.2.3",
    )
    return json.loads(f"{text.before}{AT}{text.after}")


def resource(action: Action, **given: Any) -> dict[str, Any]:
    return audit_event(fields_of(action, **given), WORDS)


def is_valid(found: dict[str, Any]) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bool(AuditEvent.model_validate_json(json.dumps(found)))


def codings(value: Any) -> Iterator[dict[str, str]]:
    """Go through every code with a system."""
    if isinstance(value, dict):
        if {"system", "code"} <= set(value):
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from codings(each)


@pytest.mark.parametrize("action", Action)
def test_every_action_is_a_valid_audit_event_with_known_codes(action):
    for values in (FULL, BARE):
        found = resource(action, **values)

        assert is_valid(found)
        for coding in codings(found):
            if coding["system"] == ACTIONS:
                assert coding["display"] == action.label
            else:
                assert CODES[coding["system"]][coding["code"]] == coding["display"]


def test_it_says_who_did_what_when_why_from_where_and_to_whom():
    found = resource(Action.REVIEW_SIGNED, request_id="req-1", **FULL)

    assert found["recorded"] == AT
    assert (found["action"], found["outcome"]) == ("U", "0")
    assert found["purposeOfEvent"][0]["coding"][0]["code"] == "TREAT"
    [agent] = found["agent"]
    assert agent["who"]["identifier"]["value"] == "user:17"
    assert agent["role"] == [{"text": "reviewer"}]
    assert agent["network"] == {"address": "192.0.2.7", "type": "2"}
    assert found["source"]["observer"] == {"display": "desk 1.2.3"}
    case, job, request, detail = found["entity"]
    assert case["what"]["identifier"] == {
        "system": fhir_codes.cases_of("riverside"),
        "value": "RC-2041",
    }
    assert job["what"]["identifier"] == {
        "system": fhir_codes.JOBS,
        "value": str(JOB_ID),
    }
    assert job["detail"] == [{"type": "attempt", "valueString": "2"}]
    assert request["what"]["identifier"]["value"] == "req-1"
    assert {"type": "fields", "valueString": '["risk", "note"]'} in detail["detail"]


@pytest.mark.parametrize(
    ("action", "outcome"),
    [
        (Action.LOGIN_SUCCEEDED, "0"),
        (Action.LOGIN_FAILED, "4"),
        (Action.REVIEW_SIGN_REFUSED, "4"),
        (Action.JOB_FAILED, "8"),
    ],
)
def test_a_refusal_is_a_minor_failure_and_a_failure_a_serious_one(action, outcome):
    assert resource(action, **BARE)["outcome"] == outcome


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (Action.LOGIN_FAILED, "User Authentication"),
        (Action.EVIDENCE_EXPORTED, "Export"),
        (Action.AUDIT_PROVEN, "Audit Log Used"),
        (Action.PERSON_ROLE_CHANGED, "Security Alert"),
        (Action.REPORT_READ, "Patient Record"),
        (Action.AGENT_CALLED, "Application Activity"),
    ],
)
def test_the_kind_is_dicoms(action, kind):
    assert (
        CODES["http://dicom.nema.org/resources/ontology/DCM"][type_of(action)] == kind
    )


def test_the_same_event_is_the_same_resource():
    assert json.dumps(resource(Action.JOB_STARTED, **FULL)) == json.dumps(
        resource(Action.JOB_STARTED, **FULL)
    )


def test_our_names_are_those_of_the_reports():
    assert OWN == fhir_codes.OWN


STORED = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50
)


@given(STORED, STORED, st.dictionaries(st.just("said"), STORED))
def test_whatever_is_stored_it_stays_valid(case_id, actor, detail):
    found = resource(
        Action.JOB_STARTED,
        actor=f"key:{actor}",
        clinic="riverside",
        case_id=case_id,
        detail=detail,
    )

    assert is_valid(found)
    assert not NOT_TEXT.search(json.dumps(found, ensure_ascii=False))
