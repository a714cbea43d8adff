"""A collector of traces: it takes OTLP over HTTP as a real one does."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

KINDS = ["", "internal", "server", "client", "producer", "consumer"]
FAILED = 2


@dataclass(frozen=True, kw_only=True)
class Collected:
    """One span, with its ids as hex digits."""

    name: str
    service: str
    kind: str
    trace: str
    id: str
    parent: str
    begun: int
    ended: int
    failed: bool
    attributes: dict[str, Any]
    links: tuple[str, ...] = field(default=())
    """The ids of the spans that it is linked to."""


class Collector:
    """One receiver in a thread: the spans that came, and all bytes of them."""

    def __init__(self) -> None:
        self.spans: list[Collected] = []
        self.raw = b""
        self.requests = 0
        self.status = 200
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.requests += 1
                if collector.status == 200:
                    assert self.path == "/v1/traces"
                    assert self.headers["Content-Type"] == "application/x-protobuf"
                    collector.take(body)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(collector.status)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1/traces"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def take(self, body: bytes) -> None:
        self.raw += body
        for of_process in ExportTraceServiceRequest.FromString(body).resource_spans:
            process = _attributes(of_process.resource.attributes)
            for scope in of_process.scope_spans:
                self.spans += [
                    Collected(
                        name=span.name,
                        service=process["service.name"],
                        kind=KINDS[span.kind],
                        trace=span.trace_id.hex(),
                        id=span.span_id.hex(),
                        parent=span.parent_span_id.hex(),
                        begun=span.start_time_unix_nano,
                        ended=span.end_time_unix_nano,
                        failed=span.status.code == FAILED,
                        attributes=_attributes(span.attributes),
                        links=tuple(link.span_id.hex() for link in span.links),
                    )
                    for span in scope.spans
                ]

    def of(self, trace: str) -> dict[str, Collected]:
        """Return the spans of a trace by name; each name is in it once."""
        found = [span for span in self.spans if span.trace == trace]
        named = {span.name: span for span in found}
        assert len(named) == len(found), sorted(span.name for span in found)
        return named


def _attributes(pairs: Any) -> dict[str, Any]:
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs
    }
