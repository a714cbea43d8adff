"""The callback_url of a submission: taken where it can be told and signed."""

from __future__ import annotations

import json
from ipaddress import ip_network
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from screening.models import Case, Job, WebhookEndpoint
from screening.services.webhooks.endpoints import disable_endpoint
from tests.screening.webhooks import make_endpoint

GOOD = "https://clinic.example.org/told?for=case-1"


def submit(api: Any, **fields: Any) -> Any:
    body = json.dumps({"case_id": "case-1", **fields})
    return api.post("/api/submit", body, content_type="application/json")


def refused(response: Any) -> str:
    assert response.status_code == 422
    body = response.json()
    assert body["code"] == "VALIDATION_ERROR"
    assert not Job.objects.exists()
    assert not Case.objects.exists()
    [words] = body["details"]["callback_url"]
    return str(words)


def test_it_is_taken_and_kept_where_the_clinic_has_a_secret_for_callbacks(api):
    make_endpoint("")

    assert submit(api, callback_url=GOOD).status_code == 200
    assert Job.objects.get().payload["callback_url"] == GOOD


def test_without_a_secret_it_is_refused_by_the_name_of_its_field(api):
    make_endpoint()  # of its own URL: that is no secret for callbacks

    assert "no secret" in refused(submit(api, callback_url=GOOD))


def test_it_is_refused_while_callbacks_are_disabled(api):
    endpoint, _ = make_endpoint("")
    disable_endpoint(endpoint, actor="user:1")

    assert "no secret" in refused(submit(api, callback_url=GOOD))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://169.254.169.254/latest/meta-data", "cloud metadata"),
        ("https://10.0.0.8/", "private"),
        ("https://127.0.0.1/", "loopback"),
        ("https://clinic.example.org:22/", "port"),
        ("https://queue.svc/", "local"),
        ("https://clinic.example.org/a/../b", "dot segment"),
    ],
)
def test_it_is_refused_where_no_webhook_may_be_sent(api, url, words):
    make_endpoint("")

    assert words in refused(submit(api, callback_url=url))


def test_a_listed_network_may_be_told(api, settings):
    make_endpoint("")
    settings.AGENT_ALLOWED_NETWORKS = (ip_network("10.0.0.0/24"),)

    assert submit(api, callback_url="https://10.0.0.8/told").status_code == 200


def test_the_answer_to_a_repetition_is_the_first_one_whatever_has_changed(api):
    endpoint, _ = make_endpoint("")
    key = {"idempotency_key": "k-1", "callback_url": GOOD}
    first = submit(api, **key).json()
    disable_endpoint(endpoint, actor="user:1")

    assert submit(api, **key).json() == first


def test_of_many_lines_the_one_alone_is_refused(api):
    make_endpoint("")
    lines = [
        {"case_id": "a", "callback_url": GOOD},
        {"case_id": "b", "callback_url": "https://10.0.0.8/"},
        {"case_id": "c"},
    ]

    response = api.post(
        "/api/submit/bulk", json.dumps(lines), content_type="application/json"
    )

    assert response.status_code == 207
    answers = response.json()
    assert [answer["index"] for answer in answers if "error" in answer] == [1]
    assert "callback_url" in answers[1]["error"]["details"]
    assert Job.objects.count() == 2


def test_a_submission_without_one_asks_nothing_more(api):
    submit(api)

    with CaptureQueriesContext(connection) as queries:
        submit(api)

    table = WebhookEndpoint._meta.db_table
    assert not any(table in query["sql"] for query in queries.captured_queries)
