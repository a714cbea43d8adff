"""Who read what: once in a while for the same, and never shown without it."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from audit import reading
from audit.actions import Action
from audit.memory import Crowd, Memory
from audit.models import Audit
from audit.reading import RECENT, note_read
from audit.services import Event, newest_of_job
from screening.models import Clinic, Job
from screening.services.keys import create_key
from tests.screening.desk import review_of
from tests.screening.making import make_job

READ = Event(action=Action.RECORD_READ, actor="key:abcd1234", case_id="RC-2041")
NAME = "Zuri-Quiller"


def submitted(api: Any, **fields: Any) -> str:
    job_id: str = api.post(
        "/api/submit", fields, content_type="application/json"
    ).json()["job_id"]
    return job_id


def told(*actions: str) -> list[Audit]:
    return list(Audit.objects.filter(action__in=actions).order_by("pk"))


# --- Remembering ----------------------------------------------------------------------


def test_a_key_is_held_until_its_time_and_asking_does_not_prolong_it():
    memory = Memory(most=10)
    memory.keep("a", until=300.0)

    assert memory.holds("a", now=299.9)
    assert not memory.holds("a", now=300.0)
    assert not memory.holds("b", now=0.0)


def test_of_too_many_keys_those_go_first_that_nobody_asks_for():
    memory = Memory(most=3)
    for key in "abc":
        memory.keep(key, until=300.0)
    memory.holds("a", now=0.0)

    memory.keep("d", until=300.0)

    assert len(memory) == 3
    assert [key for key in "abcd" if memory.holds(key, now=0.0)] == ["a", "c", "d"]


def test_strangers_from_too_many_places_count_as_one_for_a_while():
    crowd = Crowd(most=2, seconds=60.0)
    places = [crowd.place(address, now=0.0) for address in ("a", "b", "c", "a", "d")]

    assert places == ["a", "b", Crowd.OTHERS, "a", Crowd.OTHERS]
    assert crowd.place("d", now=60.0) == "d"


@pytest.mark.django_db
def test_what_could_not_be_stored_is_not_taken_for_stored(monkeypatch):
    def away(events: Any) -> None:
        raise OperationalError

    with monkeypatch.context() as patched:
        patched.setattr(reading, "record", away)
        with pytest.raises(OperationalError):
            note_read(READ)

    note_read(READ)
    note_read(READ)
    assert Audit.objects.count() == 1


@pytest.mark.django_db
def test_after_a_restart_it_is_recorded_once_more():
    note_read(READ)
    RECENT.forget()
    note_read(READ)

    assert Audit.objects.count() == 2


# --- Clients --------------------------------------------------------------------------


def test_a_job_that_is_polled_is_one_event_and_costs_the_database_nothing(api):
    job_id = submitted(api, case_id="RC-2041")
    path = f"/api/status/{job_id}"
    api.get(path)

    with CaptureQueriesContext(connection) as asked:
        for query in ("", "?wait=0", "", ""):
            assert api.get(path + query).status_code == 200

    assert all("audit" not in query["sql"] for query in asked)
    [event] = told("record.read")
    assert (event.actor, event.clinic) == ("key:env", "default")
    assert (event.case_id, str(event.job_id)) == ("RC-2041", job_id)
    assert event.detail == {"route": "status"}


def test_another_key_and_another_job_are_events_of_their_own(api):
    job_ids = [submitted(api), submitted(api)]
    clinic = Clinic.objects.get(slug="default")
    _, raw = create_key(
        name="other", clinic=clinic, scopes=["jobs:read"], actor="user:test"
    )
    for key in ({}, {"x-api-key": raw}):
        for job_id in job_ids:
            api.get(f"/api/status/{job_id}", headers=key)

    assert len(told("record.read")) == 4


def test_a_list_is_one_event_and_names_the_case_that_was_asked_for(api):
    submitted(api, case_id="RC-2041")
    submitted(api, case_id="RC-2042")
    api.get("/api/jobs?limit=10&status=PENDING")
    api.get("/api/jobs?case_id=RC-2041")
    api.get(f"/api/jobs?case_id={NAME}")

    found = [(event.case_id, event.detail) for event in told("list.read")]
    assert found == [
        ("", {"route": "jobs", "filters": ["limit", "status"], "count": 2}),
        ("RC-2041", {"route": "jobs", "filters": ["case_id"], "count": 1}),
        ("", {"route": "jobs", "filters": ["case_id"], "count": 0}),
    ]


def test_a_report_that_there_is_not_yet_is_a_reading_and_no_refusal(api):
    submitted(api, case_id="RC-2041")

    assert api.get("/api/cases/RC-2041/report").status_code == 404

    assert not told("access.denied")
    [event] = told("record.read")
    assert (event.case_id, event.detail["code"]) == ("RC-2041", "NOT_FOUND")


def test_what_there_is_not_is_refused_without_its_name(api):
    for path in (f"/api/cases/{NAME}", f"/api/status/{uuid.uuid4()}"):
        assert api.get(path).status_code == 404

    events = told("access.denied")
    assert len(events) == 2
    assert NAME not in str([vars(event) for event in events])


def test_unknown_keys_are_one_event_a_minute_and_none_is_kept(client, db):
    for n in range(20):
        client.get("/api/jobs", headers={"x-api-key": f"psk_abcd1234_{NAME}{n}"})

    [event] = told("access.denied")
    assert event.actor == "key:unknown"
    assert NAME not in str(vars(event))
    assert "abcd1234" not in str(vars(event))


def test_nothing_is_shown_whose_reading_cannot_be_recorded(api, monkeypatch, caplog):
    caplog.set_level(logging.ERROR)
    job_id = submitted(api, case_id="RC-2041")
    monkeypatch.setattr(reading, "record", lambda events: _away())

    response = api.get(f"/api/status/{job_id}")

    assert response.status_code == 503
    assert response.json()["code"] == "SERVICE_UNAVAILABLE"
    assert "RC-2041" not in response.text + caplog.text


def test_no_page_is_shown_whose_opening_cannot_be_recorded(
    admin_client, redis, monkeypatch
):
    review = review_of("RC-2041")
    monkeypatch.setattr(reading, "record", lambda events: _away())

    response = admin_client.get(f"/admin/screening/review/{review.pk}/change/")

    assert response.status_code == 503
    assert "RC-2041" not in response.text


def _away() -> None:
    raise OperationalError


# --- The desk -------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/admin/", "/admin/screening/job/"])
def test_a_search_names_the_case_that_it_found_and_no_word(admin_client, redis, path):
    review = review_of("RC-2041")
    for term in ("RC-2041", str(review.job_id), NAME):
        assert admin_client.get(path, {"q": term}).status_code == 200

    events = told("list.read")
    assert [(e.case_id, e.detail["search"]) for e in events] == [
        ("RC-2041", "case_id"),
        ("RC-2041", "job_id"),
        ("", "nothing found"),
    ]
    assert NAME not in str([vars(event) for event in events])


def test_a_page_with_an_event_of_its_own_has_no_second_one(admin_client, redis):
    review = review_of("RC-2041")

    admin_client.get(f"/admin/screening/review/{review.pk}/change/")

    looked = Audit.objects.exclude(action__startswith="job.")
    assert [event.action for event in looked] == ["record.opened"]


def test_a_history_is_a_page_that_names_what_it_is_of(admin_client, redis):
    job = make_job(case_id="RC-2041")

    admin_client.get(f"/admin/screening/job/{job.pk}/history/")

    [event] = told("page.opened")
    assert (event.case_id, event.job_id) == ("RC-2041", job.pk)
    assert event.detail["page"] == "screening_job_history"


def test_who_looked_is_not_among_what_was_done_with_a_job(api):
    job_id = submitted(api)
    api.get(f"/api/status/{job_id}")
    api.get(f"/api/jobs/{job_id}/retry")

    assert len(told("record.read", "request.refused")) == 2
    [done] = newest_of_job(Job.objects.get(pk=job_id).pk, most=9)
    assert done.action == "job.submitted"
