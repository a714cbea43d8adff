"""A receiver as a clinic would write one, over a real socket; and what it is told."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any

from routing.client import ModelClient
from screening.models import Clinic, Job, WebhookEndpoint
from screening.outcomes import Outcome
from screening.results import check_result
from screening.services.execution import with_rules
from screening.services.keys import default_clinic
from screening.services.webhooks.courier import deliver_all
from screening.services.webhooks.endpoints import ALL_EVENTS, add_endpoint
from tests.screening.making import outcome

TOLERANCE = 300
ANSWER = {"risk": "monitor", "summary": ["An answer."], "confidence": 0.7}


class Receiver:
    """Answers each POST by the next of ``answers``, then with 204; keeps what came."""

    def __init__(self, *, certificate: str = "") -> None:
        self.answers: list[Any] = []
        self.came: list[tuple[str, dict[str, str], bytes]] = []
        self.body = b""
        self.hold = threading.Event()
        self.hold.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.came.append((self.path, headers, self.rfile.read(length)))
                left = receiver.answers
                status, extra = left.pop(0) if left else (204, {})
                receiver.hold.wait(30)
                self.send_response(status)
                for name, value in extra.items():
                    self.send_header(name, value)
                if "Content-Length" not in extra:
                    self.send_header("Content-Length", "0")
                self.end_headers()
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(receiver.body)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.scheme = "https" if certificate else "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True
            )
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.came]

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for _, headers, _ in self.came]

    def stop(self) -> None:
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()


def verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Check a webhook as docs/webhooks.md says."""
    at = headers["webhook-timestamp"]
    if abs(time.time() - int(at)) > TOLERANCE:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{at}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(digest).decode()
    given = headers["webhook-signature"].split(" ")
    return any(hmac.compare_digest(expected, one) for one in given)


def allow(settings: Any, *ports: int) -> None:
    """Let webhooks go to this machine, without TLS."""
    settings.AGENT_PLAIN_HTTP = True
    settings.AGENT_ALLOWED_NETWORKS = (ip_network("127.0.0.0/8"),)
    settings.AGENT_ALLOWED_PORTS = frozenset({443, *ports})


def make_endpoint(
    url: str = "https://clinic.example.org/hook",
    *,
    clinic: Clinic | None = None,
    events: Sequence[str] = ALL_EVENTS,
) -> tuple[WebhookEndpoint, str]:
    """Add an endpoint; return it and its secret."""
    return add_endpoint(
        clinic=clinic or default_clinic(), url=url, events=events, actor="user:1"
    )


def drafted(job: Job) -> Outcome:
    """Bring a good answer back for a claim."""
    result = check_result(dict(ANSWER), case_id=job.case.case_id)
    return with_rules(outcome(job, target="edge", result=result))


@contextlib.contextmanager
def loop() -> Iterator[ModelClient]:
    """Run an event loop, as a worker has one."""
    client = ModelClient(connections=1)
    try:
        yield client
    finally:
        client.close()


def deliver(worker: str = "w1") -> int:
    """Send all that is due."""
    with loop() as client:
        return deliver_all(client, worker=worker)
