"""The dashboard asks for what there is, in words that Prometheus reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.deploy.promtool import DASHBOARD, check_rules
from tests.deploy.test_alerts import names_in
from tests.site.test_observability import documented

pytestmark = pytest.mark.deploy

OWN = "ALERTS"  # Prometheus's
WANTED = [
    *("pedi_orch_queue_length", "pedi_orch_jobs_failed_total"),
    *("pedi_orch_inference_duration_seconds", "pedi_orch_worker_count"),
    *("pedi_orch_db_errors_total", "pedi_orch_jobs_completed_total"),
    *("pedi_orch_reviews_overdue", "pedi_orch_dead_letters"),
    *("pedi_orch_audit_oldest_unsealed_seconds", "pedi_orch_agreement_kappa"),
]
"""What nobody should have to look for elsewhere."""


def dashboard() -> dict[str, Any]:
    return dict(json.loads(DASHBOARD.read_text()))


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def expressions() -> dict[str, str]:
    return {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in panels()
        for target in panel["targets"]
    }


def test_it_is_found_where_the_earlier_one_was():
    assert dashboard()["uid"] == "pedi-orchestrator"
    assert dashboard()["title"] == "PediScreen Orchestrator"


def test_prometheus_reads_every_expression(tmp_path):
    check_rules(expressions(), tmp_path)


@pytest.mark.parametrize(("name", "expr"), expressions().items(), ids=str)
def test_a_panel_asks_for_metrics_that_there_are(name, expr):
    names = names_in(expr)

    assert names or OWN in expr
    assert names <= set(documented())


def test_what_matters_is_on_it():
    asked = {name for expr in expressions().values() for name in names_in(expr)}

    assert set(WANTED) <= asked


def test_what_is_wrong_comes_first():
    first, *_ = dashboard()["panels"]
    top = [panel["title"] for panel in panels() if panel["gridPos"]["y"] < 9]

    assert first["title"] == "What is wrong"
    assert {"Alerts", "Overdue reviews", "Workers", "Audit seal lag"} <= set(top)


def test_panels_have_a_description_and_a_place_of_their_own():
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        place = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not place & taken, panel["title"]
        taken |= place
    assert all(panel["description"].endswith(".") for panel in panels())
    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert len(set(ids)) == len(ids)
