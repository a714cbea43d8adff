"""Webhooks in the admin: added, changed, tested, given new secrets, sent again."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.models import Audit
from screening.models import Clinic, WebhookDelivery, WebhookEndpoint
from screening.services.keys import default_clinic
from screening.services.settlement import settle
from screening.services.webhooks.endpoints import ALL_EVENTS
from tests.routing.admin_pages import person, words_of
from tests.screening.making import claimed_job
from tests.screening.webhooks import drafted, make_endpoint

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]
ENDPOINTS = "/admin/screening/webhookendpoint/"
DELIVERIES = "/admin/screening/webhookdelivery/"
URL = "https://clinic.example.org/hook"
RIGHTS = [
    f"screening.{step}_{model}"
    for model in ("webhookendpoint", "webhookdelivery")
    for step in ("view", "add", "change")
]


@pytest.fixture
def operator() -> Client:
    """Somebody of the default clinic who looks after its webhooks."""
    client = person(*RIGHTS)
    default_clinic().members.add(User.objects.get(username="operator"))
    return client


def said(response: Any) -> list[tuple[str, str]]:
    return [(m.level_tag, str(m)) for m in response.context["messages"]]


def do(client: Client, path: str, action: str, *rows: Any) -> Any:
    form = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return client.post(path, form | {"index": "0"}, follow=True)


def secret_in(response: Any) -> str:
    [found] = re.findall(r"whsec_[A-Za-z0-9+/=]+", response.content.decode())
    return str(found)


def noted() -> WebhookDelivery:
    settle([drafted(claimed_job(observations="zq-sentinel"))], worker="w1")
    return WebhookDelivery.objects.latest("created_at")


# --- Endpoints ----------------------------------------------------------------------


def test_an_endpoint_is_added_and_its_secret_shown_once(operator):
    form = {"clinic": default_clinic().pk, "url": URL, "events": ALL_EVENTS[:2]}

    response = operator.post(f"{ENDPOINTS}add/", form)

    endpoint = WebhookEndpoint.objects.get()
    secret = secret_in(response)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    assert (endpoint.url, endpoint.events) == (URL, ALL_EVENTS[:2])
    for path in (ENDPOINTS, f"{ENDPOINTS}{endpoint.pk}/change/", DELIVERIES):
        assert secret not in operator.get(path).content.decode()
    assert "whsec_" not in str(operator.session.items())
    actor = f"user:{User.objects.get(username='operator').pk}"
    assert Audit.objects.get(action="webhook.endpoint_added").actor == actor


def test_without_a_url_it_stands_for_callbacks(operator):
    form = {"clinic": default_clinic().pk, "url": "", "events": ALL_EVENTS}

    operator.post(f"{ENDPOINTS}add/", form)

    assert WebhookEndpoint.objects.get().is_for_callbacks
    page = words_of(operator.get(ENDPOINTS).content.decode())
    assert "Callback URLs of submissions" in page


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"url": "https://169.254.169.254/"}, "cloud metadata"),
        ({"url": "http://clinic.example.org/"}, "http is not allowed"),
        ({"url": URL}, "already"),
        ({"events": []}, "required"),
        ({"events": ["job.opened"]}, "not one of the available choices"),
    ],
)
def test_what_is_refused_is_said_on_the_form(operator, form, words):
    make_endpoint(URL)
    good = {
        "clinic": default_clinic().pk,
        "url": "https://b.example.org/",
        "events": ALL_EVENTS,
    }

    response = operator.post(f"{ENDPOINTS}add/", good | form)

    assert words in response.content.decode()
    assert WebhookEndpoint.objects.count() == 1


def test_an_endpoint_of_another_clinic_is_neither_seen_nor_added(operator):
    other = Clinic.objects.create(slug="hillside", name="Hillside")
    hidden, _ = make_endpoint("https://hidden.example.org/", clinic=other)
    form = {"clinic": other.pk, "url": URL, "events": ALL_EVENTS}

    operator.post(f"{ENDPOINTS}add/", form)
    do(operator, ENDPOINTS, "disable_selected", hidden)

    assert WebhookEndpoint.objects.count() == 1
    hidden.refresh_from_db()
    assert hidden.state == "enabled"
    assert "hidden.example.org" not in operator.get(ENDPOINTS).content.decode()
    page = operator.get(f"{ENDPOINTS}{hidden.pk}/change/")
    assert page.status_code == 302


def test_url_and_events_are_changed_and_the_clinic_is_not(operator):
    endpoint, _ = make_endpoint(URL)
    other = Clinic.objects.create(slug="hillside", name="Hillside")
    form = {"clinic": other.pk, "url": f"{URL}/2", "events": ["job.failed"]}

    response = operator.post(f"{ENDPOINTS}{endpoint.pk}/change/", form, follow=True)

    endpoint.refresh_from_db()
    assert said(response) == [("success", "Saved.")]
    assert (endpoint.url, endpoint.events) == (f"{URL}/2", ["job.failed"])
    assert endpoint.clinic == default_clinic()


def test_the_events_of_callbacks_are_changed(operator):
    endpoint, _ = make_endpoint("")

    operator.post(f"{ENDPOINTS}{endpoint.pk}/change/", {"events": ["job.failed"]})

    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.events) == ("", ["job.failed"])


def test_a_new_secret_is_shown_once_and_for_one_endpoint(operator):
    one, first = make_endpoint(URL)
    other, _ = make_endpoint("https://b.example.org/")

    response = do(operator, ENDPOINTS, "rotate_selected", one)
    both = do(operator, ENDPOINTS, "rotate_selected", one, other)

    assert secret_in(response) != first
    assert "24 hours" in response.content.decode()
    assert said(both)[0][0] == "error"
    assert Audit.objects.filter(action="webhook.endpoint_rotated").count() == 1


def test_endpoints_are_disabled_enabled_and_tested(operator):
    endpoint, _ = make_endpoint(URL)

    do(operator, ENDPOINTS, "disable_selected", endpoint)
    endpoint.refresh_from_db()
    assert endpoint.state == "disabled"
    refused = do(operator, ENDPOINTS, "test_selected", endpoint)
    assert "Enable it first" in said(refused)[0][1]
    do(operator, ENDPOINTS, "enable_selected", endpoint)
    tested = do(operator, ENDPOINTS, "test_selected", endpoint)

    assert said(tested) == [("success", "1 endpoint sent a test.")]
    assert WebhookDelivery.objects.get().event == "webhook.test"


def test_who_may_only_look_changes_nothing():
    client = person("screening.view_webhookendpoint", name="onlooker")
    default_clinic().members.add(User.objects.get(username="onlooker"))
    endpoint, _ = make_endpoint(URL)

    page = client.get(f"{ENDPOINTS}{endpoint.pk}/change/")
    do(client, ENDPOINTS, "disable_selected", endpoint)
    changed = client.post(f"{ENDPOINTS}{endpoint.pk}/change/", {"events": []})

    assert "A draft is ready" in words_of(page.content.decode())
    assert changed.status_code == 403
    assert client.get(f"{ENDPOINTS}add/").status_code == 403
    endpoint.refresh_from_db()
    assert (endpoint.state, endpoint.events) == ("enabled", ALL_EVENTS)


# --- Deliveries ---------------------------------------------------------------------


def test_what_was_told_is_shown_in_words_without_the_childs(operator):
    make_endpoint(URL)
    row = noted()
    WebhookDelivery.objects.update(failures=1, answered=503, error_code="HTTP_503")

    listed = words_of(operator.get(DELIVERIES).content.decode())
    page = words_of(operator.get(f"{DELIVERIES}{row.pk}/change/").content.decode())

    for shown in ("A draft is ready", "To be tried again", "HTTP_503", "case-1"):
        assert shown in listed
    assert "The receiver answered 503." in page
    assert "Requires review" in page
    assert URL in page
    for never in ("zq-sentinel", "An answer.", "monitor", "Monitor", "{"):
        assert never not in listed + page


@pytest.mark.parametrize(("state", "number"), [("PENDING", 1), ("FAILED", 0)])
def test_the_history_is_narrowed_by_its_states(operator, state, number):
    make_endpoint(URL)
    noted()

    response = operator.get(DELIVERIES, {"state": state})

    assert len(response.context["cl"].result_list) == number


def test_a_webhook_is_found_by_itself_by_its_job_and_by_its_case(operator):
    make_endpoint(URL)
    row = noted()

    for words in (row.pk, row.job_id, "case-1"):
        response = operator.get(DELIVERIES, {"q": str(words)})
        assert list(response.context["cl"].result_list) == [row]


def test_what_was_given_up_is_sent_again_and_what_cannot_be_says_why(operator):
    endpoint, _ = make_endpoint(URL)
    row = noted()
    do(operator, ENDPOINTS, "disable_selected", endpoint)

    refused = do(operator, DELIVERIES, "redeliver_selected", row)
    do(operator, ENDPOINTS, "enable_selected", endpoint)
    again = do(operator, DELIVERIES, "redeliver_selected", row)

    row.refresh_from_db()
    assert "Enable that first" in said(refused)[0][1]
    assert said(again) == [("success", "1 webhook is sent again.")]
    assert row.status == "PENDING"


def test_the_history_of_another_clinic_is_not_seen_and_not_sent_again(operator):
    other = Clinic.objects.create(slug="hillside", name="Hillside")
    make_endpoint(URL, clinic=other)
    settle([drafted(claimed_job(clinic=other))], worker="w1")
    row = WebhookDelivery.objects.get()
    WebhookDelivery.objects.update(
        status="FAILED", error_code="TIMEOUT", finished_at=row.created_at
    )

    response = operator.get(DELIVERIES)
    do(operator, DELIVERIES, "redeliver_selected", row)

    assert list(response.context["cl"].result_list) == []
    row.refresh_from_db()
    assert row.status == "FAILED"


def test_who_may_only_look_sends_nothing_again():
    client = person("screening.view_webhookdelivery", name="onlooker")
    default_clinic().members.add(User.objects.get(username="onlooker"))
    make_endpoint(URL)
    row = noted()
    WebhookDelivery.objects.update(
        status="FAILED", error_code="TIMEOUT", finished_at=row.created_at
    )

    do(client, DELIVERIES, "redeliver_selected", row)

    row.refresh_from_db()
    assert row.status == "FAILED"


def test_the_metrics_say_what_waits_and_what_was_given_up(api):
    make_endpoint(URL)
    noted()
    row = noted()
    WebhookDelivery.objects.filter(pk=row.pk).update(
        status="FAILED", error_code="TIMEOUT", finished_at=row.created_at
    )

    page = api.get("/metrics").content.decode()

    assert "pedi_orch_webhooks_pending 1.0" in page
    assert "pedi_orch_webhooks_dead 1.0" in page
    assert re.search(r"pedi_orch_webhook_oldest_pending_seconds \d", page)
