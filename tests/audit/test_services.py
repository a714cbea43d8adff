"""Recording: with the change that it tells of, in the request that it belongs to."""

from __future__ import annotations

import ast
import re
import threading
import uuid
from datetime import timedelta

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from audit.actions import Action
from audit.context import request_id
from audit.models import Audit
from audit.services import Event, record
from screening.models import Clinic
from tests.servers import ROOT

PRODUCT = ["pediscreen_site", "screening", "routing", "consent", "agreement", "people"]
EVENT = Event(action=Action.JOB_SUBMITTED, actor="key:abcd1234")


class TurnedBack(Exception):
    """What a service may raise after it has recorded."""


@transaction.atomic
def open_a_clinic_and_then_turn_back() -> None:
    Clinic.objects.create(slug="riverside", name="Riverside")
    record([EVENT])
    raise TurnedBack


@pytest.mark.django_db
def test_an_event_is_rolled_back_with_the_change_it_tells_of():
    with pytest.raises(TurnedBack):
        open_a_clinic_and_then_turn_back()

    assert not Audit.objects.exists()
    assert not Clinic.objects.filter(slug="riverside").exists()


@pytest.mark.django_db
def test_an_event_keeps_all_that_is_said_of_it():
    job_id = uuid.uuid4()

    record(
        [
            Event(
                action=Action.JOB_RELEASED,
                actor="worker:host-1",
                clinic="riverside",
                case_id="RC-2041",
                job_id=job_id,
                attempt=2,
                detail={"code": "MODEL_TIMEOUT"},
            )
        ]
    )

    [stored] = Audit.objects.for_job(job_id).values()
    assert stored.pop("event_id")
    assert stored.pop("id")
    assert abs(stored.pop("occurred_at") - timezone.now()) < timedelta(minutes=1)
    assert stored == {
        "action": "job.released",
        "actor": "worker:host-1",
        "clinic": "riverside",
        "case_id": "RC-2041",
        "job_id": job_id,
        "attempt": 2,
        "request_id": "",
        "detail": {"code": "MODEL_TIMEOUT"},
    }


@pytest.mark.django_db
def test_events_recorded_together_have_ids_of_their_own_and_keep_their_order():
    record(Event(action=Action.JOB_STARTED, actor=f"worker:{n}") for n in range(20))

    stored = list(Audit.objects.order_by("id"))
    assert [event.actor for event in stored] == [f"worker:{n}" for n in range(20)]
    assert len({event.event_id for event in stored}) == 20


@pytest.mark.django_db
def test_the_time_of_an_event_is_the_databases_and_not_the_writers():
    before = timezone.now()

    with time_machine.travel(before + timedelta(days=400)):
        record([EVENT])

    assert abs(Audit.objects.get().occurred_at - before) < timedelta(minutes=1)


@pytest.mark.django_db
def test_an_event_has_the_id_of_the_request_under_way():
    token = request_id.set("request-7")
    record([EVENT])
    request_id.reset(token)
    record([EVENT])

    ids = Audit.objects.order_by("id").values_list("request_id", flat=True)
    assert list(ids) == ["request-7", ""]


def test_the_request_id_of_one_thread_is_not_seen_by_another():
    seen = []
    token = request_id.set("request-8")
    thread = threading.Thread(target=lambda: seen.append(request_id.get()))
    thread.start()
    thread.join()
    request_id.reset(token)

    assert seen == [""]


@pytest.mark.parametrize("offered", ["abc-1", "A.b_c-9", "x" * 64])
def test_the_callers_request_id_is_taken_over(api, offered):
    response = api.post(
        "/api/submit",
        {},
        content_type="application/json",
        headers={"X-Request-ID": offered},
    )

    assert response.status_code == 200
    assert response["X-Request-ID"] == offered
    assert Audit.objects.get().request_id == offered


@pytest.mark.parametrize(
    "offered", ["", "x" * 65, "a b", "a\tb", "<script>", "é", "a;b", "a/b"]
)
def test_a_request_id_that_is_no_plain_word_is_replaced(api, offered):
    response = api.post(
        "/api/submit",
        {},
        content_type="application/json",
        HTTP_X_REQUEST_ID=offered,
    )

    made = response["X-Request-ID"]
    assert made != offered
    assert uuid.UUID(made)
    assert Audit.objects.get().request_id == made


def test_no_request_id_is_left_behind_by_a_request(api):
    api.get("/health", headers={"X-Request-ID": "abc-2"})

    assert request_id.get() == ""


def test_every_action_of_the_vocabulary_is_used_by_the_product():
    used = {
        node.attr
        for package in PRODUCT
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Action"
    }

    assert used == {action.name for action in Action}


def test_every_action_has_words_and_a_value_that_names_its_object():
    for action in Action:
        noun, _, verb = action.value.partition(".")
        assert noun in {
            *("job", "task", "agent", "consent", "review", "report", "list", "key"),
            *("webhook", "record"),
            "agreement",
            *("login", "session", "second_factor", "person", "role", "clinic"),
        }, action
        assert verb, action
        assert action.label, action


def test_nothing_but_record_adds_to_the_log():
    writers = {
        path.relative_to(ROOT).as_posix()
        for package in [*PRODUCT, "audit"]
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"(?<!class )\bAudit(\.objects\b|\()", path.read_text())
    }

    assert writers == {"audit/services.py"}
