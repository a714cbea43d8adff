"""Whatever the values, the chart renders objects that Kubernetes takes and that fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.deploy import chart

pytestmark = pytest.mark.deploy

CRDS = {
    path.stem: json.loads(path.read_text())
    for path in (Path(__file__).parent / "crds").glob("*.json")
}
KUBERNETES = "1.33"
SELECTOR = {
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/component",
}


@pytest.fixture(params=chart.VALUE_FILES, ids=lambda path: path.stem)
def rendering(request: Any) -> list[dict[str, Any]]:
    return chart.objects(chart.values_of(request.param))


def of_kind(rendering: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [each for each in rendering if each["kind"] in kinds]


def labels_of_pods(rendering: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [
        each["spec"]["template"]["metadata"]["labels"]
        for each in of_kind(rendering, "Deployment")
    ]


def matches(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return bool(selector) and selector.items() <= labels.items()


def test_there_are_a_dozen_value_files():
    assert len(chart.VALUE_FILES) >= 12


def test_every_object_is_one_that_kubernetes_knows(rendering):
    for each in rendering:
        crd = CRDS.get(each["kind"].lower())
        if crd is not None:
            jsonschema.Draft7Validator(crd).validate(each["spec"])
            assert set(each) == {"apiVersion", "kind", "metadata", "spec"}
        else:
            kubernetes_validate.validate(each, KUBERNETES, strict=True)


def test_a_field_that_is_not_there_would_be_seen():
    [service, *_] = of_kind(chart.objects({"secrets": EXISTING}), "Service")
    service["spec"]["selectors"] = {}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(service, KUBERNETES, strict=True)


EXISTING = {"existingSecret": "own-secret"}


def test_no_two_objects_share_a_name(rendering):
    names = [(each["kind"], each["metadata"]["name"]) for each in rendering]

    assert len(names) == len(set(names))
    assert all(len(name) <= 63 for _, name in names)
    assert all(len(name) <= 52 for kind, name in names if kind == "CronJob")


def test_names_stay_short_enough_whatever_the_release_is_called():
    release = "a-release-whose-name-is-as-long-as-helm-lets-it-be-53"
    for each in chart.objects({"secrets": EXISTING}, release=release):
        longest = 52 if each["kind"] == "CronJob" else 63
        assert len(each["metadata"]["name"]) <= longest


def test_a_deployment_selects_its_own_pods_and_no_others(rendering):
    pods = labels_of_pods(rendering)
    for each in of_kind(rendering, "Deployment"):
        selector = each["spec"]["selector"]["matchLabels"]
        assert set(selector) == SELECTOR
        assert sum(matches(selector, labels) for labels in pods) == 1
        assert matches(selector, each["spec"]["template"]["metadata"]["labels"])


def test_a_service_leads_to_a_port_that_is_there(rendering):
    for each in of_kind(rendering, "Service"):
        [pod] = [
            one["spec"]["template"]["spec"]
            for one in of_kind(rendering, "Deployment")
            if matches(
                each["spec"]["selector"], one["spec"]["template"]["metadata"]["labels"]
            )
        ]
        named = {
            port["name"]
            for container in pod["containers"]
            for port in container.get("ports", [])
        }
        assert {port["targetPort"] for port in each["spec"]["ports"]} <= named


def test_a_service_monitor_reads_a_port_of_a_service(rendering):
    for each in of_kind(rendering, "ServiceMonitor"):
        [service] = [
            one
            for one in of_kind(rendering, "Service")
            if matches(
                each["spec"]["selector"]["matchLabels"], one["metadata"]["labels"]
            )
        ]
        ports = {port["name"] for port in service["spec"]["ports"]}
        assert {endpoint["port"] for endpoint in each["spec"]["endpoints"]} <= ports


def test_the_ingress_leads_to_the_port_of_the_api(rendering):
    for each in of_kind(rendering, "Ingress"):
        for rule in each["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                service = chart.only(rendering, "Service", backend["name"])
                ports = {port["name"] for port in service["spec"]["ports"]}
                assert backend["port"]["name"] in ports


def test_a_disruption_budget_is_about_pods_that_are_there(rendering):
    for each in of_kind(rendering, "PodDisruptionBudget"):
        selector = each["spec"]["selector"]["matchLabels"]
        assert sum(matches(selector, one) for one in labels_of_pods(rendering)) == 1


def test_who_is_scaled_by_others_has_no_replicas_of_its_own(rendering):
    scaled = {
        each["spec"]["scaleTargetRef"]["name"]
        for each in of_kind(rendering, "HorizontalPodAutoscaler", "ScaledObject")
    }
    deployments = of_kind(rendering, "Deployment")

    assert scaled <= {each["metadata"]["name"] for each in deployments}
    for each in deployments:
        assert ("replicas" in each["spec"]) != (each["metadata"]["name"] in scaled)


def test_the_network_is_closed_but_for_what_is_said():
    policies = of_kind(chart.objects({"secrets": EXISTING}), "NetworkPolicy")
    [default] = [
        each for each in policies if each["metadata"]["name"].endswith("-default")
    ]

    assert default["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert default["spec"]["ingress"] == []
    [names] = default["spec"]["egress"]
    assert {port["port"] for port in names["ports"]} == {53}
    assert set(default["spec"]["podSelector"]["matchLabels"]) < SELECTOR
    for each in policies:
        for rule in each["spec"].get("egress", []):
            for peer in rule.get("to", []):
                block = peer.get("ipBlock", {"except": ["169.254.0.0/16"]})
                assert "169.254.0.0/16" in block["except"]


def test_a_network_policy_is_about_pods_that_the_chart_makes():
    rendering = chart.objects(
        {"secrets": EXISTING, "schedules": {"retain": "0 3 * * *"}}
    )
    components = {
        each["metadata"]["labels"]["app.kubernetes.io/component"] for each in rendering
    }
    for each in of_kind(rendering, "NetworkPolicy"):
        for expression in each["spec"]["podSelector"].get("matchExpressions", []):
            assert set(expression["values"]) <= components


def test_what_runs_before_the_release_needs_nothing_of_it(rendering):
    """A hook's Secret and account must be there before the release's own objects."""
    hooks = {
        (each["kind"], each["metadata"]["name"])
        for each in rendering
        if "helm.sh/hook" in each["metadata"].get("annotations", {})
    }
    ordinary = {
        (each["kind"], each["metadata"]["name"])
        for each in rendering
        if (each["kind"], each["metadata"]["name"]) not in hooks
    }
    for each in of_kind(rendering, "Job"):
        assert "pre-install" in each["metadata"]["annotations"]["helm.sh/hook"]
        pod = each["spec"]["template"]["spec"]
        assert ("ServiceAccount", pod["serviceAccountName"]) not in ordinary
        for container in pod["containers"]:
            for variable in container["env"]:
                source = variable.get("valueFrom", {}).get("secretKeyRef")
                if source:
                    assert ("Secret", source["name"]) not in ordinary
                    assert ("ExternalSecret", source["name"]) not in ordinary


def test_numbers_are_written_the_same_if_they_are_read_as_floats():
    """Helm reads the numbers of YAML as floats, and would write 1000000 as 1e+06."""

    def floats(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: floats(each) for key, each in value.items()}
        if isinstance(value, list):
            return [floats(each) for each in value]
        return float(value) if type(value) is int else value

    options: Any = {
        "release": "screening",
        "api_versions": frozenset({chart.MONITORING}),
    }
    for path in chart.VALUE_FILES:
        whole = chart.merged(chart.defaults(), chart.values_of(path))
        whole["podSecurity"]["runAsUser"] = 2_000_000_000
        found = chart.rendered(floats(whole), **options)
        for name, text in chart.rendered(whole, **options).items():
            assert "e+" not in found[name]
            if name != "NOTES.txt":
                assert [*yaml.safe_load_all(found[name])] == [*yaml.safe_load_all(text)]


def test_without_the_operators_crds_nothing_of_theirs_is_made():
    values = chart.values_of(chart.VALUE_FILES[0].parent / "monitored.yaml")

    found = chart.objects(values, api_versions=frozenset())
    notes = chart.texts(values, api_versions=frozenset())["NOTES.txt"]

    assert not of_kind(found, "ServiceMonitor", "PrometheusRule")
    assert "monitoring.coreos.com/v1" in notes
    assert of_kind(chart.objects(values), "ServiceMonitor", "PrometheusRule")


def test_the_links_of_alerts_lead_to_where_the_runbook_is_served():
    values = chart.values_of(chart.VALUE_FILES[0].parent / "monitored.yaml")

    [rules] = of_kind(chart.objects(values), "PrometheusRule")

    links = {
        rule["annotations"]["runbook_url"]
        for group in rules["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    base = "https://wiki.clinic.example/pediscreen/runbook#"
    assert len(links) >= 12
    assert all(link.startswith(base) for link in links), links
