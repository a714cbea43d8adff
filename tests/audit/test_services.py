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

from audit import meaning
from audit.actions import Action
from audit.context import Surroundings, request_id, surroundings
from audit.entries import columns_of, written_time
from audit.models import Audit, Pending
from audit.proofs import canonical
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
    assert stored.pop("canonical")
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
        for package in [*PRODUCT, "audit"]
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Action"
    }

    assert used - {"choices"} == {action.name for action in Action}


def test_every_action_has_words_and_a_value_that_names_its_object():
    for action in Action:
        noun, _, verb = action.value.partition(".")
        assert noun in {
            *("job", "task", "agent", "consent", "review", "report", "list", "key"),
            "evidence",
            *("webhook", "record"),
            "agreement",
            *("login", "session", "second_factor", "person", "role", "clinic"),
            *("page", "access", "request"),
            "audit",
            *("case", "legal_hold", "retention"),
        }, action
        assert verb, action
        assert action.label, action


def product_files_with(pattern: str) -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for package in [*PRODUCT, "audit"]
        for path in (ROOT / package).rglob("*.py")
        if re.search(pattern, path.read_text())
    }


def test_nothing_but_record_adds_to_the_log():
    # The model itself refuses: see tests/audit/test_append_only.py.
    assert product_files_with("INTO audit_audit") == {"audit/insertion.py"}
    assert product_files_with("audit.insertion") == {"audit/services.py"}


@pytest.mark.django_db
def test_the_text_of_an_event_says_what_its_columns_say():
    record(
        [
            Event(
                action=Action.JOB_RELEASED,
                actor="worker:host-1",
                clinic="riverside",
                case_id="RC-\u00e9%s-2041",
                job_id=uuid.uuid4(),
                attempt=2,
                detail={"code": "MODEL_TIMEOUT", "of": [1, None, True]},
            ),
            EVENT,
        ]
    )

    for stored in Audit.objects.all():
        says = columns_of(canonical.decode(stored.canonical))
        assert says.pop("occurred_at") == written_time(stored.occurred_at)
        assert says == {name: getattr(stored, name) for name in says}


@pytest.mark.django_db
def test_the_text_of_an_event_says_by_whom_from_where_and_why():
    told = surroundings.set(
        Surroundings(service="desk", address="203.0.113.7", role=lambda: "reviewer")
    )
    record([Event(action=Action.REVIEW_SIGN_REFUSED, actor="user:7"), EVENT])
    surroundings.reset(told)

    key, person = [
        canonical.decode(text)
        for text in Audit.objects.order_by("-id").values_list("canonical", flat=True)
    ]
    assert person["actor"] == {"id": "user:7", "kind": "user", "role": "reviewer"}
    assert key["actor"] == {"id": "key:abcd1234", "kind": "key"}
    assert person["network"] == "203.0.113.7"
    assert person["source"]["service"] == "desk"
    assert [person[name] for name in ("action", "outcome", "purpose")] == [
        *("E", "refused", "TREAT")
    ]


@pytest.mark.django_db
def test_a_detail_that_no_event_may_have_is_refused_before_it_is_stored():
    with pytest.raises(canonical.NotCanonical):
        record([Event(action=Action.JOB_FAILED, actor="user:1", detail={"p": 0.5})])

    assert not Audit.objects.exists()


@pytest.mark.django_db
def test_each_event_waits_to_be_sealed_from_the_moment_it_is_there():
    record([EVENT, EVENT])

    waiting = list(Pending.objects.order_by("pk").values_list("pk", flat=True))
    assert waiting == list(Audit.objects.order_by("pk").values_list("pk", flat=True))


def test_every_action_has_an_operation_an_outcome_and_a_purpose():
    for action in Action:
        assert meaning.operation(action) in "CRUDE"
        assert meaning.outcome(action) in {"success", "refused", "failed"}
        assert meaning.purpose(action)


def test_every_verb_with_a_meaning_is_one_that_is_used():
    used = {action.value.partition(".")[2] for action in Action}

    assert set().union(*meaning.OPERATIONS.values()) <= used
