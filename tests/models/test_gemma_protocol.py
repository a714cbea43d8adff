"""The openai protocol against a real `transformers serve`: what it takes and leaves."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import requests

from routing.protocols import Request, openai
from routing.targets import Target
from tests.models.gemma.answers import DRAFT
from wire import strict_json

pytestmark = pytest.mark.models

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAA"
    "AABJRU5ErkJggg=="
)
RECORD = {"age_months": 24, "observations": 'Says "no" a lot.'}


def asked(server: Any, payload: dict[str, Any], **options: Any) -> Request:
    target = Target(
        name="edge", url=server.url, protocol="openai", model="drafts", **options
    )
    return openai.request(target, "RC-2041", payload, {})


def post(request: Request) -> requests.Response:
    return requests.post(request.url, json=request.body, timeout=60)


def answered(request: Request) -> dict[str, Any]:
    response = post(request)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = strict_json.loads(response.content)
    return body


def test_the_schema_is_left_aside_and_the_fence_around_the_answer_taken_off(served):
    request = asked(served, RECORD)

    body = answered(request)

    assert request.body["response_format"]["type"] == "json_schema"
    assert body["choices"][0]["message"]["content"].startswith("```json\n{")
    assert openai.answer_of(body) == DRAFT | {"model_id": "drafts"}
    assert "Ignoring unsupported fields" in served.log


def test_a_picture_goes_through_the_vision_tower(served):
    seen = RECORD | {"images": [f"data:image/png;base64,{PIXEL}"]}

    with_it = answered(asked(served, seen, takes_images=True))
    without = answered(asked(served, seen))

    assert openai.answer_of(with_it)["risk"] == "monitor"
    tokens = [body["usage"]["prompt_tokens"] for body in (without, with_it)]
    assert tokens[0] != tokens[1]


def test_an_embedding_is_refused(served):
    floats = base64.b64encode(bytes(4 * 256)).decode()

    response = post(
        asked(served, RECORD | {"embedding_b64": floats}, takes_embeddings=True)
    )

    assert response.status_code == 422
    assert "embedding_b64" in response.text
