"""Pods: held to the level "restricted", probed, and given no more than they need."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
import yaml

from routing.models import Capability
from routing.streams import group_of
from tests.deploy import chart
from tests.deploy.test_chart_objects import EXISTING, of_kind
from tests.servers import ROOT
from tests.site.test_settings import variables

pytestmark = pytest.mark.deploy

SECRETS = chart.values_of(chart.VALUE_FILES[0].parent / "secrets.yaml")
VALUES = {
    "DATABASE_URL": "postgresql://app:password@127.0.0.1:1/pediscreen",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "DJANGO_SECRET_KEY": "not-a-secret-but-as-long-and-varied-as-one-0123456789-abc",
    "API_KEY": "an-example-api-key-of-40-characters-0123",
    "MODEL_TOKEN": "token",
    "CLOUD_TOKEN": "token",
}
NOT_OURS = {"POD_IP", "HF_TOKEN", "HOME", "HF_HOME", "VLLM_CACHE_ROOT"}


@pytest.fixture(params=chart.VALUE_FILES, ids=lambda path: path.stem)
def values(request: Any) -> dict[str, Any]:
    return chart.values_of(request.param)


def secret_texts() -> list[str]:
    """Return what is secret in tests/deploy/values/secrets.yaml, and parts of it."""
    own = SECRETS["secrets"]
    return [
        *(SECRETS[name] for name in ("databaseUrl", "redisUrl", "apiKey")),
        *(own[name] for name in ("djangoSecretKey", "auditKey", "modelToken")),
        "zq-",
    ]


def test_every_pod_is_restricted(values):
    for name, pod in chart.pods(chart.objects(values)):
        held = pod["securityContext"]
        assert held["runAsNonRoot"] is True, name
        assert held["runAsUser"] > 0
        assert held["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        for volume in pod["volumes"]:
            kinds = set(volume) - {"name"}
            assert kinds <= {
                "emptyDir",
                "configMap",
                "secret",
                "persistentVolumeClaim",
                "projected",
            }
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            mounted = [mount["mountPath"] for mount in container["volumeMounts"]]
            assert "/tmp" in mounted  # noqa: S108 - the one folder that can be written


def test_every_container_asks_for_memory_and_has_a_limit(values):
    for _, pod in chart.pods(chart.objects(values)):
        for container in pod["containers"]:
            assert container["resources"]["requests"]["memory"]
            assert container["resources"]["limits"]["memory"]


def test_every_container_that_stays_has_three_probes(values):
    for each in of_kind(chart.objects(values), "Deployment"):
        for container in each["spec"]["template"]["spec"]["containers"]:
            ports = {port["name"] for port in container.get("ports", [])}
            for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                probe = container[kind]
                asked = probe.get("httpGet") or probe.get("tcpSocket") or {}
                assert "exec" in probe or asked["port"] in ports


def test_the_probes_of_the_api_ask_with_a_host_that_is_answered():
    [api] = [
        pod
        for name, pod in chart.pods(chart.objects({"secrets": EXISTING}))
        if name == "Deployment/screening-pedi-orchestrator"
    ]
    [container] = api["containers"]
    paths = {
        kind: container[kind]["httpGet"]["path"]
        for kind in ("startupProbe", "livenessProbe", "readinessProbe")
    }

    assert paths["livenessProbe"] == "/livez"
    assert paths["readinessProbe"] == "/readyz"
    for kind in paths:
        headers = container[kind]["httpGet"]["httpHeaders"]
        assert headers == [{"name": "Host", "value": "localhost"}]
    hosts = env_of(container)["ALLOWED_HOSTS"].split(",")
    assert {"localhost", "$(POD_IP)"} <= set(hosts)
    assert next(iter(container["env"]))["name"] == "POD_IP"


def env_of(container: dict[str, Any]) -> dict[str, str]:
    return {
        each["name"]: each["value"]
        for each in container.get("env", [])
        if "value" in each
    }


def test_no_pod_is_given_a_setting_that_nobody_reads(values):
    tokens = set(values["secrets"].get("tokens", [])) | {"MODEL_TOKEN"}
    known = set(variables()) | NOT_OURS | tokens
    for name, pod in chart.pods(chart.objects(values)):
        for container in pod["containers"]:
            given = {each["name"] for each in container.get("env", [])}
            assert given <= known, name


def test_what_is_secret_is_in_secrets_alone():
    for each in chart.objects(SECRETS):
        text = yaml.safe_dump(each)
        if each["kind"] != "Secret":
            assert not [secret for secret in secret_texts() if secret in text]
    notes = chart.texts(SECRETS)["NOTES.txt"]
    assert not [secret for secret in secret_texts() if secret in notes]


def test_with_a_secret_of_ones_own_the_chart_makes_none(values):
    found = of_kind(chart.objects(values), "Secret")

    assert bool(found) == ("databaseUrl" in values)


def test_only_who_seals_is_given_the_key_of_the_audit_log():
    given = {
        name
        for name, pod in chart.pods(chart.objects(SECRETS))
        for container in pod["containers"]
        for each in container.get("env", [])
        if each["name"] == "AUDIT_KEY"
    }

    assert given == {"Deployment/screening-pedi-orchestrator-worker"}


def test_whoever_reads_a_secret_finds_what_must_be_in_it():
    rendering = chart.objects(SECRETS)
    held = {
        each["metadata"]["name"]: set(each["stringData"])
        for each in of_kind(rendering, "Secret")
    }
    for _, pod in chart.pods(rendering):
        for container in pod["containers"]:
            for each in container.get("env", []):
                source = each.get("valueFrom", {}).get("secretKeyRef")
                if source and not source.get("optional"):
                    assert source["key"] in held[source["name"]]


def test_the_commands_are_those_of_the_readme():
    readme = (ROOT / "README.md").read_text()
    by_name = dict(chart.pods(chart.objects(SECRETS)))
    name = "Deployment/screening-pedi-orchestrator"
    for suffix in ("-worker", "-streamworker"):
        [container] = by_name[name + suffix]["containers"]
        assert f"`{' '.join(container['command'])}`" in readme
    [api] = by_name[name]["containers"]
    assert api["command"][:3] == ["python", "-m", "granian"]
    assert f"{api['command'][-1]}`" in readme
    assert "--port=9000" in api["command"]


@pytest.mark.parametrize("name", ["secrets", "existing-secret", "gke", "mtls"])
def test_the_settings_take_the_environment_of_each_role(name):
    """The product itself, started with what the pods are given."""
    path = chart.VALUE_FILES[0].parent / f"{name}.yaml"
    for pod_name, pod in chart.pods(chart.objects(chart.values_of(path))):
        container = pod["containers"][0]
        if not pod_name.startswith(("Deployment", "Job")) or (
            container["name"] in {"model", "vllm"}
        ):
            continue
        env = {key: value for key, value in os.environ.items() if key == "PATH"}
        env |= {
            key: value.replace("$(POD_IP)", "10.0.0.9")
            for key, value in env_of(container).items()
        }
        env |= {
            each["name"]: VALUES[each["name"]]
            for each in container["env"]
            if each["name"] in VALUES
        }
        done = subprocess.run(
            [sys.executable, "manage.py", "check"],
            cwd=ROOT,
            env=env | {"DJANGO_SETTINGS_MODULE": "pediscreen_site.settings"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (pod_name, done.stderr[-2000:])


# --- Who is scaled by what waits ---------------------------------------------------


def triggers(values: dict[str, Any], role: str) -> list[dict[str, str]]:
    name = f"screening-pedi-orchestrator-{role}"
    found = chart.only(chart.objects(values), "ScaledObject", name)
    return [each["metadata"] for each in found["spec"]["triggers"]]


def test_keda_looks_at_the_queue_and_the_streams_that_are_used(settings):
    values = chart.values_of(chart.VALUE_FILES[0].parent / "keda.yaml")
    wanted = values["streamworker"]["capabilities"]

    [jobs] = triggers(values, "worker")
    tasks = triggers(values, "streamworker")

    assert jobs["listName"] == f"rq:queue:{settings.INFERENCE_QUEUE}"
    assert {each["stream"] for each in tasks} == {
        f"tasks:{priority}" for priority in ("urgent", "high", "normal", "low")
    }
    assert {each["consumerGroup"] for each in tasks} == {group_of(wanted)}


def test_the_capabilities_are_those_that_there_are():
    found = chart.schema()["properties"]["streamworker"]["properties"]

    assert set(found["capabilities"]["items"]["enum"]) == set(Capability.values)
