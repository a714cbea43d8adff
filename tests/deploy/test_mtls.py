"""Mutual TLS with a real nginx: who has a certificate is let in, and cannot lie."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
import trustme

from tests.deploy import chart
from tests.deploy.nginx import Nginx, filled, mtls_pod
from tests.system.stack import Stack, wait_until

pytestmark = pytest.mark.deploy

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Certificates:
    """Who is who: a server, a client that may come in, and some that may not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        servers, clients, strangers = trustme.CA(), trustme.CA(), trustme.CA()
        server = servers.issue_cert("localhost", "127.0.0.1")
        server.private_key_pem.write_to_path(folder / "tls.key")
        for blob in server.cert_chain_pems:
            blob.write_to_path(folder / "tls.crt", append=True)
        clients.cert_pem.write_to_path(folder / "ca.crt")
        self.server_ca = str(folder / "server-ca.crt")
        servers.cert_pem.write_to_path(self.server_ca)
        self.good = self._store(
            "good", clients.issue_cert(common_name="ehr-bridge", **ORGANISATION)
        )
        self.foreign = self._store(
            "foreign", strangers.issue_cert(common_name="ehr-bridge", **ORGANISATION)
        )
        self.expired = self._store(
            "expired",
            clients.issue_cert(
                common_name="ehr-bridge",
                **ORGANISATION,
                not_before=LONG_AGO,
                not_after=LONG_AGO + timedelta(days=1),
            ),
        )

    def _store(self, name: str, cert: trustme.LeafCert) -> str:
        path = self.folder / f"{name}.pem"
        cert.private_key_and_cert_chain_pem.write_to_path(path)
        return str(path)


ORGANISATION = {"organization_name": "clinic.example"}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("tls"))


def start_api(stack: Stack) -> None:
    """Start the API as the chart's pod does, on a port that is free."""
    api: Any = mtls_pod()["api"]
    stack.env |= {
        each["name"]: each["value"].replace("$(POD_IP)", "10.0.0.9")
        for each in api["env"]
        if each.get("value") and each["name"] != "EDGE_MODEL_URL"
    }
    words = api["command"][1:]
    words[words.index("--port=9000")] = f"--port={stack.port}"
    stack.start(*words, log="api")
    wait_until(stack._answers, what=lambda: stack.log("api"))


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack() as found:
        start_api(found)
        yield found


@pytest.fixture(scope="module")
def nginx(
    stack: Stack, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Nginx]:
    found = Nginx(
        tmp_path_factory.mktemp("nginx"), tls=certificates.folder, backend=stack.port
    )
    yield found
    found.stop()


@pytest.fixture
def ask(nginx: Nginx, stack: Stack, certificates: Certificates) -> Any:
    def ask(path: str, *, cert: str | None, method: str = "GET", **options: Any) -> Any:
        return requests.request(
            method,
            f"{nginx.url}{path}",
            cert=cert,
            verify=certificates.server_ca,
            timeout=10,
            allow_redirects=False,
            **options,
        )

    return ask


def test_who_has_a_certificate_and_a_key_is_served(ask, certificates, stack):
    key = dict(stack.session.headers)
    sent = ask(
        "/api/submit",
        method="POST",
        cert=certificates.good,
        headers=key,
        json={"age_months": 20},
    )
    job = ask(
        f"/api/status/{sent.json()['job_id']}", cert=certificates.good, headers=key
    )

    assert (sent.status_code, job.status_code) == (200, 200)
    assert job.json()["status"] == "PENDING"


def test_a_certificate_is_no_key(ask, certificates):
    assert ask("/readyz", cert=certificates.good).status_code == 200
    assert ask("/api/jobs", cert=certificates.good).status_code == 401


@pytest.mark.parametrize("which", ["none", "foreign", "expired"])
def test_who_has_no_certificate_of_ours_is_refused(ask, certificates, stack, which):
    cert = None if which == "none" else getattr(certificates, which)
    before = stack.rows("SELECT count(*) FROM screening_job")

    for path in ("/livez", "/api/jobs", "/admin/", "/metrics"):
        answer = ask(path, cert=cert, headers=dict(stack.session.headers))
        assert answer.status_code == 400
        assert "certificate" in answer.text
    assert stack.rows("SELECT count(*) FROM screening_job") == before


def test_what_is_too_large_is_refused_in_the_words_of_the_api(ask, certificates, stack):
    answer = ask(
        "/api/submit",
        method="POST",
        cert=certificates.good,
        headers=dict(stack.session.headers),
        json={"observations": "x" * 3_000_000},
    )

    assert answer.status_code == 413
    assert answer.json()["code"] == "PAYLOAD_TOO_LARGE"


def test_the_desk_sets_cookies_for_https_alone(ask, certificates):
    page = ask("/admin/login/", cert=certificates.good)

    assert page.status_code == 200
    assert "Secure" in page.headers["Set-Cookie"]
    assert page.headers["Strict-Transport-Security"]


def test_the_backend_is_bound_to_loopback(stack):
    """Whoever is on the network meets nginx, never the API itself."""
    started = psutil.Process(stack.processes[0].pid)
    listening = {
        (connection.laddr.ip, connection.laddr.port)
        for process in (started, *started.children(recursive=True))
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }

    assert listening == {("127.0.0.1", stack.port)}


def test_the_probes_of_the_cluster_reach_two_paths_and_no_more(nginx, stack):
    url = f"http://127.0.0.1:{nginx.health_port}"
    key = dict(stack.session.headers)

    assert requests.get(f"{url}/livez", timeout=5).status_code == 200
    ready = requests.get(f"{url}/readyz", headers=key, timeout=5)
    assert ready.status_code == 200
    assert set(ready.json()) == {
        "status"
    }  # what is what is told to keys, and there is none
    for path in ("/metrics", "/api/jobs", "/admin/", "/", "/livez/"):
        assert requests.get(url + path, headers=key, timeout=5).status_code == 404


# --- What the API hears ------------------------------------------------------------


class Echo(BaseHTTPRequestHandler):
    """Answers with the headers that came, each as often as it came."""

    def do_GET(self) -> None:
        body = json.dumps(
            {name.lower(): self.headers.get_all(name) for name in self.headers}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def heard(certificates: Certificates, tmp_path: Path) -> Iterator[Any]:
    """Return what a backend hears of a request with these headers."""
    backend = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=backend.serve_forever, daemon=True)
    thread.start()
    nginx = Nginx(tmp_path, tls=certificates.folder, backend=backend.server_port)

    def ask(**headers: str) -> dict[str, list[str]]:
        answer = requests.get(
            f"{nginx.url}/api/jobs",
            headers=headers,
            cert=certificates.good,
            verify=certificates.server_ca,
            timeout=10,
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    yield ask
    nginx.stop()
    backend.shutdown()
    backend.server_close()
    thread.join()


SPOOFED = [
    *("X-SSL-Client-Verify", "X-SSL-Client-Subject", "X-SSL-Client-Fingerprint"),
    *("X-SSL-Client-Cert", "X-SSL-Client-CN", "X-SSL-Client-DN"),
    *("X-SSL-Client-S-DN", "X-SSL-Client-I-DN", "X-SSL-Client-Serial"),
    *("X-Forwarded-Client-Cert", "X-Client-Subject"),
    *("X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded"),
]


@pytest.mark.parametrize("name", SPOOFED)
def test_who_one_is_cannot_be_made_up(heard, name):
    spellings = {name, name.lower(), name.replace("-", "_"), name.upper()}
    for spelling in spellings:
        found = heard(**{spelling: "CN=zq-administrator"})
        assert "zq-administrator" not in json.dumps(found)


def test_the_api_hears_who_it_is_from_the_certificate(heard):
    found = heard(**{"X-Forwarded-Proto": "http", "x-api-key": "kept"})

    assert found["x-ssl-client-verify"] == ["SUCCESS"]
    [subject] = found["x-ssl-client-subject"]
    assert "CN=ehr-bridge" in subject
    assert len(found["x-ssl-client-fingerprint"][0]) == 40
    assert found["x-forwarded-proto"] == ["https"]
    assert found["x-forwarded-for"] == ["127.0.0.1"]
    assert found["x-api-key"] == ["kept"]


# --- The chart's own ---------------------------------------------------------------


def test_the_chart_fills_the_same_file_in():
    values = chart.values_of(chart.VALUE_FILES[0].parent / "mtls.yaml")
    found = chart.only(
        chart.objects(values), "ConfigMap", "screening-pedi-orchestrator-nginx"
    )

    assert found["data"]["nginx.conf"].split() == (
        filled(
            MTLS_PORT=8443,
            HEALTH_PORT=8081,
            BACKEND="127.0.0.1:9000",
            TLS_FOLDER="/etc/tls/server",
            CLIENT_CA_FOLDER="/etc/tls/clients",
            TEMP_FOLDER="/tmp",  # noqa: S108 - the pod's own
        ).split()
    )


def test_with_mtls_the_pod_opens_no_other_way_in():
    containers: Any = mtls_pod()

    assert "--host=127.0.0.1" in containers["api"]["command"]
    assert "ports" not in containers["api"]
    assert {port["containerPort"] for port in containers["nginx"]["ports"]} == {
        8443,
        8081,
    }
