"""Cases, jobs and reviews in the admin. The machine's side is to read, not to write."""

from __future__ import annotations

from screening.admin import (
    agents,
    cases,
    clinics,
    consents,
    events,
    jobs,
    persons,
    reviews,
    tasks,
    webhook_deliveries,
    webhooks,
)

__all__ = [
    "agents",
    "cases",
    "clinics",
    "consents",
    "events",
    "jobs",
    "persons",
    "reviews",
    "tasks",
    "webhook_deliveries",
    "webhooks",
]
