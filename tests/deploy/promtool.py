"""Prometheus's own tool, as Debian packages it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.servers import ROOT

FILES = ROOT / "helm" / "pedi-orchestrator" / "files"
ALERTS = FILES / "alerts.yaml"
DASHBOARD = FILES / "dashboard.json"


def promtool(*words: str | Path) -> str:
    """Run it to its end; fail with what it says is wrong."""
    found = shutil.which("promtool")
    if found is None:
        pytest.fail("promtool is missing. On Debian: apt-get install prometheus")
    done = subprocess.run(
        [found, *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check_rules(expressions: dict[str, str], folder: Path) -> None:
    """Let it read each expression, as a rule that would record it."""
    rules = [
        {"record": f"checked:{number}", "expr": expr, "labels": {"of": name}}
        for number, (name, expr) in enumerate(expressions.items())
    ]
    path = folder / "rules.yaml"
    write(path, {"groups": [{"name": "checked", "rules": rules}]})
    promtool("check", "rules", path)


def write(path: Path, content: Any) -> None:
    """Write JSON, which is YAML too."""
    path.write_text(json.dumps(content, indent=1))
