"""Where we are in a trace, and what is refused about sending it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.servers import ROOT
from wire import tracing
from wire.subject import About, subject

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"


def test_a_traceparent_of_the_standard_is_taken():
    assert tracing.accept(GOOD) == GOOD
    assert tracing.trace_id(GOOD) == TRACE
    assert len(GOOD) == 55


@pytest.mark.parametrize(
    "header",
    [
        *("", "zq-quokka says mama", GOOD[:-1], GOOD + "0", GOOD.upper(), f" {GOOD}"),
        *(f"{GOOD}\n", f"ff-{TRACE}-{SPAN}-01", f"01-{TRACE}-{SPAN}-01"),
        *(f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01"),
        f"00-{TRACE[:-1]}g-{SPAN}-01",
    ],
)
def test_anything_else_is_no_trace(header):
    assert tracing.accept(header) == ""


def test_without_a_collector_the_callers_place_is_handed_on_and_left_again():
    assert tracing.headers() == {}
    with tracing.span("x", kind="server", parent=GOOD) as span:
        span.set({"pedi.attempt": 1})
        span.fail("MODEL_TIMEOUT")
        with tracing.model_call("edge"):
            assert tracing.headers() == {"traceparent": GOOD}
    assert tracing.current() == ""


def test_what_is_about_a_job_ends_with_it_whatever_happens():
    def broken() -> None:
        with About({"job_id": "1"}, GOOD):
            assert (subject.get(), tracing.current()) == ({"job_id": "1"}, GOOD)
            raise LookupError

    with pytest.raises(LookupError):
        broken()
    assert (subject.get(), tracing.current()) == ({}, "")


@pytest.mark.system
@pytest.mark.parametrize(
    ("env", "said"),
    [
        (
            {"OTEL_COLLECTOR_URL": "http://127.0.0.1:9/v1/traces"},
            "requirements/prod.txt",
        ),
        ({}, "not refused"),
        (
            {
                "OTEL_COLLECTOR_URL": "http://127.0.0.1:9/v1/traces",
                "OTEL_TRACES_SAMPLER_ARG": "0",
            },
            "not refused",
        ),
    ],
)
def test_a_collector_without_the_packages_for_it_is_refused_with_the_fix(env, said):
    code = (
        "import sys, django\n"
        "sys.modules['opentelemetry'] = None\n"
        "django.setup()\n"
        "from django.core.exceptions import ImproperlyConfigured\n"
        "from wire import tracing\n"
        "try:\n    tracing.start('x')\n"
        "except ImproperlyConfigured as exc:\n    sys.exit(str(exc))\n"
        "sys.exit('not refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"DJANGO_SETTINGS_MODULE": "pediscreen_site.settings", "DEBUG": "1", **env},
        capture_output=True,
        text=True,
        check=False,
    )

    assert said in done.stderr
    assert ("OTEL_COLLECTOR_URL" in done.stderr) == (said != "not refused")
