"""Roles: which rights each group has. ``docs/roles.md`` shows this table.

A migration makes the groups, and another one is needed for every change here: what it
stores is written out in it, and a test holds groups, table and document equal. Django's
staff status lets a person into the desk, roles say what is seen there, and the person's
clinics of whom; whoever has several roles has the rights of each.
"""

from __future__ import annotations

from screening.services.escalation import SUPERVISOR

REVIEWER = (
    "screening.view_review",
    "screening.change_review",
    "screening.sign_off_review",
    "screening.view_case",
    "screening.view_job",
    "screening.read_words",
    "consent.view_consent",
    "agreement.view_tally",
    "audit.view_audit",
)
ROLES: dict[str, tuple[str, ...]] = {
    "reviewer": REVIEWER,
    SUPERVISOR: (
        *REVIEWER,
        "screening.adjudicate_review",
        "screening.release_review",
        "screening.export_lists",
        "screening.export_evidence",
        "consent.add_consent",
        "consent.change_consent",
    ),
    "operator": (
        "screening.view_job",
        "screening.change_job",
        "routing.view_task",
        "routing.change_task",
        "routing.view_targethealth",
        "routing.view_agent",
        "routing.add_agent",
        "routing.change_agent",
        "screening.view_apikey",
        "screening.view_webhookendpoint",
        "screening.add_webhookendpoint",
        "screening.change_webhookendpoint",
        "screening.view_webhookdelivery",
        "screening.change_webhookdelivery",
        "screening.view_events_of_no_clinic",
        "audit.view_audit",
    ),
    "auditor": (
        "screening.view_review",
        "screening.view_case",
        "screening.export_evidence",
        "consent.view_consent",
        "agreement.view_tally",
        "screening.view_events_of_no_clinic",
        "audit.view_audit",
    ),
    "admin": (
        "auth.view_user",
        "auth.add_user",
        "auth.change_user",
        "auth.view_group",
        "auth.add_group",
        "auth.change_group",
        "people.remove_second_factor",
        "screening.view_clinic",
        "screening.add_clinic",
        "screening.change_clinic",
        "screening.view_apikey",
        "screening.change_apikey",
        "screening.view_events_of_no_clinic",
        "audit.view_audit",
    ),
}
"""Group -> what its members may do, as app and codename."""
