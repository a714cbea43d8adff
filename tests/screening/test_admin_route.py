"""The way a job took, on its page: whom each attempt considered, and why."""

from __future__ import annotations

from typing import Any

import pytest

from screening.models import Job
from tests.browser.rows import fill
from tests.screening.test_admin_pages import KIND, page_of, words_of


@pytest.fixture
def jobs(admin_client: Any) -> list[Job]:
    return fill(12)


@pytest.fixture
def page_of_job(admin_client: Any, jobs: list[Job]) -> Any:
    return lambda kind: admin_client.get(page_of(jobs[KIND[kind]])).text


def test_operators_see_the_route_of_each_attempt_the_newest_first(page_of_job):
    words = words_of(page_of_job("failed"))

    attempts = [words.index(f"Attempt {n} ") for n in (3, 2, 1)]
    assert attempts == sorted(attempts)
    assert "Attempt 3 policy 20" in words
    assert "Attempt 2 no policy was applied Nobody was asked." in words
    assert (
        "Wanted screen; priority normal; the edge before the cloud; no consent given; "
        "not to the cloud." in words
    )


def test_each_target_is_shown_with_its_score_in_words_or_why_it_was_left_out(
    page_of_job,
):
    words = words_of(page_of_job("on track"))

    assert (
        "triage-1 load 82% 1 edge first 1.230 capabilities 1.0, triage \u00d71.5, "
        "slowness 0.22, privacy 0.0 edge-front 640 ms" in words
    )
    assert "edge load 35% 2 fallback 0.333" in words
    assert "3 fallback 0.471" in words
    assert (
        "gpu-reader-1 to rest 12 s more left out: resting after failures - cloud-gpu "
        "2,840 ms" in words
    )
    assert "left out: has none of the capabilities" in words
    assert (
        "Asked triage-1 MODEL_TIMEOUT 10,003 ms Asked edge MODEL_TIMEOUT 10,003 ms "
        "Asked cloud answered 840 ms" in words
    )


def test_an_attempt_of_an_older_policy_shows_what_was_kept(page_of_job):
    words = words_of(page_of_job("failed"))

    assert (
        "Attempt 1 policy 2026-11-24 Targets considered in attempt 1 Target Order "
        "edge 1 edge first cloud 2 fallback "
        "Asked edge MODEL_TIMEOUT 10,003 ms Asked cloud answered 840 ms" in words
    )


def test_the_route_is_told_in_words_and_never_as_json(page_of_job):
    page = page_of_job("failed")

    route = page[page.index('class="attempt"') : page.index("</main>")]
    assert "{" not in route
    assert "style=" not in route


def test_a_long_route_shows_its_newest_ten_attempts(admin_client, jobs):
    route = [{"attempt": n, "tries": []} for n in range(1, 14)]
    Job.objects.filter(pk=jobs[0].pk).update(route=route)

    words = words_of(admin_client.get(page_of(jobs[0])).text)

    assert "Attempt 13 " in words
    assert "Attempt 4 " in words
    assert "Attempt 3 " not in words
    assert "Earlier attempts that are not shown: 3." in words


def test_a_job_that_was_sent_nowhere_has_no_route(page_of_job):
    assert "No model server has been asked yet." in words_of(page_of_job("pending"))
