"""What the tests of screening share: the database asks for events, as in life."""

from __future__ import annotations

from typing import Any

import pytest

from tests import telling

PAST_SERVICES = {
    "test_admin_case_background",
    "test_admin_case_page",
    "test_admin_case_steps",
    "test_admin_escalated",
    "test_admin_exports",
    "test_admin_lists",
    "test_admin_reviews",
    "test_admin_second_reads",
    "test_admin_signing",
    "test_admin_work",
    "test_admin_work_replay",
    "test_admin_worklist",
    "test_admin_worklist_pages",
    "test_api_cancel_and_retry",
    "test_api_cases",
    "test_api_drafts",
    "test_api_idempotency",
    "test_api_jobs",
    "test_api_jobs_by_time",
    "test_api_status",
    "test_audit_events",
    "test_audit_trails",
    "test_commands",
    "test_escalation",
    "test_follow_up",
    "test_hand_over",
    "test_job_metrics",
    "test_models",
    "test_reading",
    "test_review_metrics",
    "test_second_reader_is_blind",
    "test_two_readers",
    "test_webhooks_outbox",
}
"""The files that make jobs in the state that they need, with no event that tells it."""


@pytest.fixture(autouse=True)
def states_are_told(request: pytest.FixtureRequest) -> None:
    """Ask, by the end of a test, that the log tells the state of every job in it."""
    uses_rows = request.node.get_closest_marker("django_db") or (
        {"db", "api"} & set(request.fixturenames)
    )
    name: Any = request.module.__name__.rpartition(".")[2]
    if uses_rows and name not in PAST_SERVICES:
        request.getfixturevalue("db")
        telling.run(telling.ASK)
