"""One trace from the request through the queue and the worker to the model call."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from tests.system.collector import Collector
from tests.system.stack import API_KEY, Stack, free_port, wait_until

pytestmark = pytest.mark.system

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"
NOT_SAMPLED = f"00-{TRACE}-{CALLER}-00"
WORDS = "zq-quokka says mama"
CASE = "zq-wombat-7"
EMBEDDING = base64.b64encode(struct.pack("<4f", 0.125, 0.25, 0.5, 1)).decode()
HEX = "0123456789abcdef"
KEYS = {
    *("http.request.method", "http.route", "http.response.status_code"),
    *("pedi.job_id", "pedi.task_id", "pedi.attempt", "pedi.target", "pedi.rung"),
    *("pedi.claimed", "pedi.settled_together", "error.type"),
}


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()
    yield found
    found.stop()


def flush(stack: Stack) -> None:
    """Stop every process as an operator does: what is left is sent."""
    for process in stack.processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in stack.processes:
        process.wait(20)


def submit(stack: Stack, traceparent: str = TRACEPARENT, **fields: Any) -> str:
    stack.session.headers["traceparent"] = traceparent
    try:
        return stack.submit(**fields)
    finally:
        del stack.session.headers["traceparent"]


def started(stack: Stack, model_port: int) -> None:
    """Start the API, a worker, and the reference model server that it asks."""
    port = str(model_port)
    stack.start("manage.py", "modelserver", "--port", port, log="model")
    wait_until(lambda: "Model server (" in stack.log("model"), what="a model server")
    stack.start_api()
    stack.start_worker()
    stack.wait_for_workers(1)


def test_a_job_is_one_trace_through_four_processes(collector):
    port = free_port()
    url = f"http://127.0.0.1:{port}/infer"
    with Stack(EDGE_MODEL_URL=url, OTEL_COLLECTOR_URL=collector.url) as stack:
        started(stack, port)
        job_id = submit(
            stack,
            case_id=CASE,
            observations=WORDS,
            age_months=24,
            embedding_b64=EMBEDDING,
            shape=[1, 4],
        )
        assert stack.ended([job_id])[job_id]["status"] == "DONE"
        for path in ("health", "livez", "readyz", "metrics", f"x/{CASE}?q={CASE}"):
            stack.session.get(f"{stack.url}/{path}", timeout=10)
        flush(stack)

        said = {name: stack.log(name) for name in ("api", "worker", "model")}

    spans = collector.of(TRACE)
    request, ring, wait = (spans[n] for n in ("POST /api/submit", "ring", "wait job"))
    run, call, settle = (spans[n] for n in ("run job", "call model", "settle job"))
    answer = spans["POST /infer"]
    assert len(spans) == 7
    assert {span.name: span.service for span in spans.values()} == {
        "POST /api/submit": "pedi-orchestrator",
        "ring": "pedi-orchestrator",
        "wait job": "pedi-worker",
        "run job": "pedi-worker",
        "call model": "pedi-worker",
        "settle job": "pedi-worker",
        "POST /infer": "pedi-model-server",
    }
    assert request.parent == CALLER
    assert {ring.parent, wait.parent, run.parent} == {request.id}
    assert {call.parent, settle.parent} == {run.id}
    assert answer.parent == call.id
    assert [s.kind for s in (request, ring, run, call, answer)] == [
        *("server", "producer", "consumer", "client", "server")
    ]
    assert run.attributes == {"pedi.job_id": job_id, "pedi.attempt": 1}
    assert call.attributes["pedi.target"] == "edge"
    assert request.attributes["http.response.status_code"] == 200
    assert run.begun <= call.begun <= answer.begun <= answer.ended <= call.ended
    assert call.ended <= settle.begun <= settle.ended <= run.ended
    assert not any(span.failed for span in spans.values())

    [claim] = [s for s in collector.spans if s.name == "claim jobs"]
    assert claim.trace != TRACE
    assert claim.links == (request.id,)
    assert run.links == (claim.id,)
    assert claim.attributes == {"pedi.claimed": 1}

    names = {span.name for span in collector.spans}
    assert "GET unknown" in names
    assert "GET /api/status/<path:job_id>" in names
    assert not [n for n in names if "health" in n or "livez" in n or "readyz" in n]
    assert not [n for n in names if "metrics" in n or "static" in n]
    assert {key for span in collector.spans for key in span.attributes} <= KEYS
    for secret in (WORDS, "quokka", CASE, API_KEY, EMBEDDING, "SELECT", "127.0.0.1"):
        assert secret.encode() not in collector.raw
        assert secret == "127.0.0.1" or secret not in "".join(said.values())

    for name in ("worker", "api"):
        about = [json.loads(line) for line in said[name].splitlines()]
        assert {w["trace_id"] for w in about if w["job_id"] == job_id} == {TRACE}


def test_jobs_of_one_request_are_claimed_in_one_span_with_a_link_each(collector, model):
    with Stack(EDGE_MODEL_URL=model.url, OTEL_COLLECTOR_URL=collector.url) as stack:
        stack.start_api()
        lines = [{"case_id": f"case-{n}"} for n in range(5)]
        response = stack.session.post(
            f"{stack.url}/api/submit/bulk",
            json=lines,
            headers={"traceparent": TRACEPARENT},
            timeout=10,
        )
        ids = [found["job_id"] for found in response.json()]
        stack.start_worker()
        stack.ended(ids)
        flush(stack)

    spans = collector.spans
    [request] = [s for s in spans if s.name == "POST /api/submit/bulk"]
    claims = [s for s in spans if s.name == "claim jobs"]
    runs = [s for s in spans if s.name == "run job"]
    assert {run.attributes["pedi.job_id"] for run in runs} == set(ids)
    assert {(run.trace, run.parent) for run in runs} == {(TRACE, request.id)}
    assert sum(claim.attributes["pedi.claimed"] for claim in claims) == 5
    assert len(claims) < 5
    assert all(
        claim.links == (request.id,) * claim.attributes["pedi.claimed"]
        for claim in claims
    )
    assert {run.links for run in runs} == {(claim.id,) for claim in claims}
    assert {trace[3:35] for trace in model.traceparents} == {TRACE}
    assert {trace[36:52] for trace in model.traceparents} == {
        span.id for span in spans if span.name == "call model"
    }


def test_a_task_is_one_trace_through_its_worker_to_the_agent(collector, model):
    env = {"AGENT_APPROVAL": "false", "AGENT_PLAIN_HTTP": "true"}
    env |= {"AGENT_ALLOWED_NETWORKS": "127.0.0.0/8"}
    env |= {"AGENT_ALLOWED_PORTS": str(model.port)}
    with Stack(OTEL_COLLECTOR_URL=collector.url, **env) as stack:
        stack.start_api()
        stack.register_agent("agent-1", model.endpoint, capabilities=["embed"])
        stack.start_stream_worker()
        stack.session.headers["traceparent"] = TRACEPARENT
        task_id = stack.route_task(case_id=CASE, payload={"text": WORDS})["task_id"]
        del stack.session.headers["traceparent"]
        stack.tasks_ended(1)
        assert stack.task(task_id)["status"] == "completed"
        flush(stack)
        said = [json.loads(line) for line in stack.log("streams").splitlines()]

    spans = collector.of(TRACE)
    request, run, call = (
        spans[name] for name in ("POST /route_task", "run task", "call model")
    )
    assert set(spans) - {request.name, run.name, call.name} == {
        *("ring", "wait task", "settle task")
    }
    assert request.parent == CALLER
    assert run.parent == spans["wait task"].parent == request.id
    assert call.parent == spans["settle task"].parent == run.id
    assert run.service == "pedi-stream-worker"
    assert run.attributes == {"pedi.task_id": task_id, "pedi.attempt": 1}
    assert model.traceparents == [f"00-{TRACE}-{call.id}-01"]
    assert WORDS.encode() not in collector.raw
    assert CASE.encode() not in collector.raw
    assert {w["trace_id"] for w in said if w.get("task_id") == task_id} == {TRACE}


def test_a_failed_call_is_told_by_its_code_and_the_next_try_is_in_the_same_trace(
    collector, model
):
    model.mode = "status:503"
    env = {"JOB_MAX_ATTEMPTS": 2, "OTEL_COLLECTOR_URL": collector.url}
    with Stack(EDGE_MODEL_URL=model.url, **env) as stack:
        stack.start_api()
        stack.start_worker()
        job_id = submit(stack, observations=WORDS)
        assert stack.ended([job_id])[job_id]["status"] == "FAILED"
        flush(stack)

    spans = [span for span in collector.spans if span.trace == TRACE]
    calls = [span for span in spans if span.name == "call model"]
    runs = [span for span in spans if span.name == "run job"]
    assert sorted(run.attributes["pedi.attempt"] for run in runs) == [1, 2]
    assert {call.parent for call in calls} == {run.id for run in runs}
    assert all(span.failed for span in (*calls, *runs))
    codes = {span.attributes["error.type"] for span in (*calls, *runs)}
    assert codes == {"MODEL_SERVER_ERROR"}
    assert len([span for span in spans if span.name == "wait job"]) == 1


@pytest.mark.parametrize(("share", "traceparent"), [(0, TRACEPARENT), (1, NOT_SAMPLED)])
def test_what_is_not_sampled_is_not_sent_and_the_trace_goes_on_all_the_same(
    collector, model, share, traceparent
):
    env = {"OTEL_COLLECTOR_URL": collector.url, "OTEL_TRACES_SAMPLER_ARG": share}
    with Stack(EDGE_MODEL_URL=model.url, **env) as stack:
        stack.start_api()
        stack.start_worker()
        job_id = submit(stack, traceparent, case_id=CASE)
        wait_until(lambda: model.calls[CASE])
        wait_until(lambda: "is done" in stack.log("worker"))
        flush(stack)
        said = [json.loads(line) for line in stack.log("worker").splitlines()]

    assert not [span for span in collector.spans if span.trace == TRACE]
    assert share or not collector.requests
    [handed_on] = model.traceparents
    assert handed_on[3:35] == TRACE
    assert handed_on[-2:] == traceparent[-2:]
    assert {w["trace_id"] for w in said if w["job_id"] == job_id} == {TRACE}


def test_without_a_collector_the_callers_trace_goes_on_and_nothing_is_loaded(model):
    with Stack(EDGE_MODEL_URL=model.url) as stack:
        api = stack.start_api()
        worker = stack.start_worker()
        stack.wait_for_workers(1)
        job_id = submit(stack, case_id=CASE)
        other = stack.submit(case_id="case-2")
        stack.ended([job_id, other])
        loaded = [maps(process.pid) for process in (api, worker)]
        said = stack.log("worker").splitlines()

    assert sorted(model.traceparents) == ["", TRACEPARENT]
    assert not any("opentelemetry" in found or "protobuf" in found for found in loaded)
    assert {
        w["job_id"]: w["trace_id"] for w in map(json.loads, said) if w["job_id"]
    } == {job_id: TRACE, other: ""}


def maps(pid: int) -> str:
    """List the files that a process has mapped: its C extensions are among them."""
    with open(f"/proc/{pid}/maps") as found:
        return found.read()


@pytest.mark.parametrize("state", ["refuses", "is away", "never answers"])
def test_a_collector_that_takes_nothing_costs_no_job_and_one_line(
    collector, model, state
):
    collector.status = 503
    silent = socket.create_server(("127.0.0.1", 0))
    url = {
        "refuses": collector.url,
        "is away": f"http://127.0.0.1:{free_port()}/v1/traces",
        "never answers": f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces",
    }[state]
    env = {"OTEL_COLLECTOR_URL": url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    with silent, Stack(EDGE_MODEL_URL=model.url, **env) as stack:
        stack.start_api()
        stack.start_worker()
        ids = [stack.submit(case_id=f"case-{n}") for n in range(3)]
        stack.ended(ids)
        wait_until(lambda: "takes no traces" in stack.log("worker"))
        ids += [stack.submit(case_id=f"case-{n}") for n in range(3, 20)]
        stack.ended(ids)
        flush(stack)
        said = {name: stack.log(name).splitlines() for name in ("worker", "api")}

    for name, lines in said.items():
        worse = [w for w in map(json.loads, lines) if w["level"] != "INFO"]
        # The server warns of its own threads, whatever becomes of traces.
        loggers = [w["logger"] for w in worse if w["logger"] != "_granian"]
        assert loggers == ["wire.exporting"], (name, worse)


def test_a_worker_that_was_told_to_stop_sends_what_it_has_within_seconds(
    collector, model
):
    with Stack(EDGE_MODEL_URL=model.url, OTEL_COLLECTOR_URL=collector.url) as stack:
        stack.start_api()
        worker = stack.start_worker()
        job_id = submit(stack)
        stack.ended([job_id])
        os.kill(worker.pid, signal.SIGTERM)
        worker.wait(10)

        assert worker.returncode == 0
        assert "run job" in collector.of(TRACE)
