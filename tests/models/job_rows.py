"""What the jobs of real model servers left in the database."""

from __future__ import annotations

import json
from typing import Any

from tests.system.stack import Stack


def tries_of(stack: Stack, job_id: str) -> list[dict[str, Any]]:
    """List every call made for one job, over all its attempts."""
    routes = {
        str(pk).replace("-", ""): json.loads(route) if isinstance(route, str) else route
        for pk, route in stack.rows("SELECT id, route FROM screening_job")
    }
    return [
        tried
        for attempt in routes[job_id.replace("-", "")]
        for tried in attempt["tries"]
    ]


def problems_of(stack: Stack, job_id: str) -> list[str]:
    """List what was found wrong with one job's answer."""
    problems = {
        str(pk).replace("-", ""): json.loads(found) if isinstance(found, str) else found
        for pk, found in stack.rows("SELECT id, result_problems FROM screening_job")
    }
    return problems[job_id.replace("-", "")]


def listed_for_review(stack: Stack) -> set[str]:
    """Return the ids of the jobs that the API lists as waiting for a clinician."""
    response = stack.session.get(
        f"{stack.url}/api/jobs",
        params={"review_state": "REQUIRES_REVIEW", "limit": 200},
        timeout=10,
    )
    assert response.status_code == 200, response.text
    return {job["job_id"] for job in response.json()}
