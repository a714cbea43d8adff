"""What an action is in the words of FHIR: operation, outcome and purpose. Pure.

Each follows from the action's name, ``noun.verb``, so that no event can say otherwise.
The codes are those of FHIR R4 AuditEvent (audit-event-action) and of HL7
v3-PurposeOfUse.
"""

from __future__ import annotations

import functools

OPERATIONS = {
    "C": {"submitted", "created", "added", "given", "added_to", "codes_made"},
    "R": {"opened", "read", "exported", "proven"},
    "D": {"removed", "member_removed", "erased", "applied"},
    "E": {
        *("succeeded", "failed", "closed", "ended", "refused", "sign_refused"),
        *("called", "tested", "delivered", "redelivered", "second_read_asked"),
        *("stale_result_refused", "rolled_up", "escalated", "dead"),
        *("denied", "answered", "verified"),
    },
}
"""Create, read, delete and execute; every other verb is an update."""

REFUSALS = {"refused", "sign_refused", "stale_result_refused", "denied"}
FAILURES = {"failed", "dead"}
PURPOSES = {
    "TREAT": {"job", "review", "record", "report", "consent", "list"},
    "HOPERAT": {"task", "agent", "webhook", "page", "request"},
    "HSYSADMIN": {
        *("key", "login", "session", "second_factor", "person", "role", "clinic"),
        "access",
    },
    "HQUALIMP": {"agreement"},
    "HCOMPL": {"audit", "evidence", "case", "legal_hold", "retention"},
}


@functools.cache
def operation(action: str) -> str:
    """Return C, R, U, D or E: create, read, update, delete or execute."""
    verb = action.partition(".")[2]
    for code, verbs in OPERATIONS.items():
        if verb in verbs:
            return code
    return "U"


@functools.cache
def outcome(action: str) -> str:
    """Return success, refused or failed."""
    noun, _, verb = action.partition(".")
    if verb in REFUSALS or (noun == "login" and verb in {"failed", "closed"}):
        return "refused"
    return "failed" if verb in FAILURES else "success"


@functools.cache
def purpose(action: str) -> str:
    """Return the code of why such things are done.

    Raises:
        KeyError: the vocabulary has a noun whose purpose nobody has said.
    """
    noun = action.partition(".")[0]
    for code, nouns in PURPOSES.items():
        if noun in nouns:
            return code
    raise KeyError(noun)
