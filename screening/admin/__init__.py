"""Cases, jobs and reviews in the admin. The machine's side is to read, not to write."""

from __future__ import annotations

from screening.admin import cases, clinics, consents, jobs, reviews, tasks

__all__ = ["cases", "clinics", "consents", "jobs", "reviews", "tasks"]
