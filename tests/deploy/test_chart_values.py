"""Every value is read, a broken one is refused, and the names are the old ones."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from gotpl import TemplateError

from tests.deploy import chart
from tests.servers import ROOT

pytestmark = pytest.mark.deploy

OPTIONS: dict[str, Any] = {
    "release": "screening",
    "api_versions": frozenset({chart.MONITORING}),
}
EXISTING = {"secrets": {"existingSecret": "own-secret"}}
# What is changed to what, where neither one more nor another text would do.
CHANGED: dict[str, Any] = {
    "imagePullSecrets": [{"name": "zq"}],
    "secrets.tokens": ["ZQ"],
    "config": {"LOG_LEVEL": "DEBUG"},
    "allowedHosts": ["zq.example.org"],
    "service.type": "NodePort",
    "ingress.annotations": {"zq": "zq"},
    "ingress.hosts": [{"host": "zq.example.org"}],
    "ingress.tls": [{"secretName": "zq"}],
    "streamworker.capabilities": ["audit"],
    "networkPolicy.extraEgress": [{"ports": [{"port": 1}]}],
    "affinity": {"zq": {}},
    "tolerations": [{"key": "zq"}],
    "networkPolicy.outside.ports": [1],
    "gpu.tolerations": [{"key": "zq"}],
}
NOT_IN_CONFIG = {
    # Secrets.
    *("DJANGO_SECRET_KEY", "API_KEY", "DATABASE_URL", "REDIS_URL", "AUDIT_KEY"),
    # Files, which a pod does not have.
    *("AUDIT_KEY_FILE", "AUDIT_PUBLIC_KEYS_FILE", "AUDIT_CHECKPOINT_FILE"),
    *("ENV_FILE", "CERTIFICATE_FILES"),
    # Values of their own.
    *("METRICS_PORT", "MODEL_SERVER_PORT"),
    # Of the image with MedGemma, which the chart does not run.
    *("MEDGEMMA_MODEL_PATH", "MODEL_BATCH_SIZE", "MODEL_BATCH_WAIT_MS"),
    *("MODEL_DEADLINE_SECONDS", "MODEL_MIN_TOKENS", "MODEL_QUEUE_SIZE"),
    # Never where a child's data is.
    "DEBUG",
}


def leaves(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Return each value that is no map of others, by its dotted path."""
    for key, value in values.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict) and value and path not in CHANGED:
            yield from leaves(value, f"{path}.")
        else:
            yield path, value


def changed(path: str, value: Any) -> Any:
    if path in CHANGED:
        return CHANGED[path]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return f"zq{value}"
    if isinstance(value, dict):
        return {"zq": "zq"}
    return [{"podSelector": {"matchLabels": {"zq": "zq"}}}, *value]


def put(values: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    found = copy.deepcopy(values)
    *way, last = path.split(".")
    at = found
    for key in way:
        at = at[key]
    at[last] = value
    return found


def get(values: dict[str, Any], path: str) -> Any:
    for key in path.split("."):
        values = values[key]
    return values


@pytest.fixture(scope="module")
def bases() -> list[tuple[dict[str, Any], dict[str, str]]]:
    """Return every value file, whole, with its rendering."""
    found = []
    for path in chart.VALUE_FILES:
        whole = chart.merged(chart.defaults(), chart.values_of(path))
        found.append((whole, chart.rendered(whole, **OPTIONS)))
    return found


def is_read(base: tuple[dict[str, Any], dict[str, str]], path: str) -> bool:
    values, before = base
    try:
        after = chart.rendered(
            put(values, path, changed(path, get(values, path))), **OPTIONS
        )
    except TemplateError as refusal:
        return path in str(refusal)
    return after != before


@pytest.mark.parametrize("path", [path for path, _ in leaves(chart.defaults())])
def test_every_value_is_read_by_a_template(bases, path):
    assert any(is_read(base, path) for base in bases)


def test_a_value_that_nobody_reads_would_be_found(bases):
    values, before = bases[0]

    assert not is_read(({**values, "unread": 1}, before), "unread")


def test_the_schema_knows_every_value_and_no_other():
    def names(schema: dict[str, Any], prefix: str = "") -> Iterator[str]:
        if "$ref" in schema:
            schema = chart.schema()["definitions"][schema["$ref"].split("/")[-1]]
        if "properties" not in schema:
            yield prefix.rstrip(".")
        for key, each in schema.get("properties", {}).items():
            yield from names(each, f"{prefix}{key}.")

    def given(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
        for key, value in values.items():
            yield f"{prefix}{key}"
            if isinstance(value, dict):
                yield from given(value, f"{prefix}{key}.")

    known, written = set(names(chart.schema())), set(given(chart.defaults()))
    assert known - {"global"} <= written
    for path in written:
        assert any(f"{path}.".startswith(f"{one}.") for one in known) or any(
            one.startswith(f"{path}.") for one in known
        )


def test_the_names_of_the_earlier_chart_are_there():
    values = chart.defaults()

    assert {
        *("databaseUrl", "redisUrl", "apiKey", "replicaCount", "autoscaling"),
        *("serviceAccount", "nodeSelector", "tolerations", "affinity", "gpu"),
        *("workloadIdentity", "ingress", "secrets"),
    } <= set(values)
    assert values["service"]["port"] == 9000
    assert "replicas" in values["worker"]
    assert values["prometheus"]["serviceMonitor"]["enabled"] is False
    assert "irsa" in values["eks"]


BROKEN = [
    ("databaseUrl", "sqlite:///x.db", "does not match"),
    ("redisUrl", "localhost:6379", "does not match"),
    ("apiKey", "short", "does not match"),
    ("secrets.djangoSecretKey", "short", "does not match"),
    ("secrets.externalSecret.store.kind", "Vault", "is not one of"),
    ("image.digest", "sha256:abc", "does not match"),
    ("image.tag", "not a tag", "is not valid"),
    ("image.pullPolicy", "Sometimes", "is not one of"),
    ("replicaCount", 0, "less than the minimum"),
    ("replicaCount", "2", "is not of type 'integer'"),
    ("service.port", 70000, "greater than the maximum"),
    ("service.type", "Anything", "is not one of"),
    ("autoscaling.enabled", "yes", "is not of type 'boolean'"),
    ("keda.worker.minReplicas", 0, "less than the minimum"),
    ("keda.streamworker.minReplicas", 0, "less than the minimum"),
    ("keda.redis.address", "redis://host:6379", "does not match"),
    ("streamworker.capabilities", ["sing"], "is not one of"),
    ("mtls.port", 443, "less than the minimum"),
    ("podSecurity.runAsUser", 0, "less than the minimum"),
    ("config", {"JOB_CONCURENCY": "64"}, "is not one of"),
    ("config", {"DEBUG": "true"}, "is not one of"),
    ("config", {"API_KEY": "x" * 30}, "is not one of"),
    ("config", {"JOB_CONCURRENCY": 64}, "is not of type 'string'"),
    ("allowedHosts", ["https://screening.example.org"], "does not match"),
    ("ingress.hosts", [{"paths": []}], "'host' is a required property"),
    ("schedules.retain", "every night", "does not match"),
    ("api.resources", {"requests": {"cpu": 1}}, "is not of type 'string'"),
    ("eks.irsa.roleArn", "role/screening", "does not match"),
    ("workloadIdentity.gcpServiceAccount", "screening", "does not match"),
    ("prometheus.serviceMonitor.interval", "15", "does not match"),
    ("gpu.count", 0, "less than the minimum"),
    ("networkPolicy.outside.ports", [], ""),
]


@pytest.mark.parametrize(("path", "value", "reason"), BROKEN)
def test_a_broken_value_is_refused_by_its_name(path, value, reason):
    with pytest.raises(chart.ValuesRefused) as refusal:
        chart.check(put(chart.merged(chart.defaults(), EXISTING), path, value))

    [line] = str(refusal.value).splitlines()
    assert line.startswith(path)
    assert reason in line


def test_a_misspelt_value_is_refused_by_its_name():
    with pytest.raises(chart.ValuesRefused, match="'replicacount' was unexpected"):
        chart.texts({**EXISTING, "replicacount": 3})
    with pytest.raises(chart.ValuesRefused, match=r"worker.*'replica' was unexpected"):
        chart.texts({**EXISTING, "worker": {"replica": 3}})


OWN = chart.values_of(chart.VALUE_FILES[0].parent / "secrets.yaml")
NOT_TOGETHER: list[tuple[str, dict[str, Any]]] = [
    ("Set databaseUrl, redisUrl and secrets.djangoSecretKey", {}),
    ("redisUrl is not set", {"databaseUrl": OWN["databaseUrl"],
        "secrets": {"djangoSecretKey": "x" * 50}}),
    ("are both set", {"secrets": {
        "existingSecret": "a", "externalSecret": {"enabled": True}}}),
    ("are not read beside", {**OWN, "secrets": {"existingSecret": "a"}}),
    ("secrets.externalSecret.store.name", {"secrets": {
        "externalSecret": {"enabled": True}}}),
    ("mtls.enabled and ingress.enabled", {**EXISTING, "mtls": {"enabled": True},
        "ingress": {"enabled": True}}),
    ("mtls.serverSecret", {**EXISTING, "mtls": {"enabled": True}}),
    ("tlsConfig", {**EXISTING, "mtls": {
        "enabled": True, "serverSecret": "a", "clientCASecret": "b"},
        "prometheus": {"serviceMonitor": {"enabled": True}}}),
    ("ingress.hosts", {**EXISTING, "ingress": {"enabled": True}}),
    ("keda.redis.address", {**EXISTING, "keda": {"enabled": True}}),
    ("No model server", {**EXISTING, "modelServer": {"enabled": False}}),
    ("workloadIdentity.gcpServiceAccount", {**EXISTING, "workloadIdentity": {
        "enabled": True}}),
    ("eks.irsa.roleArn", {**EXISTING, "eks": {"irsa": {"enabled": True}}}),
    ("autoscaling.minReplicas", {**EXISTING, "autoscaling": {"minReplicas": 99}}),
    ("keda.worker.minReplicas", {**EXISTING, "keda": {
        "worker": {"minReplicas": 99}}}),
    ("serviceAccount.name", {**EXISTING, "serviceAccount": {"create": False}}),
]  # fmt: skip


@pytest.mark.parametrize(("message", "values"), NOT_TOGETHER)
def test_values_that_do_not_go_together_are_refused_with_the_fix(message, values):
    with pytest.raises(TemplateError) as refusal:
        chart.texts(values)

    assert message in str(refusal.value)
    assert re.search(r"\b(Set|Leave|Lower)\b", str(refusal.value))
    assert "zq-" not in str(refusal.value)


def test_config_takes_every_setting_that_is_no_secret():
    """A new setting is named in values.schema.json too, or here if it is no value."""
    settings = set(
        re.findall(r"^#([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.M)
    )
    known = set(chart.schema()["properties"]["config"]["propertyNames"]["enum"])

    assert known == settings - NOT_IN_CONFIG


def test_what_config_says_goes_before_what_the_chart_would_set():
    rendering = chart.objects(
        {
            **EXISTING,
            "config": {"EDGE_MODEL_URL": "http://model.clinic:8000/infer"},
        }
    )
    worker = chart.only(rendering, "Deployment", "screening-pedi-orchestrator-worker")
    [container] = worker["spec"]["template"]["spec"]["containers"]
    given = [each for each in container["env"] if each["name"] == "EDGE_MODEL_URL"]

    assert given == [
        {"name": "EDGE_MODEL_URL", "value": "http://model.clinic:8000/infer"}
    ]


def test_the_chart_is_of_the_version_of_the_product():
    about = yaml.safe_load((chart.CHART / "Chart.yaml").read_text())
    settings = (ROOT / "pediscreen_site" / "settings.py").read_text()

    assert f'VERSION = "{about["appVersion"]}"' in settings


def examples() -> list[str]:
    """Return the values that docs/deploy.md shows."""
    text = (ROOT / "docs" / "deploy.md").read_text()
    return re.findall(r"```yaml\n(# my-values\.yaml\n.*?)```", text, re.S)


@pytest.mark.parametrize("text", examples())
def test_the_values_of_the_document_are_taken(text):
    over = yaml.safe_load((chart.CHART / "values.prod.yaml").read_text())

    assert len(examples()) == 2
    assert chart.objects(chart.merged(over, yaml.safe_load(text)))


def test_the_document_names_no_value_that_is_not_there():
    text = (ROOT / "docs" / "deploy.md").read_text()
    tops = set(chart.defaults())
    told = {
        path.removesuffix(".*")
        for path in re.findall(
            r"`([a-z][A-Za-z]*\.[A-Za-z.]+(?:\.\*)?|[a-z]+\.\*)`", text
        )
        if path.split(".")[0] in tops
        and not path.endswith((".yaml", ".py", ".txt", ".tar"))
    }

    assert len(told) > 15
    for path in told:
        assert get(chart.defaults(), path) is not None
