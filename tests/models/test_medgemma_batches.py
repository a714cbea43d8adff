"""Questions that come together: generated together, answered as if each were alone.

The Gemma was taught nothing, so that what it says depends on each thing it is given;
all of it is noise, and is asked for twice.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.models.medgemma_server import floats
from tests.models.test_medgemma_answers import picture, shades
from tests.system.stack import wait_until

pytestmark = pytest.mark.models

LONG = {"max_new_tokens": 4096}
"""A few seconds of noise, if nothing ends it."""


def short(**fields):
    return {"max_new_tokens": 24, "age_months": 24, **fields}


def noise(result) -> str:
    """Return what was said; it is never believed."""
    assert result["risk"] is None
    assert "ended before it was whole" in result["uncertainty_reason"]
    return str(result["answer"])


def embedded(seed: int, rows: int = 24):
    """Make an embedding that takes up most of what the tiny model looks back at."""
    return {"embedding_b64": floats(seed, rows), "shape": [rows, 256]}


DIFFERENT = [
    short(observations="Points at things, and waits. " * 40),
    short(observations="Says mama", images=shades()),
    short(observations="Says mama", **embedded(1)),
    short(observations="Says mama", **embedded(2, 30)),
    short(max_new_tokens=3),
    short(images=shades("JPEG")[1:], **embedded(3, 1)),
]
"""Text, pictures and embeddings of several lengths, with answers of several lengths."""


def test_what_comes_together_is_generated_together_as_if_each_were_alone(babbling):
    before = babbling.metrics()
    alone = [noise(babbling.result(**fields)) for fields in DIFFERENT]
    between = babbling.metrics()
    together = [noise(result) for result in babbling.results(DIFFERENT)]
    after = babbling.metrics()

    assert together == alone
    assert len(set(alone)) == len(alone)
    asked = 2 * len(DIFFERENT)  # each once more, for want of anything usable
    size, count = "modelserver_batch_size_sum", "modelserver_batch_size_count"
    assert between[size] - before.get(size, 0) == asked
    assert between[count] - before.get(count, 0) == asked
    assert after[size] - between[size] == asked
    assert after[count] - between[count] <= asked / 2
    for name in ("prompt_tokens_total", "generated_tokens_total"):
        name = f"modelserver_{name}"
        assert after[name] - between[name] == between[name] - before.get(name, 0)
    assert after["modelserver_split_batches_total"] == 0


def test_each_has_its_own_temperature(babbling):
    greedy = short(observations="Says mama")
    drawn = greedy | {"temperature": 1.0}

    alone = noise(babbling.result(**greedy))
    mixed = [noise(result) for result in babbling.results([greedy, drawn] * 2)]

    assert set(mixed[::2]) == {alone}
    assert len({alone, *mixed[1::2]}) == 3


def test_each_has_its_own_number_of_tokens(babbling):
    before = babbling.metrics()["modelserver_generated_tokens_total"]
    babbling.results([short(max_new_tokens=n) for n in (1, 7, 30)])
    after = babbling.metrics()["modelserver_generated_tokens_total"]

    assert after - before == 2 * (1 + 7 + 30)


# --- What it is given ------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            {"observations": "Points. " * 200},
            {"observations": "Waits. " * 200},
            id="text",
        ),
        pytest.param({"images": [picture()]}, {"images": shades()[:1]}, id="pictures"),
        pytest.param(embedded(1), embedded(2), id="embedding"),
        pytest.param({}, embedded(1), id="an embedding or none"),
    ],
)
def test_what_it_says_depends_on_what_it_is_given(babbling, one, other):
    said = babbling.results([short(**fields) for fields in (one, other, one)])

    first, second, third = map(noise, said)
    assert first == third
    assert first != second


def test_with_a_projector_the_embedding_is_given_and_named(babbling):
    status = babbling.status()
    result = babbling.result(**short(**embedded(1)))

    assert status["inputs"] == ["text", "images", "embedding"]
    assert "projector-" in result["adapter_id"]
    assert "Not given" not in result["uncertainty_reason"]


# --- Bounds -----------------------------------------------------------------------


def test_a_client_that_has_gone_does_not_hold_the_batch(babbling):
    began = time.monotonic()
    with pytest.raises(requests.Timeout):
        babbling.post(LONG, timeout=0.7)
    noise(babbling.result(**short()))

    assert time.monotonic() - began < 5
    assert babbling.status()["in_flight"] == 0


def test_a_full_queue_is_503_with_the_time_to_come_again(babbling):
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda n: babbling.post(short()), range(20)))

    refused = [response for response in found if response.status_code != 200]
    assert {response.status_code for response in refused} == {503}
    assert {response.json()["code"] for response in refused} == {"SERVICE_UNAVAILABLE"}
    assert all(1 <= int(each.headers["Retry-After"]) <= 60 for each in refused)
    assert len(found) - len(refused) >= 12
    counted = babbling.metrics()['modelserver_refused_total{reason="queue_full"}']
    assert counted == len(refused)
    wait_until(lambda: babbling.status()["in_flight"] == 0)
