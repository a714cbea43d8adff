"""docker/compose.yaml: what it says is so, and its processes do the work."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pediscreen_site.run import ROLES
from tests.deploy import compose, image
from tests.deploy.promtool import promtool
from tests.servers import ROOT
from tests.site.test_settings import variables

pytestmark = pytest.mark.deploy

SERVICES = compose.services()
OURS = compose.ours()
VERSION = (ROOT / "pediscreen_site" / "settings.py").read_text()
ONE_SHOT = {"secrets", "migrate"}
# What the variables that anybody may give compose are for is said in these.
PROFILES = ["gpu", "medgemma", "mtls"]
GIVEN = {"HOST_NAME", "HF_TOKEN", "COMPOSE_PROFILES", "MODELS_FOLDER"}
# Two images have our code: one for all, and one with what MedGemma runs on.
WITH_OUR_CODE = {**OURS, "medgemma": SERVICES["medgemma"]}


def volumes(service: dict[str, Any]) -> dict[str, str]:
    """Return where each volume or file is mounted, by its name."""
    parts = [each.split(":") for each in service.get("volumes", [])]
    return {part[0]: part[1] for part in parts}


def test_it_is_what_the_compose_specification_says():
    program = Path(sys.executable).parent / "check-jsonschema"

    done = subprocess.run(
        [program, "--builtin-schema", "vendor.compose-spec", compose.FILE],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def test_all_of_it_is_there():
    assert set(OURS) == {
        *ONE_SHOT,
        *["api", "worker", "streamworker", "modelserver"],
    }
    assert set(SERVICES) - set(OURS) == {
        *["postgres", "redis", "otel-collector", "prometheus", "grafana"],
        *["nginx", "vllm", "medgemma"],
    }
    profiles = {name: each.get("profiles") for name, each in SERVICES.items()}
    assert {name: found for name, found in profiles.items() if found} == {
        "nginx": ["mtls"],
        "vllm": ["gpu"],
        "medgemma": ["medgemma"],
    }


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_of_one_version(name):
    repository, _, tag = SERVICES[name]["image"].rpartition(":")

    assert repository
    assert re.fullmatch(r"v?\d+\.\d+(\.\d+)?(-[a-z0-9.]+)?", tag)


def test_our_image_is_of_the_version_that_the_settings_say():
    [version] = re.findall(r'^VERSION = "(.+)"', VERSION, re.M)

    assert {each["image"] for each in OURS.values()} == {f"{compose.OURS}{version}"}
    assert SERVICES["medgemma"]["image"] == f"pediscreen-modelserver:{version}"


@pytest.mark.parametrize("name", WITH_OUR_CODE)
def test_a_service_of_ours_runs_a_role_and_is_allowed_nothing_more(name):
    service = WITH_OUR_CODE[name]

    assert service["command"][0] in ROLES
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108 - the container's own
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in service  # the image's own, which is not root
    assert "privileged" not in service


@pytest.mark.parametrize("name", WITH_OUR_CODE)
def test_a_variable_of_a_service_of_ours_is_one_that_the_settings_read(name):
    assert set(WITH_OUR_CODE[name].get("environment", {})) <= set(variables())


def test_a_variable_that_may_be_given_is_a_setting_or_said_to_be_more():
    given = {name for name, _ in compose.VARIABLE.findall(compose.FILE.read_text())}
    files = [compose.env_file(compose.FILE.with_name(f"{n}.env")) for n in PROFILES]

    assert given <= {*variables(), *GIVEN}
    assert {name for each in files for name in each} <= {*given, *GIVEN}


def test_nothing_in_it_is_secret():
    written = [
        f"{key}={value}"
        for service in SERVICES.values()
        for key, value in service.get("environment", {}).items()
    ]
    telling = re.compile(r"(?i)(password|secret|token|key)\w*(?<!file)=.")
    urls = re.compile(r"://[^@/\s]*:[^@/\s]*@")

    assert [each for each in written if telling.search(each)] == []
    assert not urls.search(compose.FILE.read_text())


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_what_it_needs_and_says_how_it_is(name):
    service = SERVICES[name]

    for other, how in service.get("depends_on", {}).items():
        shot = other in ONE_SHOT
        assert how["condition"] == (
            "service_completed_successfully" if shot else "service_healthy"
        )
        assert shot or "test" in SERVICES[other]["healthcheck"]
    if name in ONE_SHOT:
        assert service["healthcheck"] == {"disable": True}
        assert service["restart"] == "on-failure:3"
    elif name != "otel-collector":  # its image has nothing to ask it with
        assert service["healthcheck"]["test"][0] == "CMD"


def test_only_who_needs_a_secret_is_given_it():
    holders = {
        volume: {name for name in SERVICES if volume in volumes(SERVICES[name])}
        for volume in ("settings", "audit", "passwords")
    }

    assert holders == {
        "settings": set(WITH_OUR_CODE),
        "audit": {"secrets", "worker"},
        "passwords": {"secrets", "postgres", "redis", "prometheus", "grafana"},
    }
    writable = [
        name
        for name, service in SERVICES.items()
        for mount in service.get("volumes", [])
        if mount.split(":")[0] in holders and not mount.endswith(":ro")
    ]
    assert set(writable) == {"secrets"}


def test_a_volume_of_ours_is_a_folder_that_the_image_gives_to_its_user():
    [made] = [words for name, words in image.instructions() if "useradd" in words]

    for service in OURS.values():
        for folder in set(volumes(service).values()) - {"/certs"}:
            assert f" {folder} " in f"{made} "


def test_every_file_that_is_mounted_is_there():
    mounted = [
        ROOT / "docker" / source
        for service in SERVICES.values()
        for source in volumes(service)
        if source.startswith(".") and source != "./certs"
    ]

    assert len(mounted) == 7
    assert [path for path in mounted if not path.is_file()] == []


def test_plain_http_is_for_this_machine_alone():
    ports = {port for each in SERVICES.values() for port in each.get("ports", [])}

    assert "127.0.0.1:9000:9000" in ports
    assert [each for each in ports if "127.0.0.1" not in each] == ["8443:8443"]
    assert "ports" not in SERVICES["postgres"]
    assert "ports" not in SERVICES["redis"]


def test_nginx_is_given_every_name_that_its_configuration_leaves_open():
    text = (ROOT / "helm/pedi-orchestrator/files/nginx.conf").read_text()
    service = SERVICES["nginx"]
    names = set(re.findall(r"\$\{([A-Z_]+)\}", text)) - {"..."}

    assert names == {n for n in service["environment"] if not n.startswith("NGINX_")}
    assert service["environment"]["BACKEND"] == "127.0.0.1:9000"
    assert service["network_mode"] == "service:api"


# --- What watches -----------------------------------------------------------------


def read(name: str) -> Any:
    """Read one of the files beside compose.yaml."""
    return yaml.safe_load((ROOT / "docker" / name).read_text())


def test_prometheus_can_read_what_it_is_given():
    promtool(
        "check", "config", "--syntax-only", compose.FILE.with_name("prometheus.yaml")
    )


def test_prometheus_asks_services_that_are_there_on_ports_where_they_answer():
    found = read("prometheus.yaml")
    jobs = {job["job_name"]: job for job in found["scrape_configs"]}
    workers = jobs["worker"]["dns_sd_configs"][0]

    assert found["rule_files"] == list(volumes(SERVICES["prometheus"]).values())[1:2]
    for name in workers["names"]:
        assert OURS[name]["environment"]["METRICS_PORT"] == str(workers["port"])
    assert jobs["api"]["static_configs"] == [{"targets": ["api:9000"]}]
    assert jobs["modelserver"]["static_configs"] == [{"targets": ["modelserver:8000"]}]
    assert OURS["modelserver"]["command"][-1] == "8000"
    assert jobs["api"]["authorization"]["credentials_file"] == "/passwords/api_key"


def test_the_collector_takes_traces_where_the_product_sends_them():
    found = read("otel-collector.yaml")
    port = found["receivers"]["otlp"]["protocols"]["http"]["endpoint"].split(":")[1]
    url = OURS["api"]["environment"]["OTEL_COLLECTOR_URL"]

    assert url == f"http://otel-collector:{port}/v1/traces"
    for pipeline in found["service"]["pipelines"].values():
        for kind in ("receivers", "processors", "exporters"):
            assert set(pipeline[kind]) <= set(found[kind])


def test_grafana_finds_prometheus_and_the_one_dashboard():
    [source] = read("grafana/datasource.yaml")["datasources"]
    [provider] = read("grafana/dashboards.yaml")["providers"]
    mounted = volumes(SERVICES["grafana"])
    dashboard = mounted["../helm/pedi-orchestrator/files/dashboard.json"]

    assert source["url"] == "http://prometheus:9090"
    assert dashboard.startswith(f"{provider['options']['path']}/")
    home = SERVICES["grafana"]["environment"]
    assert home["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == dashboard
