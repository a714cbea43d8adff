"""docker/compose.yaml as data, and its services as processes of this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import yaml

from tests.servers import ROOT

FILE = ROOT / "docker" / "compose.yaml"
OURS = "pediscreen-orchestrator:"
VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::-([^}]*))?\}")


def document() -> dict[str, Any]:
    """Return the file, with its anchors put in and its variables left as they are."""
    found: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return found


def env_file(path: Path) -> dict[str, str]:
    """Read a file of NAME=value lines."""
    lines = [line for line in path.read_text().splitlines() if "=" in line]
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def interpolated(value: Any, variables: dict[str, str]) -> Any:
    """Put the variables in, or their defaults, wherever the file names one."""
    if isinstance(value, dict):
        return {key: interpolated(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [interpolated(each, variables) for each in value]
    if isinstance(value, str):
        return VARIABLE.sub(lambda m: variables.get(m[1]) or m[2] or "", value)
    return value


def services(**variables: str) -> dict[str, Any]:
    """Return the services as compose would start them with these variables."""
    found: dict[str, Any] = interpolated(document()["services"], variables)
    return found


def ours(**variables: str) -> dict[str, Any]:
    """Return the services that run our image."""
    return {
        name: service
        for name, service in services(**variables).items()
        if service["image"].startswith(OURS)
    }


def environment(service: dict[str, Any]) -> dict[str, str]:
    """Return the environment of a container: what the machine's own is, it has not."""
    return {"PATH": os.environ["PATH"], **service.get("environment", {})}


def on_this_machine(value: Any, places: dict[str, str]) -> Any:
    """Replace each name and path inside the containers by what stands for it here."""
    if isinstance(value, dict):
        return {key: on_this_machine(each, places) for key, each in value.items()}
    if isinstance(value, list):
        return [on_this_machine(each, places) for each in value]
    for inside, here in places.items():
        value = value.replace(inside, here)
    return value
