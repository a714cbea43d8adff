"""Clinics and their keys; cases and jobs; reviews. Constraints carry the rules."""

from __future__ import annotations

from screening.models.cases import Case
from screening.models.clinics import ApiKey, Clinic, Scope
from screening.models.jobs import Job
from screening.models.reviews import Addendum, Reason, Review, SecondRead, Signature
from screening.models.risk import Risk
from screening.models.upkeep import IdempotencyKey, Leadership

__all__ = [
    "Addendum",
    "ApiKey",
    "Case",
    "Clinic",
    "IdempotencyKey",
    "Job",
    "Leadership",
    "Reason",
    "Review",
    "Risk",
    "Scope",
    "SecondRead",
    "Signature",
]
