"""Our own server with a tiny Gemma 3: drafts, what it says of itself, what it refuses.

The model is taught one answer: these show that the line holds, not how good a draft is.
"""

from __future__ import annotations

import base64
import io
import json

import pytest
import requests
from PIL import Image

from milestones.checklist import checklist
from routing.modelserver.medgemma import conversation
from tests.models.gemma.answers import DRAFT
from tests.models.medgemma_server import floats

pytestmark = pytest.mark.models

WORDS = "zq-quokka says mama"
NAMED = {
    "model_id": "drafts",
    "adapter_id": f"screening-1+medgemma-1+{conversation.digest()}",
}
RECORD = {
    "case_id": "zq-wombat-7",
    "age_months": 24,
    "observations": WORDS,
    "milestones": {item.key: "yes" for item in checklist(24)},
}


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30)) -> str:
    """Draw a picture, as a data URL."""
    return as_url(Image.new("RGB", size, "navy"), kind)


def shades(kind: str = "PNG") -> list[str]:
    """Draw two pictures of which no two parts are alike."""
    drawn = (Image.linear_gradient("L"), Image.radial_gradient("L"))
    return [as_url(each, kind) for each in drawn]


def as_url(drawn: Image.Image, kind: str) -> str:
    to = io.BytesIO()
    drawn.save(to, kind)
    encoded = base64.b64encode(to.getvalue()).decode()
    return f"data:image/{kind.lower()};base64,{encoded}"


# --- Answers ----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/infer"])
def test_a_native_call_is_answered_with_a_draft_that_names_who_wrote_it(medgemma, path):
    old = RECORD | {"embedding_b64": None, "shape": None}
    old |= {"max_new_tokens": 256, "temperature": 0.0}

    response = medgemma.post(old, path)

    assert response.status_code == 200, response.text
    assert response.json() == {"result": DRAFT | NAMED}


def test_an_agents_call_is_answered_in_an_envelope(medgemma):
    body = {
        "request_id": "task-1",
        "case_id": "zq-wombat-7",
        "payload": RECORD | {"images": [picture()]},
        "meta": {"x": 1},
    }

    response = medgemma.post(body, "/call")

    assert response.status_code == 200, response.text
    assert response.json() == {
        "success": True,
        "request_id": "task-1",
        "output": DRAFT | NAMED,
    }


def test_an_empty_question_is_one_too(medgemma):
    assert medgemma.result() == DRAFT | NAMED


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_pictures_are_read(medgemma, kind):
    read = []
    for images in ([], [picture(kind), picture(kind)]):
        before = medgemma.metrics()["modelserver_prompt_tokens_total"]
        assert medgemma.result(**RECORD, images=images) == DRAFT | NAMED
        read.append(medgemma.metrics()["modelserver_prompt_tokens_total"] - before)

    # Each is four soft tokens, their two marks, and the lines between.
    assert 12 <= read[1] - read[0] <= 30


def test_an_embedding_without_a_projector_is_said_not_to_have_been_read(medgemma):
    result = medgemma.result(**RECORD, embedding_b64=floats(1), shape=[1, 256])

    assert result == DRAFT | NAMED | {
        "uncertainty_reason": "Not given to the model: embedding."
    }


def test_media_in_a_field_that_is_not_read_is_not_passed_over_in_silence(medgemma):
    result = medgemma.result(**RECORD, image_ref="gs://bucket/child.png", video="x")

    assert result["uncertainty_reason"] == ("Not given to the model: image_ref, video.")


def test_a_draft_is_drawn_at_a_temperature_too(medgemma):
    assert medgemma.result(**RECORD, temperature=0.7) == DRAFT | NAMED


# --- What it says of itself -------------------------------------------------------


def test_health_is_503_while_it_warms_up_and_200_from_then_on(medgemma):
    assert medgemma.health_seen[0] == 503
    assert medgemma.health_seen[-1] == 200
    assert medgemma.health_seen == sorted(medgemma.health_seen, reverse=True)
    health = requests.get(f"{medgemma.url}/health", timeout=5)
    assert health.json() == {
        "status": "ok",
        "backend": "medgemma",
        "model_id": "drafts",
    }


def test_status_says_what_runs_on_what_and_what_is_taken(medgemma):
    status = medgemma.status()

    assert status.items() >= NAMED.items()
    assert status["backend"] == "medgemma"
    assert status["is_ready"] is True
    assert (status["device"], status["dtype"]) == ("cpu", "float32")
    assert status["inputs"] == ["text", "images"]
    assert status["context_tokens"] == 16_384
    assert status["batch_size"] == 8
    assert status["min_new_tokens"] == 1024


def test_metrics_count_tokens_batches_and_time(medgemma):
    before = medgemma.metrics()
    medgemma.result(**RECORD)
    after = medgemma.metrics()

    grown = {name: after[name] - before.get(name, 0) for name in after}
    assert 80 <= grown["modelserver_generated_tokens_total"] <= 200
    assert 1_500 <= grown["modelserver_prompt_tokens_total"] <= 4_000
    assert grown["modelserver_batch_size_sum"] == 1
    assert grown["modelserver_batch_size_count"] == 1
    assert grown["modelserver_queue_seconds_count"] == 1
    assert 0.005 < grown["modelserver_queue_seconds_sum"] < 2
    assert 0 < grown["modelserver_generation_seconds_sum"] < 30
    assert grown['modelserver_requests_total{route="/infer",outcome="ok"}'] == 1
    assert after["modelserver_ready"] == 1
    assert after["modelserver_queue_length"] == 0


# --- Refusals ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        pytest.param({"embedding_b64": "zq-quokka"}, "embedding_b64", id="not base64"),
        pytest.param({"embedding_b64": "AAAA"}, "embedding_b64", id="too short"),
        pytest.param(
            {"embedding_b64": floats(1), "shape": [2, 256]}, "embedding_b64", id="rows"
        ),
        pytest.param({"embedding_b64": floats(1), "shape": [256, 1]}, "shape", id="x"),
        pytest.param({"images": ["data:image/png;base64,AAAA"]}, "images", id="no PNG"),
        pytest.param(
            {"images": [picture().replace("png", "jpeg")]}, "images", id="called JPEG"
        ),
        pytest.param(
            {"images": [picture(size=(8193, 1))]}, "images", id="too wide a picture"
        ),
        pytest.param({"images": ["https://example.org/a.png"]}, "images", id="a link"),
        pytest.param({"age_months": "two"}, "age_months", id="an age in words"),
        pytest.param({"max_new_tokens": 5000}, "max_new_tokens", id="too many tokens"),
        pytest.param(
            {"observations": "\u1234" * 20_000}, "observations", id="beyond the context"
        ),
    ],
)
@pytest.mark.parametrize("path", ["/infer", "/call"])
def test_what_cannot_be_read_is_refused_by_its_field(medgemma, path, fields, field):
    body = {"payload": fields} if path == "/call" else fields
    name = f"payload.{field}" if path == "/call" else field

    response = medgemma.post(body, path)

    assert response.status_code == 422, response.text
    assert response.json()["code"] == "VALIDATION_ERROR"
    assert list(response.json()["details"]) == [name]
    assert "zq-quokka" not in response.text


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"temperature": NaN}'])
def test_what_is_no_object_is_refused(medgemma, data):
    response = requests.post(f"{medgemma.url}/infer", data=data, timeout=30)

    assert (response.status_code, response.json()["code"]) == (400, "INVALID_PAYLOAD")


def test_a_bad_question_spoils_none_that_comes_with_it(medgemma):
    bad = {"embedding_b64": "AAAA"}

    results = medgemma.results([RECORD] * 3)
    assert medgemma.post(bad).status_code == 422
    assert results == [DRAFT | NAMED] * 3


# --- Privacy ----------------------------------------------------------------------


def test_nothing_of_a_child_is_in_its_log(medgemma):
    medgemma.post(RECORD | {"images": [picture()], "embedding_b64": floats(1)})
    medgemma.post(RECORD | {"images": ["data:image/png;base64,AAAA"]})
    medgemma.post({"payload": RECORD, "request_id": "zq-task"}, "/call")

    lines = [json.loads(line) for line in medgemma.log.splitlines()]
    assert len(lines) >= 3
    assert "zq-" not in medgemma.log
    assert floats(1)[:20] not in medgemma.log
    assert DRAFT["parent_text"] not in medgemma.log
    assert not [line for line in lines if line["level"] in {"ERROR", "WARNING"}]
