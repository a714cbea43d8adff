"""Cases, jobs and reviews in the admin. The machine's side is to read, not to write."""

from __future__ import annotations

from screening.admin import (
    cases,
    clinics,
    consents,
    events,
    jobs,
    reviews,
    tasks,
    webhook_deliveries,
    webhooks,
)

__all__ = [
    "cases",
    "clinics",
    "consents",
    "events",
    "jobs",
    "reviews",
    "tasks",
    "webhook_deliveries",
    "webhooks",
]
