"""A chat model whose first answer is no JSON is asked once more; the route says so."""

from __future__ import annotations

import json

import pytest
from aiohttp import web

from screening.models import Job
from screening.services.execution import run_job
from tests.routing.serving import Served
from tests.screening.making import make_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]
GOOD = json.dumps({"risk": "monitor", "summary": ["An invented answer."]})


def chat(*answers: str):
    """Answer chat completions with these texts, one after another."""
    left = list(answers)

    async def answer(request: web.Request) -> web.Response:
        message = {"role": "assistant", "content": left.pop(0)}
        choices = [{"message": message, "finish_reason": "stop"}]
        return web.json_response({"model": "m-1", "choices": choices})

    return Served(answer)


def run(url, settings) -> Job:
    settings.EDGE_MODEL_URL, settings.EDGE_MODEL_PROTOCOL = url, "openai"
    job = make_job()
    run_job(job.pk, worker="w1")
    job.refresh_from_db()
    return job


@pytest.mark.parametrize(
    ("answers", "asked"), [([GOOD], None), (["Well, perhaps.", GOOD], "again")]
)
def test_the_route_says_which_request_was_answered(settings, answers, asked):
    with chat(*answers) as url:
        job = run(url, settings)

    [tried] = job.route[0]["tries"]
    assert (job.status, job.model_risk, tried["outcome"]) == (
        *("DONE", "monitor"),
        "answered",
    )
    assert tried.get("asked") == asked
    assert tried["prompt"]


def test_there_is_no_third_time(settings):
    with chat("Well.", "Perhaps.", GOOD) as url:
        job = run(url, settings)

    assert job.route[0]["tries"][0]["outcome"] == "MODEL_ANSWER_NOT_JSON"
