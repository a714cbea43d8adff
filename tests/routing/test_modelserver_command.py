"""``manage.py modelserver`` as a process: it starts, stops and fails in plain words."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "pediscreen_site.settings",
    "DJANGO_SECRET_KEY": "x" * 50,
    "API_KEY": "test-api-key-of-24-characters-or-more",
    "DATABASE_URL": "sqlite:////nonexistent/not-needed.sqlite3",
    "REDIS_URL": "redis://127.0.0.1:9/0",
}


@contextmanager
def running(*arguments):
    """Start the command; yield the process and its first line."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "modelserver", *arguments],
        cwd=ROOT,
        env=os.environ | ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def address(line):
    return re.fullmatch(
        r"Model server \(reference, rules-cdc2022\) on http://127\.0\.0\.1:(\d+)",
        json.loads(line)["message"],
    )[1]


def infer(port, observations, timeout=10):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/infer",
        data=json.dumps({"age_months": 24, "observations": observations}).encode(),
    )
    with urllib.request.urlopen(request, timeout=timeout) as response:  # noqa: S310
        return json.load(response)["result"]


@pytest.mark.system
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_answers_and_stops_cleanly(number):
    with running("--port", "0") as (process, line):
        port = address(line)
        assert infer(port, "Zebedee is worried")["risk"] == "discuss"
        with socket.create_connection(("127.0.0.1", int(port))) as raw:
            raw.sendall(b"Zebedee\x00 / HTTP/9\r\n\r\n")
            raw.recv(1000)

        began = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=5)

    assert process.returncode == 0
    assert time.monotonic() - began < 2
    assert out == ""
    assert "Zebedee" not in err
    assert "Traceback" not in err
    messages = [json.loads(entry)["message"] for entry in err.splitlines()]
    assert messages == [
        "Model server started with backend reference",
        "Model server stopped",
    ]


@pytest.mark.system
def test_it_stops_in_time_with_a_request_under_way():
    with (
        running("--port", "0", "--latency-ms", "60000") as (process, line),
        socket.create_connection(("127.0.0.1", int(address(line)))) as raw,
    ):
        raw.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        time.sleep(0.3)
        began = time.monotonic()
        process.terminate()
        process.communicate(timeout=5)

    assert process.returncode == 0
    assert time.monotonic() - began < 2


def test_a_port_in_use_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"^Port {port} on 127.0.0.1 is already"):
            call_command("modelserver", port=port)


def test_a_host_that_is_not_ours_is_one_line():
    with pytest.raises(CommandError, match=r"^Cannot listen on 192\.0\.2\.1:0: .+\.$"):
        call_command("modelserver", host="192.0.2.1", port=0)


@pytest.mark.parametrize("name", ["gemma", "", "Reference"])
def test_an_unknown_backend_is_refused_with_the_known_ones(name):
    with pytest.raises(CommandError, match=r"Known backends: medgemma, reference\.$"):
        call_command("modelserver", backend=name)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--port", "65536"),
        ("--port", "-1"),
        ("--port", "http"),
        ("--latency-ms", "-5"),
        ("--latency-ms", "soon"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments):
    with pytest.raises(CommandError, match="a whole number from 0 to"):
        call_command("modelserver", *arguments)


def test_the_port_is_that_of_the_settings(settings):
    from routing.management.commands.modelserver import Command

    settings.MODEL_SERVER_PORT = 8123
    parser = Command().create_parser("manage.py", "modelserver")

    assert parser.parse_args([]).port == 8123
