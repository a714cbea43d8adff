"""The page on the log, and the proof of an event as a file."""

from __future__ import annotations

import html
import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from audit import check
from audit.actions import Action
from audit.models import Audit, Checkpoint
from audit.services import Event, record
from audit.standing import standing
from screening.models import Clinic
from tests.audit.tampering import KEY, make_log, unlock_all, write
from tests.site.clinics import desk_of, make_person

pytestmark = pytest.mark.django_db
LOG = "/admin/audit/log/"


@pytest.fixture
def auditor(redis: Any) -> User:
    return make_person("auditor", Clinic.objects.create(slug="riverside", name="R"))


@pytest.fixture
def desk(auditor: User) -> Client:
    return desk_of(auditor)


def proof_url(event: Audit) -> str:
    return reverse("admin:audit_audit_proof", args=[event.pk])


def found(*, whole: bool, **counts: int) -> None:
    """Record what a check of the log found, as the command does."""
    told = {"from": 0, "size": 3, "checkpoints": 1, "pinned": 0, "waiting": 0}
    detail = {**told, "whole": whole, "counts": counts}
    actor = "system:audit_verify"
    record([Event(action=Action.AUDIT_VERIFIED, actor=actor, detail=detail)])


def make_late(monkeypatch: Any) -> None:
    """Have it be that whatever waits has waited for too long."""
    monkeypatch.setattr("audit.standing.LONGEST", timedelta(seconds=-1))


# --- The log --------------------------------------------------------------------------


def test_a_log_that_nobody_seals_is_warned_of(desk):
    write()

    page = desk.get(LOG).text

    assert "Nothing is sealed yet." in page
    assert "The log was not checked yet" in page


def test_the_page_shows_the_checkpoint_its_key_and_its_note(desk):
    make_log(3)

    page = desk.get(LOG).text

    checkpoint = Checkpoint.objects.get()
    assert "3 events are sealed and signed" in page
    assert f"{KEY.name}+{KEY.verifier.key_id.hex()}" in page
    assert checkpoint.note in html.unescape(page)
    assert "Sealing has stopped." not in page


def test_what_waits_is_counted_and_it_is_said_for_how_long(desk):
    make_log(1)
    write(4)

    log = standing()

    assert (log.waiting, log.last.size) == (4, 1)
    assert 0 <= log.waits_since.total_seconds() < 50
    assert not log.is_late
    assert "the oldest for" in desk.get(LOG).text


def test_sealing_that_has_stopped_is_warned_of_until_it_goes_on(desk, monkeypatch):
    make_log(1)
    write()
    make_late(monkeypatch)

    assert "Sealing has stopped." in desk.get(LOG).text


@pytest.mark.parametrize("whole", [True, False])
def test_the_last_check_is_told_and_none_before_it(desk, whole):
    make_log(2)
    found(whole=not whole)
    found(whole=whole, **({} if whole else {"root_differs": 2}))

    page = desk.get(LOG).text

    assert ("The log was whole when it was last checked" in page) is whole
    assert ("root_differs: 2" in page) is not whole
    assert "by system:audit_verify on" in page


def test_a_log_that_is_not_sealed_any_more_is_not_called_good(desk, monkeypatch):
    make_log(1)
    found(whole=True)
    make_late(monkeypatch)

    assert not standing().is_good
    assert "The log was whole, and sealing has stopped" in desk.get(LOG).text


# --- One event ------------------------------------------------------------------------


def test_a_proof_is_a_file_that_the_log_remembers(auditor, desk, tmp_path):
    make_log(5)
    event = Audit.objects.get(leaf__tree_index=2)

    page = desk.get(reverse("admin:audit_audit_change", args=[event.pk]))
    answer = desk.get(proof_url(event))

    assert "Sealed as 2" in page.text
    assert proof_url(event) in page.text
    assert answer["Content-Disposition"] == 'attachment; filename="event-2.json"'
    assert "no-store" in answer["Cache-Control"]
    file = tmp_path / "event.json"
    file.write_bytes(answer.content)
    assert check.main([str(file), "--key", str(KEY.verifier)]) == 0
    told = Audit.objects.get(action=Action.AUDIT_PROVEN)
    assert (told.actor, told.case_id) == (f"user:{auditor.pk}", event.case_id)
    assert told.detail == {"events": 1, "index": 2}


def test_an_event_that_waits_has_no_proof_yet(desk):
    write()
    event = Audit.objects.get(case_id="case-0")

    page = desk.get(reverse("admin:audit_audit_change", args=[event.pk]))
    answer = desk.get(proof_url(event))

    assert "Being sealed" in page.text
    assert answer.status_code == 409
    assert "not sealed yet" in answer.text
    assert not Audit.objects.filter(action=Action.AUDIT_PROVEN).exists()


def test_an_event_that_was_changed_has_no_proof(desk):
    make_log(3)
    event = Audit.objects.get(leaf__tree_index=1)
    unlock_all()
    other = json.dumps(json.loads(event.canonical) | {"type": "job.failed"})
    change(event, other)

    answer = desk.get(proof_url(event))

    assert answer.status_code == 409
    assert "cannot prove this event" in answer.text
    assert not Audit.objects.filter(action=Action.AUDIT_PROVEN).exists()


def change(event: Audit, text: str) -> None:
    """Write another text over an event's, as who owns the database can."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE audit_audit SET canonical = %s WHERE id = %s", [text, event.pk]
        )


def test_an_event_of_another_clinic_has_no_proof_here(desk):
    Clinic.objects.create(slug="there", name="There")
    record([Event(action=Action.JOB_STARTED, actor="worker:x", clinic="there")])
    event = Audit.objects.get(clinic="there")

    assert desk.get(proof_url(event)).status_code == 404
    assert desk.get(f"/admin/audit/audit/{10**30}/proof/").status_code == 404


def test_only_who_may_see_the_log_sees_how_it_stands(redis):
    nobody = User.objects.create_user("nobody", password="x", is_staff=True)
    make_log(1)
    event = Audit.objects.get(leaf__tree_index=0)
    desk = desk_of(nobody)

    for url in (LOG, proof_url(event), "/admin/audit/week/", "/admin/audit/case/"):
        assert desk.get(url).status_code == 403
