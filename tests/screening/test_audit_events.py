"""The list of events, which is as quick in a log of millions as in a small one."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import RequestFactory
from django.urls import reverse

from audit import pages
from audit.actions import Action
from audit.context import request_id
from audit.models import Audit
from audit.pages import values_of
from audit.services import Event, record
from screening.models import Clinic
from tests.site.clinics import desk_of, make_clinic, make_person

pytestmark = pytest.mark.django_db
EVENTS = "/admin/audit/audit/"
JOB = uuid.UUID("018f0000-0000-7000-8000-000000000007")
INDEXES = ["audit_by_actor", "audit_by_case", "audit_by_job", "audit_by_request"]


@pytest.fixture
def here(redis: Any) -> Clinic:
    return make_clinic("here")


@pytest.fixture
def auditor(here: Clinic) -> User:
    return make_person("auditor", here)


@pytest.fixture
def search(auditor: User) -> Any:
    """Return the events that a search finds, before they are asked for."""
    page = admin.site.get_model_admin(Audit)
    request = RequestFactory().get(EVENTS)
    request.user = auditor

    def found(words: str) -> Any:
        events, _ = page.get_search_results(request, page.get_queryset(request), words)
        return events

    return found


def happen(
    action: Action = Action.RECORD_READ, *, request: str = "", **values: Any
) -> None:
    given = {"actor": "key:aaaa", "clinic": "here", "case_id": "case-9", **values}
    token = request_id.set(request)
    record([Event(action=action, **given)])
    request_id.reset(token)


def listed(user: User, query: str = "") -> Any:
    answer = desk_of(user).get(f"{EVENTS}?{query}")
    assert answer.status_code == 200
    return answer.context["cl"]


@pytest.mark.parametrize(
    "words", ["case-9", str(JOB), JOB.hex, "key:aaaa", "asked-1", " asked-1 "]
)
def test_events_are_found_by_their_case_job_actor_or_request(search, words):
    happen(job_id=JOB, request="asked-1")
    happen(actor="key:bbbb", case_id="case-8", request="asked-2")
    happen(actor="key:bbbb", case_id="case-9", clinic="elsewhere", request="asked-2")

    [event] = search(words).filter(action=Action.RECORD_READ)

    assert (event.job_id, event.request_id) == (JOB, "asked-1")


def test_a_search_asks_an_index_for_each_of_them(search):
    if connection.vendor != "postgresql":
        pytest.skip("the plan is PostgreSQL's")
    happen()
    with connection.cursor() as cursor:
        for way in ("seqscan", "indexscan", "indexonlyscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")

    plan = search(str(JOB)).explain()

    assert "Seq Scan on audit_audit" not in plan
    assert "Index Cond: (((clinic)::text = " in plan  # before the case
    assert [name for name in INDEXES if f"Scan on {name}" in plan] == INDEXES


def test_only_so_many_are_counted_and_leafed_through(auditor, monkeypatch):
    for _ in range(4):
        happen(Action.REPORT_READ)
    monkeypatch.setattr(pages, "MOST_LISTED", 3)
    desk = desk_of(auditor)
    some = f"action__exact={Action.REPORT_READ}"

    page = desk.get(f"{EVENTS}?{some}").text
    found = desk.get(f"{EVENTS}?{some}&q=key:aaaa").text
    monkeypatch.setattr(pages, "MOST_LISTED", 4)
    all_of_them = desk.get(f"{EVENTS}?{some}&q=key:aaaa").text

    assert "The newest 3 audit events" in page
    assert "More than 3 found" in found
    assert "newest" not in all_of_them
    assert "4 found" in all_of_them


def test_the_clinics_to_choose_from_are_the_persons_own(here, auditor, admin_user):
    make_clinic("there")
    supervisor = make_person("supervisor", here)
    happen(Action.LOGIN_FAILED, clinic="", case_id="")

    def choices(user: User) -> list[str]:
        [chosen] = [
            each for each in listed(user).filter_specs if each.title == "clinic"
        ]
        return [str(words) for _, words in chosen.lookup_choices]

    assert choices(auditor) == ["No clinic", "here"]
    assert choices(supervisor) == ["here"]
    assert choices(admin_user) == ["No clinic", "here", "there"]


@pytest.mark.parametrize(
    ("chosen", "clinics"),
    [("here", {"here"}), (".", {""}), ("there", set()), ("nowhere", set())],
)
def test_a_list_is_narrowed_to_a_clinic(here, auditor, chosen, clinics):
    make_clinic("there")
    happen(Action.LOGIN_FAILED, clinic="", case_id="")

    shown = listed(auditor, f"clinic={chosen}").result_list

    assert {event.clinic for event in shown} == clinics


@pytest.mark.parametrize("query", ["o=2", "o=-4", "o=1.2"])
def test_a_log_stays_in_its_order(auditor, query):
    for n in (2, 1, 3):
        happen(case_id=f"case-{n}")

    shown = [event.pk for event in listed(auditor, query).result_list]

    assert shown == sorted(shown, reverse=True)
    head = desk_of(auditor).get(f"{EVENTS}?{query}").text.partition("<tbody>")[0]
    assert "sortoptions" not in head


def test_the_values_of_a_column_are_listed_once_each_in_their_order(redis):
    for clinic in ("b", "", "a", "b", "c"):
        happen(clinic=clinic)

    assert values_of(Audit, "clinic") == ["", "a", "b", "c"]


def test_a_clinic_that_is_not_offered_any_more_is_searched(auditor, monkeypatch):
    monkeypatch.setattr(pages, "MOST_CHOICES", 1)
    happen(Action.LOGIN_FAILED, clinic="", case_id="")
    happen()

    found = listed(auditor, "q=case-9")
    chosen = listed(auditor, "clinic=here")

    assert found.result_count == 1
    assert {event.clinic for event in chosen.result_list} == {"here"}
    [clinics] = [each for each in found.filter_specs if each.title == "clinic"]
    assert [words for _, words in clinics.lookup_choices] == ["No clinic"]


def test_a_list_of_nothing_says_so(auditor):
    nothing = listed(auditor, "q=nobody")

    assert nothing.result_count == 0
    assert "0 audit events" in desk_of(auditor).get(f"{EVENTS}?q=nobody").text
    assert reverse("admin:audit_audit_changelist") == EVENTS
