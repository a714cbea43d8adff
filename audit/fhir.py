"""An event of the log as a FHIR R4 AuditEvent: one resource, from its text alone.

Codes are those of FHIR and DICOM where they say what is meant; what exactly was done is
our own code, under an address that leads nowhere by design (RFC 2606). The same event
always gives the same resource. Plain Python.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

OWN = "https://pediscreen.invalid/fhir"
ACTIONS = f"{OWN}/CodeSystem/audit-action"
ACTORS = f"{OWN}/NamingSystem/audit-actor"
EVENTS = f"{OWN}/NamingSystem/audit-event"
JOBS = f"{OWN}/NamingSystem/job"
REQUESTS = f"{OWN}/NamingSystem/request"
DICOM = "http://dicom.nema.org/resources/ontology/DCM"
ENTITY = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
SOURCE = "http://terminology.hl7.org/CodeSystem/security-source-type"
REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"

CODES: dict[str, dict[str, str]] = {
    DICOM: {
        "110100": "Application Activity",
        "110101": "Audit Log Used",
        "110106": "Export",
        "110110": "Patient Record",
        "110113": "Security Alert",
        "110114": "User Authentication",
    },
    ENTITY: {"1": "Person", "2": "System Object"},
    ROLE: {"1": "Patient", "20": "Job"},
    SOURCE: {"4": "Application Server"},
    REASON: {
        "TREAT": "treatment",
        "HOPERAT": "healthcare operations",
        "HSYSADMIN": "health system administration",
        "HQUALIMP": "health quality improvement",
        "HCOMPL": "health compliance",
    },
}
OUTCOMES = {"success": "0", "refused": "4", "failed": "8"}
OF_CHILD = {"job", "review", "record", "report", "consent", "task"}
TYPES = {
    "login": "110114",
    "session": "110114",
    "audit": "110101",
    **dict.fromkeys(("key", "second_factor", "person", "role", "access"), "110113"),
}
NOT_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
Resource = dict[str, Any]


def audit_event(fields: Mapping[str, Any], words: Mapping[str, str]) -> Resource:
    """Write an event, as its text has it, as an AuditEvent.

    ``words`` says what each action is called.
    """
    action = fields["type"]
    shown = {"display": words[action]} if action in words else {}
    resource: Resource = {
        "resourceType": "AuditEvent",
        "id": fields["event_id"],
        "type": _coding(DICOM, type_of(action)),
        "subtype": [{"system": ACTIONS, "code": action, **shown}],
        "action": fields["action"],
        "recorded": fields["occurred_at"],
        "outcome": OUTCOMES[fields["outcome"]],
        "purposeOfEvent": [{"coding": [_coding(REASON, fields["purpose"])]}],
        "agent": [_agent(fields)],
        "source": _source(fields["source"]),
    }
    entities = list(_entities(fields))
    if entities:
        resource["entity"] = entities
    return resource


def type_of(action: str) -> str:
    """Return DICOM's code for the kind of event."""
    noun, _, verb = action.partition(".")
    if verb == "exported":
        return "110106"
    return TYPES.get(noun, "110110" if noun in OF_CHILD else "110100")


def _agent(fields: Mapping[str, Any]) -> Resource:
    actor = fields["actor"]
    agent: Resource = {
        "who": {"identifier": {"system": ACTORS, "value": clean(actor["id"])}},
        "requestor": True,
    }
    if "role" in actor:
        agent["role"] = [{"text": clean(actor["role"])}]
    if "network" in fields:
        agent["network"] = {"address": clean(fields["network"]), "type": "2"}
    return agent


def _source(source: Mapping[str, Any]) -> Resource:
    said = " ".join(str(source[name]) for name in ("service", "version"))
    return {
        "site": clean(source["host"]),
        "observer": {"display": clean(said)},
        "type": [_coding(SOURCE, "4")],
    }


def _entities(fields: Mapping[str, Any]) -> Iterable[Resource]:
    """Name the child by the clinic's case, the job by its id, and list the detail."""
    entity = fields.get("entity", {})
    clinic = entity.get("clinic", "")
    if "case_id" in entity:
        system = f"{OWN}/NamingSystem/clinics/{clinic}/cases"
        yield _entity(system, entity["case_id"], kind="1", role="1")
    if "job_id" in entity:
        job = _entity(JOBS, entity["job_id"], kind="2", role="20")
        attempt = {"attempt": entity["attempt"]} if "attempt" in entity else {}
        yield job | _details(attempt)
    rest = dict(fields.get("detail", {}))
    if clinic and "case_id" not in entity:
        rest["clinic"] = clinic
    if "request_id" in fields:
        yield _entity(REQUESTS, fields["request_id"], kind="2")
    if rest:
        yield {"type": _coding(ENTITY, "2"), "name": "detail", **_details(rest)}


def _entity(system: str, value: str, *, kind: str, role: str = "") -> Resource:
    found: Resource = {
        "what": {"identifier": {"system": system, "value": clean(value)}},
        "type": _coding(ENTITY, kind),
    }
    return found | ({"role": _coding(ROLE, role)} if role else {})


def _details(values: Mapping[str, Any]) -> Resource:
    found = [
        {"type": clean(name), "valueString": clean(_said(value))}
        for name, value in sorted(values.items())
    ]
    return {"detail": found} if found else {}


def _said(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _coding(system: str, code: str) -> Resource:
    return {"system": system, "code": code, "display": CODES[system][code]}


def clean(text: str) -> str:
    """Put into a text what FHIR takes: no control characters, and never nothing."""
    return NOT_TEXT.sub("\N{REPLACEMENT CHARACTER}", text).strip() or "-"
