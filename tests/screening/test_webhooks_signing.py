"""What is sent and how it is signed, by the published example and by ours."""

from __future__ import annotations

import base64
import json
import re
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from screening.webhooks import (
    WAITS,
    body_of,
    headers_of,
    retry_after_of,
    secret_text,
    signature_of,
    wait_after,
)
from tests.servers import ROOT

NOON = datetime(2026, 11, 24, 12, 0, 0, 250_000, tzinfo=UTC)
JOB = "0b0e9a0c-6f4c-4c39-9a9c-6f2f4ad1c001"


def test_the_signature_is_that_of_the_standards_own_vector():
    # Made by the reference libraries: the example of the specification's documents.
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    signature = signature_of(
        [secret],
        id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        at=1614265330,
        body=b'{"test": 2432232314}',
    )

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_two_secrets_make_two_signatures_in_one_header():
    one, other = (
        signature_of([key], id="a", at=1, body=b"{}") for key in (b"one", b"other")
    )

    both = signature_of([b"one", b"other"], id="a", at=1, body=b"{}")

    assert both.split(" ") == [one, other]


def test_a_secret_is_written_as_the_standard_has_it():
    text = secret_text(bytes(range(32)))

    assert text.startswith("whsec_")
    assert base64.b64decode(text.removeprefix("whsec_")) == bytes(range(32))


def test_the_headers_are_the_three_of_the_standard():
    headers = headers_of([b"k"], id="a", at=7, body=b"{}")

    assert headers["webhook-id"] == "a"
    assert headers["webhook-timestamp"] == "7"
    assert headers["webhook-signature"] == signature_of(
        [b"k"], id="a", at=7, body=b"{}"
    )
    assert headers["Content-Type"] == "application/json"


def test_what_is_told_is_ids_and_states_and_nothing_else():
    body = body_of(
        event="job.completed",
        at=NOON,
        job_id=JOB,
        case_id="RC-2041",
        status="DONE",
        review_state="REQUIRES_REVIEW",
    )

    assert json.loads(body) == {
        "type": "job.completed",
        "timestamp": "2026-11-24T12:00:00.250000Z",
        "data": {
            "job_id": JOB,
            "case_id": "RC-2041",
            "status": "DONE",
            "review_state": "REQUIRES_REVIEW",
        },
    }


def test_a_job_without_a_review_is_told_with_null_and_a_test_with_no_data():
    failed = body_of(event="job.failed", at=NOON, job_id=JOB, status="FAILED")
    test = body_of(event="webhook.test", at=NOON)

    assert json.loads(failed)["data"]["review_state"] is None
    assert json.loads(test)["data"] == {}


def test_it_is_tried_six_times_over_a_day_and_more_and_then_given_up():
    assert [wait_after(failures) for failures in range(1, 7)] == [*WAITS, None]
    assert WAITS == (5, 300, 1_800, 10_800, 86_400)


@pytest.mark.parametrize(
    ("asked", "waits"), [(None, 5), (1.0, 5), (60.0, 60), (10.0**9, 86_400)]
)
def test_a_receiver_that_asks_for_more_time_gets_it_up_to_a_day(asked, waits):
    assert wait_after(1, retry_after=asked) == waits


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("999999999", 86_400.0),
        ("Tue, 24 Nov 2026 12:02:00 GMT", 120.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("", None),
        ("-5", None),
        ("soon", None),
        ("١٢", None),
    ],
)
def test_retry_after_is_read_in_seconds_and_beside_the_receivers_own_date(
    text, seconds
):
    assert retry_after_of(text, date="Tue, 24 Nov 2026 12:00:00 GMT") == seconds


@pytest.mark.parametrize("date", ["", "today"])
def test_a_time_without_the_receivers_own_date_says_nothing(date):
    assert retry_after_of("Tue, 24 Nov 2026 12:02:00 GMT", date=date) is None


def test_the_document_verifies_as_receivers_should():
    [program] = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs/webhooks.md").read_text(), re.DOTALL
    )
    names: dict[str, Any] = {}
    exec(program, names)  # noqa: S102 - our own document
    key = base64.b64decode(names["SECRET"].removeprefix("whsec_"))
    body = body_of(event="webhook.test", at=NOON)
    now = int(time.time())
    headers = headers_of([b"another", key], id="a", at=now, body=body)

    assert names["is_ours"](headers, body)
    assert not names["is_ours"](headers, body + b" ")
    assert not names["is_ours"]({**headers, "webhook-id": "b"}, body)
    late = headers_of([key], id="a", at=now - 400, body=body)
    assert not names["is_ours"](late, body)
