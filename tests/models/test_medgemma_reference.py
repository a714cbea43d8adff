"""Our own server reads and says, token for token, what transformers itself does."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
import requests

from routing.modelserver.contract import Question
from routing.modelserver.medgemma import conversation, drafts
from tests.models.gemma.serving import ENVIRONMENT, program
from tests.models.test_medgemma_answers import shades
from tests.models.test_medgemma_batches import noise
from tests.servers import ROOT

pytestmark = pytest.mark.models

TOKENS = 48
WORDS = "Points at things, and waits. " * 30


def said_by_transformers(served, images: list[str]) -> str:
    """Ask `transformers serve` what our server asks, the second time that it does."""
    question = Question(observations=WORDS)
    first = conversation.messages(
        question, pictures=len(images), has_embedding=False, not_given=()
    )
    problem = drafts.read("", is_cut_off=True).problem
    rules, user = conversation.told_what_was_wrong(first, problem)
    content = [part for part in user["content"] if part["type"] == "text"]
    content += [{"type": "image_url", "image_url": {"url": url}} for url in images]
    response = requests.post(
        f"{served.url}/v1/chat/completions",
        json={
            "model": "ponders",
            "messages": [rules, user | {"content": content}],
            "temperature": 0,
            "max_tokens": TOKENS,
        },
        timeout=60,
    )
    assert response.status_code == 200, response.text
    return str(response.json()["choices"][0]["message"]["content"])


@pytest.mark.parametrize(
    "images",
    [
        pytest.param([], id="text"),
        pytest.param(shades()[1:], id="a picture"),
        pytest.param(shades(), id="two pictures"),
    ],
)
def test_it_says_what_transformers_says(served, babbling, images):
    ours = babbling.result(observations=WORDS, images=images, max_new_tokens=TOKENS)

    assert noise(ours) == said_by_transformers(served, images)


def test_a_batch_is_what_the_processor_makes_of_it(gemmas):
    done = subprocess.run(
        [
            program("python"),
            "-m",
            "tests.models.compared_rows",
            str(gemmas / "ponders"),
        ],
        cwd=ROOT,
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert json.loads(done.stdout) == {
        "input_ids": True,
        "attention_mask": True,
        "token_type_ids": True,
        "pixel_values": True,
        "one beginning": True,
    }
