"""Every metric of the contract moves when its thing happens, whichever process it is.

One system of two API processes, a worker and a stream worker lives through a story; it
is read after each part. Each test compares two moments of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import requests

from tests.system.scraping import Page, parsed, scrape, scraped_until, value
from tests.system.stack import Stack, free_port, wait_until
from tests.system.stub_model import StubModel

pytestmark = pytest.mark.system

Story = dict[str, Page]
CALLS = "pedi_orch_inference_duration_seconds_count"


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    """What /metrics said after each part."""
    model = StubModel()
    port = urlsplit(model.endpoint).port
    with Stack(
        EDGE_MODEL_URL=model.url,
        JOB_MAX_ATTEMPTS=2,
        JOB_MAX_CRASHES=2,
        ORCHESTRATOR_TASK_MAX_RETRIES=1,
        HEALTH_CHECK_SECONDS=3600,
        AGENT_APPROVAL="false",
        AGENT_PLAIN_HTTP="true",
        AGENT_ALLOWED_NETWORKS="127.0.0.0/8",
        AGENT_ALLOWED_PORTS=port,
        METRICS_PORT=free_port(),
    ) as stack:
        stack.start_api(workers=2)
        yield dict(lived(stack, model))
    model.stop()


def lived(stack: Stack, model: StubModel) -> Iterator[tuple[str, Page]]:
    yield "start", scrape(stack)

    jobs = [stack.submit(case_id=f"case-{n}") for n in range(3)]
    for priority in ("urgent", "low"):
        stack.route_task("embed", priority=priority)
    stack.route_task("analyze_monitor")
    yield "submitted", scrape(stack)

    worker = stack.start_worker()
    stack.ended(jobs)
    yield (
        "done",
        scraped_until(
            stack,
            lambda page: value(page, CALLS, target="edge") >= 3,
            what="the tallies are stored",
        ),
    )
    own = requests.get(f"http://127.0.0.1:{stack.env['METRICS_PORT']}/", timeout=10)
    yield "worker", parsed(own.text)

    model.mode = "status:503"
    fails = stack.submit(case_id="case-fails")
    yield "failed", _ended(stack, [fails])
    model.mode = "good"
    stack.session.post(f"{stack.url}/api/jobs/{fails}/retry", timeout=10)
    yield "replayed", _ended(stack, [fails])

    model.latency = 30.0
    held = stack.submit(case_id="case-lost")
    wait_until(lambda: model.in_flight, what="in flight")
    worker.kill()
    worker.wait()
    model.latency = 0.0
    stack.env["METRICS_PORT"] = "0"
    stack.start_worker()
    yield "lost", _ended(stack, [held])

    stack.start_stream_worker()
    stack.register_agent(
        "agent-1",
        model.endpoint,
        capabilities="embed,analyze_light,analyze_monitor",
        location="edge",
    )
    stack.tasks_ended(3)
    stack.route_task("analyze_monitor")
    yield "tasks", scrape(stack)

    model.mode = "sorry"
    stack.route_task("embed")
    stack.tasks_ended(5)
    yield "dead", scrape(stack)

    with without_a_table(stack):
        stack.session.get(f"{stack.url}/api/jobs")
    yield "database", scrape(stack)

    for process in stack.processes[:1]:
        process.terminate()
        process.wait()
    stack.start_api()
    yield "anew", scrape(stack)


def _ended(stack: Stack, jobs: list[str]) -> Page:
    stack.ended(jobs)
    return scrape(stack)


@contextmanager
def without_a_table(stack: Stack) -> Iterator[None]:
    """What an operator's slip does: each question for jobs fails."""
    stack.write("ALTER TABLE screening_job RENAME TO elsewhere")
    try:
        yield
    finally:
        stack.write("ALTER TABLE elsewhere RENAME TO screening_job")


FAILS = "MODEL_SERVER_ERROR"
MOVES = [
    *[
        (name, labels, "start", "submitted", by)
        for name, labels, by in [
            (
                "orchestrator_tasks_total",
                {"task_type": "embed", "priority": "urgent"},
                1,
            ),
            ("orchestrator_tasks_queued_total", {"queue": "tasks:urgent"}, 1),
            ("orchestrator_queue_size", {"queue": "tasks:low"}, 1),
            ("orchestrator_sync_attempts_total", {"outcome": "no_agent"}, 1),
            ("pedi_orch_queue_length", {}, 3),
            ("pedi_orch_jobs_total", {}, 3),
        ]
    ],
    *[
        (name, labels, "submitted", "done", by)
        for name, labels, by in [
            ("pedi_orch_worker_count", {}, 1),
            ("pedi_orch_queue_length", {}, -3),
            ("pedi_orch_jobs_completed_total", {}, 3),
            (CALLS, {"target": "edge"}, 3),
            ("pedi_orch_reviews_open", {"risk": "discuss"}, 3),
        ]
    ],
    ("pedi_orch_jobs_failed_total", {}, "done", "failed", 1),
    ("pedi_orch_job_failures_total", {"reason": FAILS}, "done", "failed", 1),
    ("pedi_orch_jobs_requeued_total", {"reason": FAILS}, "done", "failed", 1),
    ("pedi_orch_dead_letters", {"kind": "job"}, "done", "failed", 1),
    ("pedi_orch_jobs_replayed_total", {}, "failed", "replayed", 1),
    ("pedi_orch_dead_letters", {"kind": "job"}, "failed", "replayed", -1),
    ("pedi_orch_lease_expiries_total", {"kind": "job"}, "failed", "lost", 1),
    ("pedi_orch_jobs_requeued_total", {"reason": "WORKER_LOST"}, "failed", "lost", 1),
    ("orchestrator_stream_workers", {}, "lost", "tasks", 1),
    ("orchestrator_queue_size", {"queue": "tasks:low"}, "lost", "tasks", -1),
    ("orchestrator_tasks_completed_total", {}, "lost", "tasks", 4),
    *[
        (name, labels, "tasks", "dead", 1)
        for name, labels in [
            (
                "orchestrator_tasks_failed_total",
                {"reason": "AGENT_REPORTED_FAILURE"},
            ),
            (
                "orchestrator_tasks_requeued_total",
                {"reason": "AGENT_REPORTED_FAILURE"},
            ),
            ("orchestrator_tasks_queued_total", {"queue": "tasks:dlq"}),
            ("pedi_orch_dead_letters", {"kind": "task"}),
        ]
    ],
]


@pytest.mark.parametrize(("name", "labels", "before", "after", "by"), MOVES, ids=str)
def test_it_moves_by_what_happens(story, name, labels, before, after, by):
    moved = value(story[after], name, **labels) - value(story[before], name, **labels)

    assert moved == by


def test_a_task_that_was_done_at_once_is_counted_as_such(story):
    name = "orchestrator_sync_attempts_total"
    before, after = story["lost"], story["tasks"]

    done = value(after, name, outcome="completed") - value(
        before, name, outcome="completed"
    )
    assert done == 1


def test_an_error_of_the_database_is_counted_in_whichever_process(story):
    name = "pedi_orch_db_errors_total"

    assert value(story["dead"], name) == 0
    assert value(story["database"], name) >= 1


CONTRACT = [
    *("orchestrator_tasks_total", "orchestrator_tasks_queued_total"),
    *("orchestrator_tasks_failed_total", "orchestrator_queue_size"),
    *("orchestrator_sync_attempts_total", "pedi_orch_queue_length"),
    *("pedi_orch_jobs_total", "pedi_orch_jobs_failed_total"),
    *("pedi_orch_inference_duration_seconds_count", "pedi_orch_worker_count"),
    "pedi_orch_db_errors_total",
]


@pytest.mark.parametrize("name", CONTRACT)
def test_no_name_of_the_earlier_system_is_left_out(story, name):
    moved = {name for name, *_ in MOVES} | {"pedi_orch_db_errors_total"}

    assert name in moved
    assert name in {found for found, _ in story["dead"]}


def test_no_counter_goes_back_when_processes_end_and_start(story):
    pages = list(story.values())
    counters = {
        series
        for series in pages[-1]
        if series[0].endswith(("_total", "_seconds_count", "_sum", "_bucket"))
    }
    assert len(counters) > 40

    for series in counters:
        seen = [page.get(series, 0.0) for page in pages]
        assert seen == sorted(seen), series


def test_the_worker_tells_the_same_on_its_own_port(story):
    name = "pedi_orch_jobs_completed_total"

    assert value(story["worker"], name) == value(story["done"], name) == 3


def test_nothing_that_a_child_or_a_clinic_said_is_a_label(story):
    said = str([series for page in story.values() for series in page])

    assert "case-" not in said
    assert "default" not in said
    assert "agent-1" not in said
