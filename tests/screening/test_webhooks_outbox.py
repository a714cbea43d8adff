"""What is noted to be told: with what it tells of, or not at all."""

from __future__ import annotations

import json
from datetime import timedelta

import jsonschema
import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from routing.errors import ModelServerRejected, ModelTimeout
from screening.models import Clinic, Job, WebhookDelivery
from screening.services.reconciliation import reap_expired
from screening.services.settlement import _fail_unstorable, settle
from screening.services.webhooks.delivery import claim_due
from screening.services.webhooks.endpoints import ALL_EVENTS, disable_endpoint
from screening.services.webhooks.outbox import completed, tell
from tests.screening.desk import review_of
from tests.screening.making import claimed_job, outcome
from tests.screening.signing import sign
from tests.screening.webhooks import drafted, make_endpoint

pytestmark = pytest.mark.django_db
CALLBACK = "https://callbacks.example.org/told"


class TurnedBack(Exception):
    """What a service may raise after it has told."""


@transaction.atomic
def tell_and_turn_back(job: Job) -> None:
    tell([completed(job)])
    raise TurnedBack


def noted() -> list[tuple[str, str, str]]:
    return [
        (row.event, row.job_status, row.review_state)
        for row in WebhookDelivery.objects.order_by("created_at", "event")
    ]


def complete(job: Job) -> None:
    settle([drafted(job)], worker="w1")


def test_a_draft_is_told_with_its_state(redis):
    endpoint, _ = make_endpoint()
    job = claimed_job()

    complete(job)

    [row] = WebhookDelivery.objects.all()
    assert noted() == [("job.completed", "DONE", "REQUIRES_REVIEW")]
    assert (row.endpoint, row.job_id, row.url) == (endpoint, job.pk, "")
    assert row.status == "PENDING"


def test_a_job_that_is_only_put_back_is_told_to_nobody(redis):
    make_endpoint()

    settle([outcome(claimed_job(), error=ModelTimeout("slow"))], worker="w1")

    assert noted() == []


def test_a_failed_job_is_told_when_the_server_refused_it(redis):
    make_endpoint()

    settle([outcome(claimed_job(), error=ModelServerRejected("no"))], worker="w1")

    assert noted() == [("job.failed", "FAILED", "")]


def test_a_failed_job_is_told_when_its_answer_cannot_be_stored(redis):
    make_endpoint()
    came = drafted(claimed_job())

    with transaction.atomic():
        _fail_unstorable(came, "w1")

    assert noted() == [("job.failed", "FAILED", "")]


def test_a_failed_job_is_told_when_its_workers_were_lost(redis, settings):
    settings.JOB_MAX_CRASHES = 1
    make_endpoint()
    make_endpoint("")
    job = claimed_job(callback_url=CALLBACK)
    Job.objects.filter(pk=job.pk).update(lease_until=Now() - timedelta(seconds=1))

    assert reap_expired(actor="worker:w2") == (0, 1)

    assert noted() == [("job.failed", "FAILED", "")] * 2
    assert {row.url for row in WebhookDelivery.objects.all()} == {"", CALLBACK}


def test_a_result_that_came_too_late_is_told_to_nobody(redis):
    make_endpoint()
    job = claimed_job()
    Job.objects.filter(pk=job.pk).update(attempt=2)

    complete(job)
    settle([outcome(job, error=ModelServerRejected("no"))], worker="w1")
    with transaction.atomic():
        _fail_unstorable(outcome(job), "w1")

    assert noted() == []


def test_a_case_is_told_as_signed_once_it_is_signed_and_not_before(redis):
    make_endpoint()
    review = review_of()
    assert noted() == []

    sign(review)

    assert noted() == [("case.signed_off", "DONE", "SIGNED_OFF")]


def test_what_is_rolled_back_is_told_to_nobody(redis):
    make_endpoint()
    job = claimed_job()

    with pytest.raises(TurnedBack):
        tell_and_turn_back(job)

    assert noted() == []


def test_each_clinic_is_told_of_its_own_cases_alone(redis):
    other = Clinic.objects.create(slug="hillside", name="Hillside")
    make_endpoint(clinic=other)

    complete(claimed_job())

    assert noted() == []


def test_an_endpoint_is_told_what_it_asked_for_and_nothing_while_it_is_disabled(redis):
    make_endpoint("https://a.example.org/", events=["job.failed"])
    disabled, _ = make_endpoint("https://b.example.org/")
    disable_endpoint(disabled, actor="user:1")

    complete(claimed_job())

    assert noted() == []


def test_a_callback_url_is_told_beside_the_endpoints(redis):
    make_endpoint()
    make_endpoint("")

    complete(claimed_job(callback_url=CALLBACK))
    complete(claimed_job(case_id="without"))

    urls = WebhookDelivery.objects.order_by("created_at", "url")
    assert sorted(row.url for row in urls) == ["", "", CALLBACK]


def test_many_that_end_together_cost_one_query_more_where_nobody_is_told(redis):
    outcomes = [drafted(claimed_job(case_id=f"c{n}")) for n in range(5)]

    with CaptureQueriesContext(connection) as queries:
        settle(outcomes, worker="w1")

    asked = [q for q in queries.captured_queries if "screening_webhook" in q["sql"]]
    assert len(asked) == 1
    assert asked[0]["sql"].startswith("SELECT")


def test_nothing_of_the_draft_or_the_submission_is_in_the_row(redis):
    make_endpoint()
    complete(claimed_job(observations="zq-sentinel says two words"))

    [row] = WebhookDelivery.objects.values()
    kept = json.dumps(row, default=str)
    assert "zq-sentinel" not in kept
    assert "monitor" not in kept


@pytest.mark.parametrize(
    "values",
    [
        {"status": "CANCELLED"},
        {"status": "DONE"},
        {"status": "RUNNING"},
        {"event": "job.opened"},
        {"event": "webhook.test"},
        {"job": None},
    ],
)
def test_the_database_refuses_a_row_that_cannot_be(redis, values):
    make_endpoint()
    complete(claimed_job())

    with pytest.raises(IntegrityError), transaction.atomic():
        WebhookDelivery.objects.update(**values)


@pytest.mark.parametrize("event", ["job.completed", "job.failed", "case.signed_off"])
def test_what_is_sent_is_what_the_openapi_schema_says(client, redis, event):
    schema = client.get("/api/schema").json()["webhooks"]
    content = schema[event]["post"]["requestBody"]["content"]["application/json"]
    make_endpoint()
    if event == "job.completed":
        complete(claimed_job())
    elif event == "job.failed":
        settle([outcome(claimed_job(), error=ModelServerRejected("no"))], worker="w1")
    else:
        sign(review_of())

    [parcel] = claim_due(worker="w1", most=1)

    jsonschema.validate(json.loads(parcel.body), content["schema"])
    assert set(schema) == set(ALL_EVENTS)
