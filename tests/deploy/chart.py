"""The Helm chart, rendered as Helm would, without Helm and without a cluster."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from gotpl.exts.helm import HelmTemplateEngine

from tests.servers import ROOT

CHART = ROOT / "helm" / "pedi-orchestrator"
VALUE_FILES = sorted((Path(__file__).parent / "values").glob("*.yaml"))
MONITORING = "monitoring.coreos.com/v1"


class ValuesRefused(Exception):
    """values.schema.json refuses the values."""


class Files:
    """What a template reads of the chart's folder."""

    def Get(self, name: str) -> str:  # noqa: N802 - Helm's name
        path = CHART / name
        return path.read_text() if path.is_file() else ""


class Versions:
    """Which API versions the cluster has."""

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names

    def Has(self, name: str) -> bool:  # noqa: N802 - Helm's name
        return name in self.names


def defaults() -> dict[str, Any]:
    return dict(yaml.safe_load((CHART / "values.yaml").read_text()))


def schema() -> dict[str, Any]:
    return dict(json.loads((CHART / "values.schema.json").read_text()))


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Lay values over values as Helm does: maps are merged, null takes away."""
    found: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            if value is None:
                found.pop(key, None)
            elif isinstance(value, Mapping) and isinstance(found.get(key), Mapping):
                found[key] = merged(found[key], value)
            else:
                found[key] = copy.deepcopy(value)
    return found


def values_of(path: Path) -> dict[str, Any]:
    """Read a value file, over the one that its first line names, if any."""
    text = path.read_text()
    first = text.splitlines()[0]
    under = {}
    if first.startswith("# over "):
        under = yaml.safe_load((CHART / first.removeprefix("# over ")).read_text())
    return merged(under, yaml.safe_load(text) or {})


def check(values: Mapping[str, Any]) -> None:
    """Hold values to the chart's schema.

    Raises:
        ValuesRefused: it says where and why.
    """
    errors = sorted(
        jsonschema.Draft7Validator(schema()).iter_errors(values), key=lambda e: e.path
    )
    if errors:
        raise ValuesRefused(
            "\n".join(f"{e.json_path.removeprefix('$.')}: {e.message}" for e in errors)
        )


@lru_cache(maxsize=1)
def engine() -> HelmTemplateEngine:
    return HelmTemplateEngine(
        {
            f"{CHART.name}/{path.relative_to(CHART).as_posix()}": path.read_text()
            for path in sorted((CHART / "templates").rglob("*"))
            if path.is_file()
        }
    )


def texts(
    values: Mapping[str, Any],
    *,
    release: str = "screening",
    api_versions: frozenset[str] = frozenset({MONITORING}),
) -> dict[str, str]:
    """Render every template but the partial ones; return the texts by file.

    Raises:
        ValuesRefused: the schema refuses the values.
        TemplateExecutionError: a template refuses them.
    """
    whole = merged(defaults(), values)
    check(whole)
    return rendered(whole, release=release, api_versions=api_versions)


def rendered(
    whole: Mapping[str, Any], *, release: str, api_versions: frozenset[str]
) -> dict[str, str]:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    names = [
        f"{CHART.name}/{path.relative_to(CHART).as_posix()}"
        for path in sorted((CHART / "templates").rglob("*"))
        if path.suffix in {".yaml", ".txt"}
    ]
    context = {
        "Values": copy.deepcopy(dict(whole)),
        "Chart": {key[0].upper() + key[1:]: value for key, value in chart.items()},
        "Release": {
            "Name": release,
            "Namespace": "clinic",
            "Service": "Helm",
            "IsInstall": True,
            "IsUpgrade": False,
            "Revision": 1,
        },
        "Capabilities": {
            "APIVersions": Versions(api_versions),
            "KubeVersion": {"Version": "v1.33.0", "Major": "1", "Minor": "33"},
        },
        "Files": Files(),
    }
    found = engine().render(
        {
            name: {
                **context,
                "Template": {"Name": name, "BasePath": f"{CHART.name}/templates"},
            }
            for name in names
        }
    )
    return {
        name.removeprefix(f"{CHART.name}/templates/"): found[name] for name in names
    }


def objects(values: Mapping[str, Any], **options: Any) -> list[dict[str, Any]]:
    """Render the chart; return the Kubernetes objects."""
    found = []
    for name, text in texts(values, **options).items():
        if name != "NOTES.txt":
            found += [each for each in yaml.safe_load_all(text) if each]
    return found


def pods(rendering: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Return the pod specs of a rendering, each with its ``Kind/name``."""
    found = []
    for each in rendering:
        name = f"{each['kind']}/{each['metadata']['name']}"
        if each["kind"] == "Pod":
            found.append((name, each["spec"]))
        if each["kind"] in {"Deployment", "Job"}:
            found.append((name, each["spec"]["template"]["spec"]))
        if each["kind"] == "CronJob":
            template = each["spec"]["jobTemplate"]["spec"]["template"]
            found.append((name, template["spec"]))
    return found


def only(rendering: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    [found] = [
        each
        for each in rendering
        if each["kind"] == kind and each["metadata"]["name"] == name
    ]
    return found
