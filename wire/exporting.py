"""Sending spans to a collector, by OTLP over HTTP. Only loaded where there is one."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterable, Sequence

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from wire.tracing import Attributes, Kind

logger = logging.getLogger(__name__)

KINDS = {kind.name.lower(): kind for kind in SpanKind}
SEND_SECONDS = 3.0
"""For one batch: the next ones wait behind it."""

STOP_SECONDS = 4.0
"""For all that is left at the end."""


class Recorder:
    """The spans of one process."""

    def __init__(self, *, url: str, share: float, service: str, version: str) -> None:
        host = socket.gethostname()
        self._exporter = PatientExporter(
            OTLPSpanExporter(endpoint=url, timeout=SEND_SECONDS)
        )
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(share)),
            resource=Resource.create(
                {
                    "service.name": service,
                    "service.version": version,
                    "service.instance.id": f"{host}-{os.getpid()}",
                }
            ),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("pediscreen")

    def begin(
        self,
        name: str,
        kind: Kind,
        parent: str,
        since: int | None,
        attributes: Attributes | None,
    ) -> tuple[str, Span]:
        """Begin a span; return its ``traceparent`` too. ``since`` is in nanoseconds."""
        found = _context_of(parent)
        span = self._tracer.start_span(
            name,
            # A context of its own: else the thread's would be asked.
            set_span_in_context(NonRecordingSpan(found), Context())
            if found
            else Context(),
            KINDS[kind],
            attributes,
            start_time=since,
        )
        own = span.get_span_context()
        flags = int(own.trace_flags)
        return f"00-{own.trace_id:032x}-{own.span_id:016x}-{flags:02x}", span

    def link(self, span: Span, places: Iterable[str]) -> None:
        """Tie a span to others."""
        for place in places:
            if found := _context_of(place):
                span.add_link(found)

    def fail(self, span: Span, code: str) -> None:
        """Mark a span as failed."""
        span.set_attribute("error.type", code)
        span.set_status(Status(StatusCode.ERROR))

    def close(self) -> None:
        """Send what is left; give up after a few seconds."""
        self._exporter.give_up_at = time.monotonic() + STOP_SECONDS
        self._provider.shutdown()


class PatientExporter(SpanExporter):
    """Says once that the collector takes nothing, and once that it does again.

    What it did not take is gone: no job waits for its trace.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.is_failing = False
        self.give_up_at = float("inf")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send one batch."""
        is_ending = self.give_up_at != float("inf")
        if time.monotonic() > self.give_up_at or (is_ending and self.is_failing):
            return SpanExportResult.FAILURE
        result = self._exporter.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if failed and not self.is_failing:
            logger.warning(
                "OTEL_COLLECTOR_URL takes no traces: they are dropped until it does"
            )
        if self.is_failing and not failed:
            logger.info("OTEL_COLLECTOR_URL takes traces again")
        self.is_failing = failed
        return result

    def shutdown(self) -> None:
        """End the connection."""
        self._exporter.shutdown()


def _context_of(traceparent: str) -> SpanContext | None:
    if not traceparent:
        return None
    _, trace_id, span_id, flags = traceparent.split("-")
    return SpanContext(
        int(trace_id, 16),
        int(span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(int(flags, 16)),
    )
