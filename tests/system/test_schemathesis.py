"""What the schema says is what the server does: generated requests, right and wrong.

`SCHEMATHESIS_CASES` says how many cases each operation gets in each phase;
`SCHEMATHESIS_SEED` which ones, others each time where it is empty. The lower half of
this file is loaded by the generating process as its hooks.
"""

from __future__ import annotations

import base64
import json
import os
import random
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
from aiohttp import web
from schemathesis.core.failures import AcceptedNegativeData, ServerError

from tests.routing.serving import Served
from tests.servers import ROOT
from tests.system.stack import API_KEY, Stack
from tests.system.stub_model import StubModel

pytestmark = pytest.mark.system

CASES = int(os.environ.get("SCHEMATHESIS_CASES", "40"))
SEED = os.environ.get("SCHEMATHESIS_SEED", "1")
MODEL_ANSWERS = ["good", "text_result", "unknown_risk", "garbage"]
AGENT = "agent-1"
CAPABILITIES = "screen,embed,analyze_light,analyze_monitor,analyze_heavy"
CAPABILITIES += ",analyze_refer,audit,indexing,triage"
CASE_IDS = ["anna", "a/b c", "50% ünïcødé?"]


def seed(stack: Stack, model: StubModel) -> list[str]:
    """Make jobs in every state; return their ids."""
    worker = stack.start_worker()
    job_ids = []
    for number, model.mode in enumerate(MODEL_ANSWERS):
        case_id = CASE_IDS[number % len(CASE_IDS)]
        job_ids.append(stack.submit(case_id=case_id))
        stack.ended(job_ids[-1:])
    worker.terminate()
    worker.wait(30)
    waiting, cancelled = stack.submit(case_id="anna"), stack.submit(case_id="anna")
    stack.session.post(f"{stack.url}/api/jobs/{cancelled}/cancel", timeout=10)
    return [*job_ids, waiting, cancelled]


def seed_leases(stack: Stack) -> list[str]:
    """Let the agent hold tasks; return their ids."""
    for _ in range(64):
        stack.route_task()
    found = [
        stack.session.post(f"{stack.url}/agents/{AGENT}/lease", json={"max": 32})
        for _ in range(2)
    ]
    return [task["task_id"] for one in found for task in one.json()["tasks"]]


async def agent(request: web.Request) -> web.Response:
    """Answer any task."""
    return web.json_response({"success": True, "output": {}})


def test_every_answer_is_as_the_schema_says(model, tmp_path):
    # Held requests would only take time: no worker ends the jobs.
    with (
        Served(agent) as url,
        Stack(
            EDGE_MODEL_URL=model.url,
            MAX_HELD_REQUESTS=0,
            JOB_MAX_ATTEMPTS=1,
            JOB_LEASE_SECONDS=3600,
            AGENT_APPROVAL="false",
            AGENT_PLAIN_HTTP="true",
            AGENT_ALLOWED_NETWORKS="127.0.0.0/8",
            AGENT_ALLOWED_PORTS=f"443,{urlsplit(url).port}",
        ) as stack,
    ):
        stack.start_api()
        stack.command("create_webhook")
        job_ids = seed(stack, model)
        stack.register_agent(AGENT, url, capabilities=CAPABILITIES, location="edge")
        task_ids = seed_leases(stack)

        generated = subprocess.run(
            [
                *[Path(sys.executable).parent / "schemathesis", "run"],
                *[f"{stack.url}/api/schema", "--header", f"x-api-key: {API_KEY}"],
                *["--checks", "all", "--mode", "all", "--continue-on-failure"],
                *["--max-examples", str(CASES), "--request-timeout", "20"],
                *["--generation-database", "none", "--no-color"],
                *(["--seed", SEED] if SEED else []),
            ],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "SCHEMATHESIS_HOOKS": __file__,
                "SEEDED_URL": stack.url,
                "SEEDED_JOBS": ",".join(job_ids),
                "SEEDED_TASKS": ",".join(task_ids),
            },
            capture_output=True,
            text=True,
            timeout=60 + 5 * CASES,
        )

        said = generated.stdout + generated.stderr
        print(said[-1500:])  # noqa: T201 - for whoever asks for more cases
        assert generated.returncode == 0, said[-20_000:]
        [number] = re.findall(r"(\d+) generated", said)
        assert int(number) >= CASES
        assert "SAFE_ERROR" not in said
        assert "Traceback" not in stack.log("api"), stack.log("api")[-4000:]
        assert '"ERROR"' not in stack.log("api"), stack.log("api")[-4000:]
        # No stream worker runs: these are results of leases.
        assert stack.count("status = 'DONE' AND task_type = 'embed'")
        jobs = stack.rows("SELECT count(*) FROM screening_job")
        submitted = stack.rows(
            "SELECT count(*) FROM audit_audit WHERE action = 'job.submitted'"
        )
        assert jobs == submitted


# --- Hooks of the generating process -------------------------------------------

chance = random.Random(SEED or None)
SEEDED_URL = os.environ.get("SEEDED_URL", "")
SEEDED_JOBS = os.environ.get("SEEDED_JOBS", "").split(",")
SEEDED_TASKS = os.environ.get("SEEDED_TASKS", "").split(",")


@schemathesis.serializer("application/x-ndjson")
def ndjson(context: Any, value: Any) -> dict[str, Any]:
    """Write one generated document as the only line."""
    return {"data": value if isinstance(value, bytes) else json.dumps(value).encode()}


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Put in what no schema can say.

    An endpoint or callback is one that may be called, an agent one that is there. An
    integer is written as one (to JSON Schema 24.0 is an integer too), and a text holds
    no NUL; a cursor is one that the server gave out; an idempotency key is new; an
    embedding fits its shape. And half of the ids are of things that exist.
    """
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    case.query = whole(case.query)
    case.body = whole(case.body)
    if "cursor" in (case.query or {}):
        case.query["cursor"] = real_cursor()
    if "Idempotency-Key" in (case.headers or {}):
        case.headers["Idempotency-Key"] = chance.randbytes(16).hex()
    if chance.random() < 0.5 and case.meta.phase.name.value != "stateful":
        if "job_id" in (case.path_parameters or {}):
            case.path_parameters["job_id"] = chance.choice(SEEDED_JOBS)
        if "case_id" in (case.path_parameters or {}):
            case.path_parameters["case_id"] = chance.choice(CASE_IDS)
    if case.operation.path.endswith("/report") and case.path_parameters:
        # The generator leaves it unquoted, and what follows would be a query.
        case_id = str(case.path_parameters["case_id"])
        case.path_parameters["case_id"] = case_id.replace("?", "!")
        if "task_id" in (case.path_parameters or {}):
            case.path_parameters["task_id"] = chance.choice(SEEDED_TASKS)
            if isinstance(case.body, dict):
                case.body["attempt"] = chance.choice([1, 1, 1, 2])
    if case.operation.path == "/register_agent" and isinstance(case.body, dict):
        case.body["endpoint"] = f"https://{chance.randbytes(4).hex()}.example.org/"
        if case.body.get("agent_id") == AGENT:
            case.body["capabilities"] = CAPABILITIES
    if case.operation.path == "/route_and_call" and isinstance(case.body, dict):
        case.body["timeout_ms"] = 10_000
    if "agent_id" in (case.path_parameters or {}):
        case.path_parameters["agent_id"] = AGENT
    if isinstance(case.body, dict | list):
        submissions = case.body if isinstance(case.body, list) else [case.body]
        for submission in submissions:
            if "idempotency_key" in submission:
                submission["idempotency_key"] = chance.randbytes(16).hex()
            if "callback_url" in submission:
                submission["callback_url"] = "https://clinic.example.org/told"
            if "embedding_b64" in submission:
                fit_embedding(submission)


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Keep every failure but two that are none.

    A bulk request with a wrong line is answered with 207, and the line with its error:
    the wrong line was refused, the others were not. And that an agent of those made up
    here cannot be reached is no failure of ours.
    """
    if (
        isinstance(failure, ServerError)
        and case.operation.path == "/route_and_call"
        and response.json().get("code") in {"AGENT_CALL_FAILED", "E_NO_AGENT"}
    ):
        return False
    refused_in_its_place = (
        isinstance(failure, AcceptedNegativeData)
        and case.operation.path == "/api/submit/bulk"
        and response.status_code == 207
        and any("error" in line for line in response.json())
    )
    return not refused_in_its_place


def whole(value: Any) -> Any:
    """Copy a value with every whole number as an int, and without NUL."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, list):
        return [whole(inner) for inner in value]
    if isinstance(value, dict):
        return {whole(key): whole(inner) for key, inner in value.items()}
    return value


def real_cursor() -> str:
    """Return a cursor that the server has just given out."""
    response = requests.get(
        f"{SEEDED_URL}/api/jobs?limit={chance.randint(1, 3)}",
        headers={"x-api-key": API_KEY},
        timeout=20,
    )
    following = response.links["next"]["url"]
    return requests.utils.unquote(following.split("cursor=")[1].split("&")[0])


def fit_embedding(submission: dict[str, Any]) -> None:
    """Make the generated bytes finite float32 values, and the shape their number."""
    raw = base64.b64decode(submission["embedding_b64"])
    raw = raw[: len(raw) // 4 * 4] or b"\0\0\0\0"
    words = struct.unpack(f"<{len(raw) // 4}I", raw)
    finite = [word & 0xFF7FFFFF for word in words]
    packed = struct.pack(f"<{len(finite)}I", *finite)
    submission["embedding_b64"] = base64.b64encode(packed).decode()
    submission["shape"] = [1, len(finite)]
