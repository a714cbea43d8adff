"""The embedding of a submission: base64 of as many finite float32 as its shape says."""

from __future__ import annotations

import base64
import json
import struct
import tracemalloc

import pytest

from screening.models import Case, Job

LARGEST = 65_536
FLOAT32_MAX = 3.4028234663852886e38
DENORMAL = 1e-45


def encoded(*values):
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def submit(api, embedding, shape=None):
    document = {"embedding_b64": embedding}
    if shape is not None:
        document["shape"] = shape
    return api.post(
        "/api/submit", data=json.dumps(document), content_type="application/json"
    )


def check_refusal(response, code):
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert set(response.json()) == {"code", "message", "details", "detail"}
    assert not Job.objects.exists()
    assert not Case.objects.exists()


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        ([0.5] * 256, None),
        ([0.5] * 256, [1, 256]),
        ([0.5] * 256, [16, 16]),
        ([0.5], [1, 1]),
        ([0.0, -0.0, FLOAT32_MAX, -FLOAT32_MAX, DENORMAL, 1.5], [2, 3]),
        ([0.5] * LARGEST, [1, LARGEST]),
        ([0.5] * LARGEST, [256, 256]),
    ],
)
def test_an_embedding_that_fits_its_shape_is_stored_as_it_came(api, values, shape):
    embedding = encoded(*values)

    response = submit(api, embedding, shape)

    assert response.status_code == 200, response.content[:300]
    job = Job.objects.get(pk=response.json()["job_id"])
    assert job.payload["embedding_b64"] == embedding


@pytest.mark.parametrize(
    ("length", "shape"),
    [(255, None), (257, None), (512, None), (256, [1, 255]), (1, [65_536, 65_536])],
)
def test_another_number_of_values_than_the_shape_says_is_refused(api, length, shape):
    response = submit(api, encoded(*[0.5] * length), shape)

    check_refusal(response, "EMBEDDING_SHAPE_MISMATCH")
    assert set(response.json()["details"]) == {"shape"}


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("place", [0, 255])
def test_a_value_that_is_not_finite_is_refused(api, odd, place):
    values = [0.5] * 256
    values[place] = odd

    response = submit(api, encoded(*values))

    check_refusal(response, "EMBEDDING_PARSE_ERROR")
    assert set(response.json()["details"]) == {"embedding_b64"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("_-8_", id="url-safe alphabet"),
        pytest.param("AACA Pw==", id="space"),
        pytest.param("AACA\nPw==", id="newline"),
        pytest.param("AACAPw==\n", id="newline at the end"),
        pytest.param(" AACAPw==", id="space at the start"),
        pytest.param("AACAPw", id="no padding"),
        pytest.param("AACAPw=", id="half the padding"),
        pytest.param("AACAPw===", id="too much padding"),
        pytest.param("AA==CAPw", id="padding inside"),
        pytest.param("====", id="padding alone"),
        pytest.param("=", id="one sign"),
        pytest.param("AACAP", id="one character too many"),
        pytest.param("AACAPw==AACAPw==", id="two of them"),
        pytest.param("data:;base64,AACAPw==", id="data URL"),
        pytest.param("ÄACAPw==", id="not ASCII"),
        pytest.param("ＡＡＣＡＰｗ＝＝", id="full width"),  # noqa: RUF001
        pytest.param("AACA%50w==", id="percent sign"),
        pytest.param("Xyzzy Quux!", id="words"),
    ],
)
def test_what_is_not_strict_base64_is_refused_and_not_quoted(api, text):
    response = submit(api, text, [1, 1])

    check_refusal(response, "EMBEDDING_PARSE_ERROR")
    assert text.strip() not in json.dumps(response.json(), ensure_ascii=False)


@pytest.mark.parametrize("length", [1, 2, 3, 5, 1023, 1025])
def test_bytes_that_are_not_whole_float32_values_are_refused(api, length):
    text = base64.b64encode(b"\0" * length).decode()

    response = submit(api, text, [1, max(1, length // 4)])

    check_refusal(response, "EMBEDDING_PARSE_ERROR")


def test_a_shape_of_billions_of_values_allocates_nothing(api):
    tracemalloc.start()
    try:
        response = submit(api, encoded(0.5), [LARGEST, LARGEST])
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    check_refusal(response, "EMBEDDING_SHAPE_MISMATCH")
    assert most < 20_000_000


def test_more_than_the_largest_embedding_is_a_field_that_is_too_long(api):
    response = submit(api, encoded(*[0.5] * (LARGEST + 1)), [1, LARGEST])

    assert (response.status_code, response.json()["code"]) == (422, "VALIDATION_ERROR")
    assert set(response.json()["details"]) == {"embedding_b64"}
    assert not Job.objects.exists()


def test_a_wrong_field_goes_before_a_wrong_embedding(api):
    document = {"embedding_b64": "no", "age_months": -1}

    response = api.post(
        "/api/submit", data=json.dumps(document), content_type="application/json"
    )

    assert response.status_code == 422
    assert set(response.json()["details"]) == {"age_months"}
