"""Cases, jobs and reviews in the admin. The machine's side is to read, not to write."""

from __future__ import annotations

from screening.admin import cases, clinics, jobs, reviews

__all__ = ["cases", "clinics", "jobs", "reviews"]
