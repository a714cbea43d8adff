"""Each alert fires and does not, and leads to what a person does about it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.deploy.promtool import ALERTS, promtool, write
from tests.servers import ROOT
from tests.site.test_observability import documented

pytestmark = pytest.mark.deploy

TESTS = ROOT / "tests" / "deploy" / "alerts.yaml"
OLD = {
    "HighJobQueueLength": ("warning", "5m", "> 100"),
    "HighInferenceLatency": ("critical", "2m", "> 5"),
    "HighJobFailureRate": ("critical", "3m", "[15m])) > 5"),
    "LowWorkerCount": (
        "warning",
        "2m",
        "< 1 or absent(pedi_orch_worker_count)",
    ),
    "PostgresErrors": ("warning", "2m", "[5m])) > 0"),
}
METRIC = re.compile(r"\b(?:pedi_orch|orchestrator)_\w+")
SUFFIX = re.compile(r"_(bucket|count|sum)$")


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load(ALERTS.read_text())["groups"]
    return list(group["rules"])


def names_in(expression: str) -> set[str]:
    """Return the metrics that an expression asks for, as the document names them."""
    known = documented()
    return {
        name if name in known else SUFFIX.sub("", name)
        for name in METRIC.findall(expression)
    }


def test_prometheus_reads_the_rules():
    assert f"{len(rules())} rules found" in promtool("check", "rules", ALERTS)


def test_every_alert_fires_in_a_test_and_does_not_in_another():
    told = [test["name"] for test in yaml.safe_load(TESTS.read_text())["tests"]]
    words = ("fires", "does not fire")

    assert sorted(told) == sorted(f"{r['alert']} {w}" for r in rules() for w in words)
    promtool("test", "rules", TESTS)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_the_tests_of_an_alert_would_see_it_broken(rule, tmp_path):
    """One that never fires, and one that always does, each fail a test of it."""
    tests = yaml.safe_load(TESTS.read_text())
    mine = [t for t in tests["tests"] if t["name"].startswith(f"{rule['alert']} ")]
    for number, broken in enumerate(("vector(1) == 2", "vector(1)")):
        path = tmp_path / f"rules-{number}.yaml"
        changed = {**rule, "expr": broken}
        write(path, {"groups": [{"name": "broken", "rules": [changed]}]})
        write(tmp_path / "t.yaml", {**tests, "rule_files": [str(path)], "tests": mine})
        with pytest.raises(AssertionError, match="FAILED"):
            promtool("test", "rules", tmp_path / "t.yaml")


@pytest.mark.parametrize("name", OLD)
def test_the_alerts_of_the_earlier_system_are_as_they_were(name):
    [rule] = [rule for rule in rules() if rule["alert"] == name]
    severity, lasting, limit = OLD[name]

    assert (rule["labels"]["severity"], rule["for"]) == (severity, lasting)
    assert rule["expr"].endswith(limit)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_and_where_it_says_what_to_do(rule):
    told = rule["annotations"]
    runbook = (ROOT / "docs" / "runbook.md").read_text()

    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert set(told) == {"summary", "description", "runbook_url"}
    assert told["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"
    _, _, section = runbook.partition(f"\n## {rule['alert']}\n")
    section = section.partition("\n## ")[0]
    for word in ("Means", "Look at", "Do"):
        assert re.search(rf"\*\*{word}\.\*\* \w?", section), word


def test_the_runbook_has_no_section_of_an_alert_that_is_gone():
    runbook = (ROOT / "docs" / "runbook.md").read_text()

    assert re.findall(r"^## (\w+)$", runbook, re.M) == [r["alert"] for r in rules()]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_metrics_that_there_are(rule):
    names = names_in(rule["expr"])

    assert names
    assert names <= set(documented())
