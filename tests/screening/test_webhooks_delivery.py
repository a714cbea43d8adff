"""Delivery to a real receiver: what counts as received, and what comes after not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from audit.models import Audit
from screening.models import WebhookDelivery, WebhookEndpoint
from screening.services.settlement import settle
from screening.services.webhooks import courier, sending
from screening.services.webhooks.delivery import (
    Answer,
    claim_due,
    reap_deliveries,
    settle_deliveries,
)
from screening.services.webhooks.endpoints import disable_endpoint, rotate_secret
from screening.webhooks import WAITS
from tests.screening.making import claimed_job
from tests.screening.webhooks import (
    Receiver,
    allow,
    deliver,
    drafted,
    loop,
    make_endpoint,
    verified,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    found = Receiver()
    allow(settings, found.port)
    yield found
    found.stop()


def draft(case_id: str = "case-1", **payload: Any) -> WebhookDelivery:
    """Have a draft stored, and return the newest delivery that tells of it."""
    settle([drafted(claimed_job(case_id=case_id, **payload))], worker="w1")
    return WebhookDelivery.objects.filter(job__case__case_id=case_id).latest("pk")


def wait_of(row: WebhookDelivery) -> float:
    row.refresh_from_db()
    return (row.not_before - timezone.now()).total_seconds()


def due_again() -> None:
    WebhookDelivery.objects.filter(status="PENDING").update(not_before=Now())


def recorded(action: str) -> list[dict[str, Any]]:
    return [event.detail for event in Audit.objects.filter(action=action)]


def test_what_is_told_arrives_signed_with_ids_and_states_alone(receiver):
    endpoint, secret = make_endpoint(receiver.url)
    row = draft(observations="zq-sentinel")

    assert deliver() == 1

    [(path, headers, body)] = receiver.came
    assert path == "/hook"
    assert headers["webhook-id"] == str(row.pk)
    assert verified(secret, headers, body)
    assert not verified(secret, headers, body + b" ")
    told = json.loads(body)
    assert told["type"] == "job.completed"
    assert told["data"] == {
        "job_id": str(row.job_id),
        "case_id": "case-1",
        "status": "DONE",
        "review_state": "REQUIRES_REVIEW",
    }
    row.refresh_from_db()
    assert (row.status, row.answered, row.error_code) == ("DONE", 204, "")
    assert recorded("webhook.delivered") == [
        {
            "webhook": str(row.pk),
            "event": "job.completed",
            "endpoint": endpoint.pk,
            "tries": 1,
            "status": 204,
        }
    ]


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_what_is_not_taken_is_tried_again_under_the_same_id(receiver, status):
    make_endpoint(receiver.url)
    row = draft()
    receiver.answers = [(status, {})]

    deliver()

    row.refresh_from_db()
    assert (row.status, row.answered) == ("PENDING", status)
    assert row.error_code == f"HTTP_{status}"
    assert 3 < wait_of(row) <= 5
    assert deliver() == 0
    due_again()
    deliver()
    assert receiver.ids == [str(row.pk)] * 2
    assert receiver.came[0][2] == receiver.came[1][2]
    row.refresh_from_db()
    assert (row.status, row.error_code) == ("DONE", "")


def test_it_waits_longer_each_time_and_is_then_given_up(receiver):
    make_endpoint(receiver.url)
    row = draft()
    receiver.answers = [(503, {})] * 9

    waited = []
    for _ in WAITS:
        deliver()
        waited.append(round(wait_of(row)))
        due_again()
    deliver()
    due_again()

    assert deliver() == 0
    row.refresh_from_db()
    assert [abs(a - b) <= 2 for a, b in zip(waited, WAITS, strict=True)] == [True] * 5
    assert (row.status, row.error_code, row.attempt) == ("FAILED", "HTTP_503", 6)
    [told] = recorded("webhook.failed")
    assert (told["tries"], told["status"], told["code"]) == (6, 503, "HTTP_503")


def test_a_receiver_that_asks_for_time_gets_it(receiver):
    make_endpoint(receiver.url)
    row = draft()
    receiver.answers = [(429, {"Retry-After": "90"})]

    deliver()

    assert 85 < wait_of(row) <= 90


def test_an_endpoint_that_is_gone_is_disabled_and_told_nothing_more(receiver):
    endpoint, _ = make_endpoint(receiver.url)
    draft("case-1")
    receiver.answers = [(410, {})]
    deliver()
    settle([drafted(claimed_job(case_id="case-2"))], worker="w1")

    endpoint.refresh_from_db()
    assert endpoint.state == WebhookEndpoint.State.GONE
    assert list(WebhookDelivery.objects.values_list("status", "error_code")) == [
        ("FAILED", "HTTP_410")
    ]
    [told] = recorded("webhook.endpoint_disabled")
    assert told == {"endpoint": endpoint.pk, "reason": "gone", "given_up": 0}


def test_a_callback_that_is_gone_says_nothing_of_the_clinics_other_ones(receiver):
    endpoint, _ = make_endpoint("")
    # A callback_url is https over HTTP; what is tested is what comes of 410.
    row = draft(callback_url=receiver.url)
    receiver.answers = [(410, {})]

    deliver()

    row.refresh_from_db()
    endpoint.refresh_from_db()
    assert (row.status, row.error_code) == ("FAILED", "HTTP_410")
    assert endpoint.state == WebhookEndpoint.State.ENABLED


def test_a_redirect_is_not_followed(receiver):
    make_endpoint(receiver.url)
    row = draft()
    receiver.answers = [(307, {"Location": f"http://127.0.0.1:{receiver.port}/other"})]

    deliver()

    row.refresh_from_db()
    assert [path for path, _, _ in receiver.came] == ["/hook"]
    assert (row.status, row.answered, row.error_code) == ("PENDING", 307, "REDIRECTED")


@pytest.mark.parametrize(
    "url",
    ["http://169.254.169.254/latest/meta-data/", "http://10.0.0.8/", "http://[::1]/"],
)
def test_nothing_is_sent_into_our_own_network(receiver, url):
    endpoint, _ = make_endpoint(receiver.url)
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(url=url)
    row = draft()

    deliver()

    row.refresh_from_db()
    assert (row.status, row.answered) == ("PENDING", None)
    assert row.error_code == "ADDRESS_NOT_ALLOWED"


def test_a_name_that_leads_into_our_own_network_is_no_way_in(receiver, settings):
    settings.AGENT_ALLOWED_HOSTS = ("localhost",)
    settings.AGENT_ALLOWED_NETWORKS = ()
    make_endpoint(f"http://localhost:{receiver.port}/")
    row = draft()

    deliver()

    row.refresh_from_db()
    assert receiver.came == []
    assert row.error_code == "ADDRESS_NOT_ALLOWED"


def test_a_receiver_that_is_not_there_is_unreachable(receiver):
    make_endpoint(receiver.url)
    row = draft()
    receiver.stop()

    deliver()

    row.refresh_from_db()
    assert (row.status, row.error_code) == ("PENDING", "UNREACHABLE")


def test_a_receiver_that_does_not_answer_in_time_is_left(receiver, monkeypatch):
    monkeypatch.setattr(sending, "SECONDS", 0.5)
    make_endpoint(receiver.url)
    row = draft()
    receiver.hold.clear()

    deliver()

    row.refresh_from_db()
    assert (row.status, row.answered, row.error_code) == ("PENDING", None, "TIMEOUT")


@pytest.mark.parametrize("sent", [0, 1 << 20], ids=["no end", "too much"])
def test_of_an_answer_the_status_counts_and_the_rest_is_not_waited_for(receiver, sent):
    make_endpoint(receiver.url)
    row = draft()
    receiver.answers = [(200, {"Content-Length": str(1 << 30)})]
    receiver.body = b"x" * sent

    deliver()

    row.refresh_from_db()
    assert (row.status, row.answered) == ("DONE", 200)


def test_two_workers_send_a_delivery_once(receiver):
    make_endpoint(receiver.url)
    draft()

    assert len(claim_due(worker="w1", most=5)) == 1
    assert claim_due(worker="w2", most=5) == []


def test_a_delivery_of_a_lost_worker_is_sent_again_under_its_id(receiver):
    make_endpoint(receiver.url)
    row = draft()
    claim_due(worker="lost", most=5)
    past = timezone.now() - timedelta(seconds=1)
    WebhookDelivery.objects.update(lease_until=past)

    assert reap_deliveries(actor="worker:w2") == 1
    due_again()
    deliver("w2")

    row.refresh_from_db()
    assert receiver.ids == [str(row.pk)]
    assert (row.status, row.attempt, row.failures) == ("DONE", 2, 0)


def test_one_that_takes_its_workers_down_each_time_is_given_up_and_told(receiver):
    make_endpoint(receiver.url)
    draft()
    claim_due(worker="lost", most=5)
    past = timezone.now() - timedelta(seconds=1)
    WebhookDelivery.objects.update(lease_until=past, crashes=9)

    reap_deliveries(actor="worker:w2")

    assert WebhookDelivery.objects.get().error_code == "WORKER_LOST"
    assert recorded("webhook.failed")[0]["code"] == "WORKER_LOST"


def test_an_endpoint_that_hangs_keeps_no_other_waiting(receiver):
    slow, _ = make_endpoint("https://slow.example.org/")
    for number in range(20):
        draft(f"case-{number}")
    make_endpoint(receiver.url)
    draft("last")

    first = claim_due(worker="w1", most=16)
    counted = {slow.pk: sum(p.delivery.endpoint_id == slow.pk for p in first)}

    assert len(first) == 5
    assert counted == {slow.pk: 4}
    assert claim_due(worker="w1", most=16, under_way=counted) == []


def test_after_a_rotation_both_secrets_verify_for_a_day(receiver):
    endpoint, old = make_endpoint(receiver.url)
    new = rotate_secret(endpoint, actor="user:1")
    draft("case-1")
    deliver()
    WebhookEndpoint.objects.update(earlier_until=Now())
    draft("case-2")
    deliver()

    (_, during, body), (_, after, later) = receiver.came
    assert new != old
    assert verified(old, during, body)
    assert verified(new, during, body)
    assert not verified(old, after, later)
    assert verified(new, after, later)


def test_nothing_is_signed_with_a_secret_that_the_receiver_does_not_know(
    receiver, settings
):
    make_endpoint(receiver.url)
    row = draft()
    settings.SECRET_KEY = "another-one-" + "y" * 50

    deliver()

    row.refresh_from_db()
    assert receiver.came == []
    assert (row.status, row.error_code) == ("FAILED", "SECRET_LOST")


def test_what_waits_for_an_endpoint_that_is_disabled_is_given_up(receiver):
    endpoint, _ = make_endpoint(receiver.url)
    row = draft()

    disable_endpoint(endpoint, actor="user:1")

    row.refresh_from_db()
    assert (row.status, row.error_code) == ("FAILED", "ENDPOINT_DISABLED")
    assert deliver() == 0


def test_what_was_noted_just_before_it_was_disabled_is_not_sent(receiver):
    make_endpoint(receiver.url)
    row = draft()
    WebhookEndpoint.objects.update(state="disabled")

    deliver()

    row.refresh_from_db()
    assert receiver.came == []
    assert (row.status, row.error_code) == ("FAILED", "ENDPOINT_DISABLED")


def test_a_worker_that_stops_leaves_what_is_under_way_to_the_next(receiver):
    make_endpoint(receiver.url)
    row = draft()
    receiver.hold.clear()
    with loop() as client:
        stopping = courier.Courier(client, worker="w1")
        assert stopping.turn() == 1
        stopping.close(seconds=0.2)
    row.refresh_from_db()
    assert (row.status, row.failures) == ("PENDING", 0)
    receiver.hold.set()

    deliver("w2")

    row.refresh_from_db()
    assert row.status == "DONE"
    assert set(receiver.ids) == {str(row.pk)}


def test_what_a_worker_brings_back_too_late_is_not_stored(receiver):
    make_endpoint(receiver.url)
    row = draft()
    [late] = claim_due(worker="w1", most=1)
    past = timezone.now() - timedelta(seconds=1)
    WebhookDelivery.objects.update(lease_until=past)
    reap_deliveries(actor="worker:w2")
    due_again()
    claim_due(worker="w2", most=1)

    settle_deliveries([Answer(delivery=late.delivery, status=204)], worker="w1")

    row.refresh_from_db()
    assert (row.status, row.worker, row.attempt) == ("RUNNING", "w2", 2)
    assert recorded("webhook.delivered") == []
