"""The units of docs/systemd are such as systemd takes, and start what they should."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy import chart
from tests.deploy.nginx import mtls_pod
from tests.servers import ROOT
from tests.site.test_settings import variables

pytestmark = pytest.mark.deploy

UNITS = sorted((ROOT / "docs" / "systemd").iterdir())
SERVICES = [path for path in UNITS if path.suffix == ".service"]
STAYS = [path for path in SERVICES if "Type=oneshot" not in path.read_text()]


def commands(path: Path) -> list[str]:
    return re.findall(
        r"^ExecStart=/opt/pediscreen/\.venv/bin/(.*)$", path.read_text(), re.M
    )


def test_systemd_takes_every_unit(tmp_path):
    """With the programs of this checkout in place of those of an installation."""
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze is missing. On Debian: apt-get install systemd"
    for path in UNITS:
        text = path.read_text().replace("/opt/pediscreen/.venv/bin/", "/usr/bin/env ")
        (tmp_path / path.name).write_text(text)
    templates = [path.name.replace("@.", "@1.") for path in UNITS]

    done = subprocess.run(
        [program, "verify", "--man=no", *(str(tmp_path / name) for name in templates)],
        capture_output=True,
        text=True,
        check=False,
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"},
    )

    said = [line for line in done.stderr.splitlines() if "pediscreen" in line]
    assert not said, said
    assert done.returncode == 0, done.stderr


def test_a_broken_unit_would_be_seen(tmp_path):
    path = tmp_path / "broken.service"
    path.write_text("[Service]\nExecStart=/usr/bin/env x\nKillMood=mixed\n")

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "KillMood" in done.stderr


def test_the_commands_are_those_of_the_chart():
    units = {command for path in SERVICES for command in commands(path)}
    values = chart.values_of(chart.VALUE_FILES[0].parent / "secrets.yaml")
    charted = {
        " ".join(container["command"])
        for _, pod in chart.pods(chart.objects(values))
        for container in pod["containers"]
        if container["name"]
        in {"worker", "streamworker", "migrate", "rollup-agreement"}
    }
    api = " ".join(mtls_pod()["api"]["command"])
    charted.add(re.sub(r" --workers=\d+", "", api))
    charted.add("python manage.py retain")

    assert {re.sub(r"(--[a-z-]+) (\w)", r"\1=\2", each) for each in units} == {
        re.sub(r"(--[a-z-]+) (\w)", r"\1=\2", each) for each in charted
    }


def test_a_process_that_stays_is_told_to_stop_by_itself_and_has_the_time():
    for path in STAYS:
        text = path.read_text()
        [seconds] = re.findall(r"^TimeoutStopSec=(\d+)$", text, re.M)
        assert "KillMode=mixed" in text
        assert int(seconds) >= 45
        assert "Restart=always" in text


def test_no_unit_runs_as_root_or_sets_what_nobody_reads():
    for path in SERVICES:
        text = path.read_text()
        assert "User=pediscreen" in text
        assert "NoNewPrivileges=yes" in text
        assert "ProtectSystem=strict" in text
        given = set(re.findall(r"^Environment=([A-Z_]+)=", text, re.M))
        assert given <= set(variables())
