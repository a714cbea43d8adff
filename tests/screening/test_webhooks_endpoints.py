"""Endpoints: what is stored of them, what is refused, and the commands."""

from __future__ import annotations

import base64
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.models import Audit
from screening.errors import EndpointTaken, InvalidTransition, ReceiverRefused
from screening.models import Clinic, WebhookDelivery, WebhookEndpoint
from screening.services.keys import default_clinic
from screening.services.settlement import settle
from screening.services.webhooks.endpoints import (
    change_endpoint,
    disable_endpoint,
    enable_endpoint,
    rotate_secret,
    send_test,
)
from screening.services.webhooks.redelivery import redeliver
from screening.services.webhooks.secrets import SecretLost, secrets_of
from tests.screening.making import claimed_job
from tests.screening.webhooks import Receiver, allow, deliver, drafted, make_endpoint

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]
URL = "https://clinic.example.org/hook"


def actions() -> list[str]:
    kept = Audit.objects.filter(action__startswith="webhook.").order_by("id")
    return [event.action for event in kept]


def test_of_a_secret_nothing_is_stored_that_it_could_be_read_from():
    endpoint, text = make_endpoint()
    secret = base64.b64decode(text.removeprefix("whsec_"))

    [stored] = WebhookEndpoint.objects.values()
    kept = json.dumps(stored, default=str)
    assert len(secret) == 32
    assert text.removeprefix("whsec_") not in kept
    assert secret.hex() not in kept
    assert secrets_of(endpoint, now=timezone.now()) == [secret]


def test_another_django_secret_key_is_noticed(settings):
    endpoint, _ = make_endpoint()
    settings.SECRET_KEY = "another-one-" + "y" * 50

    with pytest.raises(SecretLost):
        secrets_of(endpoint, now=timezone.now())


def test_two_endpoints_have_two_secrets():
    _, one = make_endpoint("https://a.example.org/")
    _, other = make_endpoint("https://b.example.org/")

    assert one != other


@pytest.mark.parametrize("url", [URL, ""])
def test_a_clinic_has_an_endpoint_once_and_another_clinic_may_have_it_too(url):
    make_endpoint(url)
    make_endpoint(url, clinic=Clinic.objects.create(slug="hillside", name="H"))

    with pytest.raises(EndpointTaken):
        make_endpoint(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://clinic.example.org/",
        "https://169.254.169.254/",
        "https://localhost/",
        "https://user:pass@clinic.example.org/",
        "ftp://clinic.example.org/",
        "clinic.example.org",
    ],
)
def test_where_no_webhook_may_be_sent_there_is_no_endpoint(url):
    with pytest.raises(ReceiverRefused):
        make_endpoint(url)

    assert not WebhookEndpoint.objects.exists()


def test_in_debug_a_receiver_may_do_without_tls(settings):
    settings.DEBUG = True

    endpoint, _ = make_endpoint("http://clinic.example.org/")

    assert endpoint.url == "http://clinic.example.org/"


def test_a_change_is_stored_and_recorded_once():
    endpoint, _ = make_endpoint()

    for _ in range(2):
        change_endpoint(endpoint, url=f"{URL}/2", events=["job.failed"], actor="user:1")

    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.events) == (f"{URL}/2", ["job.failed"])
    assert actions() == ["webhook.endpoint_added", "webhook.endpoint_changed"]


def test_callbacks_get_no_url_and_an_endpoint_keeps_one():
    callbacks, _ = make_endpoint("")
    endpoint, _ = make_endpoint()

    with pytest.raises(ReceiverRefused):
        change_endpoint(callbacks, url=URL, events=[], actor="user:1")
    with pytest.raises(ReceiverRefused):
        change_endpoint(endpoint, url="", events=[], actor="user:1")


def test_disabling_and_enabling_twice_is_recorded_once():
    endpoint, _ = make_endpoint()

    for _ in range(2):
        disable_endpoint(endpoint, actor="user:1")
    for _ in range(2):
        enable_endpoint(endpoint, actor="user:1")

    assert actions() == [
        "webhook.endpoint_added",
        "webhook.endpoint_disabled",
        "webhook.endpoint_enabled",
    ]


def test_no_event_of_the_audit_log_holds_a_url_or_a_secret():
    endpoint, first = make_endpoint()
    second = rotate_secret(endpoint, actor="user:1")
    disable_endpoint(endpoint, actor="user:1")

    kept = json.dumps([event.detail for event in Audit.objects.all()])
    assert "example.org" not in kept
    assert first.removeprefix("whsec_") not in kept
    assert second.removeprefix("whsec_") not in kept


def test_a_test_is_sent_to_an_endpoint_that_is_enabled_and_has_a_url():
    endpoint, _ = make_endpoint()
    callbacks, _ = make_endpoint("")

    row = send_test(endpoint, actor="user:1")
    assert (row.event, row.job, row.status) == ("webhook.test", None, "PENDING")
    with pytest.raises(InvalidTransition):
        send_test(callbacks, actor="user:1")
    disable_endpoint(endpoint, actor="user:1")
    with pytest.raises(InvalidTransition):
        send_test(endpoint, actor="user:1")


@pytest.mark.parametrize("answer", [204, 500])
def test_what_was_received_or_not_is_sent_again_under_its_id(settings, answer):
    receiver = Receiver()
    allow(settings, receiver.port)
    make_endpoint(receiver.url)
    settle([drafted(claimed_job())], worker="w1")
    receiver.answers = [(answer, {})]
    deliver()
    row = WebhookDelivery.objects.get()

    redeliver(row, actor="user:7")
    deliver()

    row.refresh_from_db()
    receiver.stop()
    assert receiver.ids == [str(row.pk)] * 2
    assert receiver.came[0][2] == receiver.came[1][2]
    assert (row.status, row.failures, row.attempt) == ("DONE", 0, 2)
    [event] = Audit.objects.filter(action="webhook.redelivered")
    assert (event.actor, event.job_id) == ("user:7", row.job_id)


def test_nothing_is_sent_again_while_it_is_sent_or_its_endpoint_is_disabled():
    endpoint, _ = make_endpoint()
    row = send_test(endpoint, actor="user:1")
    WebhookDelivery.objects.update(status="RUNNING", lease_until=timezone.now())
    with pytest.raises(InvalidTransition, match="just being"):
        redeliver(row, actor="user:1")
    disable_endpoint(endpoint, actor="user:1")
    with pytest.raises(InvalidTransition, match="disabled"):
        redeliver(row, actor="user:1")


# --- Commands -----------------------------------------------------------------------


def command(*words: str) -> tuple[str, str]:
    said, warned = StringIO(), StringIO()
    call_command(*words, stdout=said, stderr=warned)
    return said.getvalue(), warned.getvalue()


def test_an_endpoint_is_added_by_a_command_that_prints_its_secret_alone():
    default_clinic()

    said, warned = command("create_webhook", URL, "--event", "job.failed")

    endpoint = WebhookEndpoint.objects.get()
    secret = base64.b64decode(said.strip().removeprefix("whsec_"))
    assert secrets_of(endpoint, now=timezone.now()) == [secret]
    assert (endpoint.url, endpoint.events) == (URL, ["job.failed"])
    assert "not shown again" in warned


def test_without_a_url_the_command_makes_a_secret_for_callbacks():
    default_clinic()

    command("create_webhook")

    assert WebhookEndpoint.objects.get().is_for_callbacks


@pytest.mark.parametrize(
    "words", [["--clinic", "nowhere"], ["http://clinic.example.org/"], [URL]]
)
def test_the_command_says_what_it_cannot_do(words):
    make_endpoint()

    with pytest.raises(CommandError):
        command("create_webhook", *words)


def test_what_is_due_is_sent_once_by_a_command(settings):
    receiver = Receiver()
    allow(settings, receiver.port)
    endpoint, _ = make_endpoint(receiver.url)
    send_test(endpoint, actor="user:1")

    said, _ = command("deliver_webhooks", "--once")
    again, _ = command("deliver_webhooks", "--once")

    receiver.stop()
    assert (said, again) == ("1 sent\n", "0 sent\n")
    assert receiver.bodies[0]["type"] == "webhook.test"
