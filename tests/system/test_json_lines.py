"""Whatever a server writes is one JSON object a line, and nobody's words."""

from __future__ import annotations

import base64
import json
import logging
import signal
import struct
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pediscreen_site.logs import is_serving
from tests.system.stack import API_KEY, Stack, free_port, wait_until

pytestmark = pytest.mark.system

FIELDS = {"time", "level", "logger", "message", "request_id", "trace_id", "job_id"}
LEVELS = set(logging.getLevelNamesMapping())
SUBMISSION = "screening.services.submission"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
WORDS = "zq-quokka says mama"
CASE = "zq-wombat-7"
EMBEDDING = base64.b64encode(struct.pack("<4f", 0.125, 0.25, 0.5, 1)).decode()
DISTURBED = f"""
import os, sys, threading, time, warnings

def break_with(words):
    raise ValueError(words)

def disturb():
    while type(sys.stderr).__name__ != "Lines":
        time.sleep(0.01)
    warnings.warn("an invented warning")
    print("an invented print")
    sys.stderr.write("half a line ")
    sys.stderr.write("and the other half\\n")
    break_with({WORDS!r})

def start():
    threading.Thread(target=disturb, daemon=True).start()

start()
os.register_at_fork(after_in_child=start)
"""
"""What a library might do in any process: it warns, prints, and dies in a thread."""


def read(text: str) -> list[dict[str, Any]]:
    """Read log lines; each is whole, and none holds what nobody should know."""
    found = [json.loads(line) for line in text.splitlines()]
    for line in found:
        assert set(line) - {"exc_info", "task_id"} == FIELDS, line
        assert line["level"] in LEVELS
        assert datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0)
    for secret in (WORDS, "quokka", CASE, API_KEY, EMBEDDING):
        assert secret not in text
    return found


def of(lines: list[dict[str, Any]], **fields: str) -> list[dict[str, Any]]:
    return [w for w in lines if all(w[name] == fields[name] for name in fields)]


def test_every_line_of_every_process_is_one_object_through_a_job_and_a_failure(
    tmp_path: Path,
):
    (tmp_path / "sitecustomize.py").write_text(DISTURBED)
    port = free_port()
    env = {
        "EDGE_MODEL_URL": f"http://127.0.0.1:{port}/infer",
        "JOB_MAX_ATTEMPTS": 1,
        "PYTHONPATH": tmp_path,
        "PYTHONWARNINGS": "always",
    }
    with Stack(**env) as stack:
        model = stack.start(
            "manage.py", "modelserver", "--port", str(port), log="model"
        )
        wait_until(
            lambda: "Model server (" in stack.log("model"), what="a model server"
        )
        api = stack.start(
            *["-m", "granian", "--interface", "wsgi", "--port", str(stack.port)],
            *[
                "--no-ws",
                "--access-log",
                "--log-config",
                "pediscreen_site/granian.json",
            ],
            "pediscreen_site.wsgi:application",
            log="api",
        )
        wait_until(stack._answers, what="the API")
        worker, streams = stack.start_worker(), stack.start_stream_worker()
        stack.wait_for_workers(1)

        child = {"observations": WORDS, "case_id": CASE, "embedding_b64": EMBEDDING}
        stack.session.headers["traceparent"] = TRACEPARENT
        done = stack.submit(**child, shape=[1, 4])
        assert stack.ended([done])[done]["status"] == "DONE"
        model.send_signal(signal.SIGTERM)
        model.wait(10)
        failed = stack.submit(**child, shape=[1, 4])
        assert stack.ended([failed])[failed]["status"] == "FAILED"
        task = stack.route_task(case_id=CASE, payload={"text": WORDS})["task_id"]
        break_the_database(stack)
        answer = stack.session.get(f"{stack.url}/agents", timeout=10)
        assert answer.status_code >= 500
        for process in (worker, streams, api):
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        said = {
            name: read(stack.log(name))
            for name in ("api", "worker", "streams", "model")
        }

    for name, lines in said.items():
        assert of(lines, logger="stdout", message="an invented print"), name
        assert of(lines, logger="stderr", message="half a line and the other half")
        assert of(lines, logger="py.warnings", level="WARNING")
        [died] = of(lines, message="Uncaught exception in a thread")
        assert died["exc_info"].startswith("ValueError at break_with:")
    for job_id, end in ((done, "Attempt 1 is done"), (failed, "(MODEL_UNREACHABLE)")):
        [accepted] = of(said["api"], job_id=job_id, logger=SUBMISSION)
        assert accepted["request_id"]
        assert accepted["trace_id"] == TRACE
        [ended] = of(said["worker"], job_id=job_id, trace_id=TRACE)
        assert ended["message"].endswith(end)
    assert [w["task_id"] for w in said["api"] if "task_id" in w] == [task]
    [broke] = [w for w in said["api"] if w["level"] == "ERROR" and w["request_id"]]
    assert broke["trace_id"] == TRACE
    assert of(said["api"], logger="granian.access")
    assert of(said["api"], message="Shutting down granian")


def break_the_database(stack: Stack) -> None:
    """Let a request meet a defect that quotes its statement."""
    stack.write("ALTER TABLE routing_agent RENAME TO routing_agent_away")


@pytest.mark.parametrize(
    ("words", "env", "said"),
    [
        (["streamworker", "--concurrency", "-1"], {}, "CommandError: --concurrency"),
        (["streamworker"], {"JOB_LEASE_SECONDS": "soon"}, "Configuration error: JOB_"),
        (["modelserver"], {"OTEL_COLLECTOR_URL": "http://otel:4318"}, "OTEL_COLLECTOR"),
    ],
)
def test_a_server_that_cannot_start_says_so_in_a_line_as_well(words, env, said):
    with Stack(**env) as stack:
        process = stack.start("manage.py", *words, log="refused")

        assert process.wait(30) == 1
        line = read(stack.log("refused"))[-1]
    assert line["level"] == "ERROR"
    assert said in line["message"]


@pytest.mark.parametrize(
    ("words", "serves"),
    [
        (["manage.py", "rqworker", "pedi-screen"], True),
        (["/srv/manage.py", "deliver_webhooks"], True),
        (["manage.py", "deliver_webhooks", "--once"], False),
        (["manage.py", "audit_seal", "--follow"], True),
        (["manage.py", "audit_seal"], False),
        (["manage.py"], False),
        (["-c"], False),
        (["/usr/bin/granian", "--port", "9000"], True),
        (["/lib/granian/__main__.py"], True),
    ],
)
def test_a_process_serves_if_it_goes_on_until_it_is_told_to_stop(
    monkeypatch, words, serves
):
    monkeypatch.setattr("sys.argv", words)

    assert is_serving() is serves


def test_a_command_for_a_person_speaks_plainly():
    with Stack(JOB_LEASE_SECONDS="soon") as stack:
        process = stack.start("manage.py", "audit_verify", log="command")
        process.wait(30)

        assert stack.log("command").startswith("Configuration error: JOB_LEASE_SECONDS")


BREAKING = {
    "main": f"raise ValueError({WORDS!r})",
    "unraisable": f"""
class Broken:
    def __del__(self):
        raise ValueError({WORDS!r})
Broken()
""",
    "arguments": f"logging.getLogger().error('%d', {WORDS!r})",
    "exit": "sys.exit('an invented reason')",
    "unfinished": "sys.stdout.write('an invented beginning')",
}


@pytest.mark.parametrize("kind", BREAKING)
def test_what_python_itself_would_write_is_a_line_without_words(kind):
    code = (
        "import logging, sys\n"
        "sys.argv = ['manage.py', 'rqworker']\n"
        "import django\ndjango.setup()\n" + BREAKING[kind]
    )
    with Stack() as stack:
        stack.start("-c", code, log="broken").wait(30)
        lines = read(stack.log("broken"))

    said = [(w["logger"], w["message"], w.get("exc_info", "")[:13]) for w in lines]
    assert (
        said
        == {
            "main": [("pediscreen_site.logs", "Uncaught exception", "ValueError at")],
            "unraisable": [
                (
                    "pediscreen_site.logs",
                    "Exception that nobody could catch",
                    "ValueError at",
                )
            ],
            "arguments": [],
            "exit": [("stderr", "an invented reason", "")],
            "unfinished": [("stdout", "an invented beginning", "")],
        }[kind]
    )
