"""The trace that the work under way belongs to, and its spans.

Where we are in a trace is one W3C ``traceparent`` text in a context variable. It comes
in with a request, lies in the row of a job or task, and goes out with a call. With a
collector configured our own spans are places in it; without one the caller's is handed
on as it came, so that log lines name it all the same.

Spans hold ids, codes and counts: no address, header or statement, and nobody's words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, Literal

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Attributes = Mapping[str, str | int]
TRACEPARENT = re.compile(
    r"00-(?!0{32})(?P<trace>[0-9a-f]{32})-(?!0{16})(?P<span>[0-9a-f]{16})-[0-9a-f]{2}"
)

place: ContextVar[str] = ContextVar("traceparent", default="")
"""The ``traceparent`` of the work under way; empty if it belongs to no trace."""


class Export:
    """What records this process's spans; None where they go nowhere."""

    recorder: Any = None


# --- Where we are -----------------------------------------------------------------


def accept(header: str) -> str:
    """Read a ``traceparent`` header; empty if there is none, or it is none."""
    return header if TRACEPARENT.fullmatch(header) else ""


def current() -> str:
    """Return the ``traceparent`` of the work under way; empty if it has none."""
    return place.get()


def trace_id(traceparent: str) -> str:
    """Return the trace's 32 hex digits; empty if there is no trace."""
    return traceparent[3:35]


def headers() -> dict[str, str]:
    """Return the header that hands the trace on with a call."""
    found = place.get()
    return {"traceparent": found} if found else {}


# --- Spans ------------------------------------------------------------------------


class Span:
    """One step of a trace. Where nothing is recorded it is only the place in it."""

    __slots__ = ("_recorded", "traceparent")

    def __init__(self, traceparent: str, recorded: Any = None) -> None:
        self.traceparent = traceparent
        self._recorded = recorded

    def set(self, attributes: Attributes) -> None:
        """Note ids, codes and counts."""
        if self._recorded is not None:
            self._recorded.set_attributes(attributes)

    def rename(self, name: str) -> None:
        """Give it the name that is known by now."""
        if self._recorded is not None:
            self._recorded.update_name(name)

    def link(self, places: Iterable[str]) -> None:
        """Tie it to spans of other traces."""
        if self._recorded is not None:
            Export.recorder.link(self._recorded, places)

    def fail(self, code: str) -> None:
        """Mark it as failed, by a code."""
        if self._recorded is not None:
            Export.recorder.fail(self._recorded, code)

    def end(self) -> None:
        """End it now."""
        if self._recorded is not None:
            self._recorded.end()


def begin(
    name: str,
    *,
    kind: Kind = "internal",
    parent: str,
    since: int | None = None,
    attributes: Attributes | None = None,
) -> Span:
    """Begin a span under a parent, or a trace of its own where that is empty.

    ``since`` is in nanoseconds, for what began earlier. Whoever begins it ends it.
    """
    if Export.recorder is None:
        return Span(parent)
    own, recorded = Export.recorder.begin(name, kind, parent, since, attributes)
    return Span(own, recorded)


@contextmanager
def span(
    name: str,
    *,
    kind: Kind = "internal",
    parent: str | None = None,
    attributes: Attributes | None = None,
) -> Iterator[Span]:
    """Let what is done inside be a span: of the work under way if no parent is named.

    An exception marks it as failed by its code, or its type: never by what it says.
    """
    begun = begin(
        name,
        kind=kind,
        parent=current() if parent is None else parent,
        attributes=attributes,
    )
    token = place.set(begun.traceparent)
    try:
        yield begun
    except BaseException as exc:
        begun.fail(getattr(exc, "code", "") or type(exc).__name__)
        raise
    finally:
        place.reset(token)
        begun.end()


def model_call(target: str) -> AbstractContextManager[Span]:
    """Let what is done inside be a call to a model server, by its configured name."""
    return span("call model", kind="client", attributes={"pedi.target": target})


# --- Where they go ----------------------------------------------------------------


def start(service: str) -> None:
    """Send this process's spans to the collector, if one is configured.

    To be called once by a process that serves, in itself and not before it forks.
    With ``OTEL_TRACES_SAMPLER_ARG`` at 0 nothing is sent, whatever a caller asks for.

    Raises:
        ImproperlyConfigured: the packages for it are not installed.
    """
    share = settings.OTEL_TRACES_SAMPLER_ARG
    if not settings.OTEL_COLLECTOR_URL or not share:
        return
    try:
        from multiprocessing.util import Finalize

        from wire.exporting import Recorder
    except ImportError:
        raise ImproperlyConfigured(
            "OTEL_COLLECTOR_URL is set, and OpenTelemetry is not installed. Install "
            "it with 'pip install -r requirements/prod.txt', or leave the variable out."
        ) from None
    Export.recorder = Recorder(
        url=settings.OTEL_COLLECTOR_URL,
        share=share,
        service=service,
        version=settings.VERSION,
    )
    # What is registered with atexit alone is not run in a process that was forked, as
    # those of the API are.
    Finalize(None, stop, exitpriority=1)


def stop() -> None:
    """Send what is left, for a few seconds at most. To be called at a graceful stop."""
    recorder, Export.recorder = Export.recorder, None
    if recorder is not None:
        recorder.close()
