"""Clinics and their keys; cases and jobs; reviews. Constraints carry the rules."""

from __future__ import annotations

from screening.models.cases import Case
from screening.models.clinics import ApiKey, Clinic, Scope
from screening.models.follow_ups import FollowUp
from screening.models.jobs import Job
from screening.models.retention import LegalHold, Tombstone
from screening.models.reviews import Addendum, Reason, Review, SecondRead, Signature
from screening.models.risk import Risk
from screening.models.saved_views import SavedView
from screening.models.upkeep import IdempotencyKey, Leadership
from screening.models.webhooks import WebhookDelivery, WebhookEndpoint

__all__ = [
    "Addendum",
    "ApiKey",
    "Case",
    "Clinic",
    "FollowUp",
    "IdempotencyKey",
    "Job",
    "Leadership",
    "LegalHold",
    "Reason",
    "Review",
    "Risk",
    "SavedView",
    "Scope",
    "SecondRead",
    "Signature",
    "Tombstone",
    "WebhookDelivery",
    "WebhookEndpoint",
]
