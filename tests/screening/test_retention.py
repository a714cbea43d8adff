"""What is over for long enough goes; what is held, younger or clinical stays."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from audit.actions import Action
from audit.models import Audit
from people.models import Session
from routing.models import Task
from screening.completeness import GAPS
from screening.models import (
    Case,
    IdempotencyKey,
    Job,
    Review,
    Tombstone,
    WebhookDelivery,
)
from screening.services import retention
from screening.services.intervention import cancel_job
from screening.services.legal_hold import lift_hold, place_hold
from screening.services.retention import retain
from tests.audit.tampering import look, run
from tests.screening.erasing import full_case, review_of, snapshot, unsigned_case
from tests.screening.making import make_job
from tests.screening.signing import unlock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]
LONG_AGO = timezone.now() - timedelta(days=4000)


def age(case: Case) -> None:
    """Make a case, with all of its rows, old."""
    unlock()
    unlock("screening_addendum")
    # Unlocking has everything checked at once; this defers again what was deferred.
    connection.check_constraints()
    Case.objects.filter(pk=case.pk).update(created_at=LONG_AGO)
    jobs = Job.objects.filter(case=case)
    jobs.update(updated_at=LONG_AGO)
    jobs.exclude(finished_at=None).update(finished_at=LONG_AGO)
    Review.objects.filter(job__case=case).update(updated_at=LONG_AGO)
    run("UPDATE screening_addendum SET signed_off_at = %s", LONG_AGO)
    Task.objects.update(updated_at=LONG_AGO, finished_at=LONG_AGO)


def end_deliveries() -> None:
    WebhookDelivery.objects.update(status="DONE", finished_at=LONG_AGO)


def removed(**options: bool) -> dict[str, int]:
    applied = retain(actor="system:retain", **options)
    return {each.kind: each.removed for each in applied if each.removed}


def cancelled(case_id: str) -> Case:
    job = make_job(case_id=case_id)
    cancel_job(
        Job.objects.select_related("case__clinic", "clinic").get(pk=job.pk),
        actor="user:1",
    )
    return job.case


def test_by_default_everything_clinical_stays():
    case = full_case()
    age(case)

    assert removed() == {}
    assert review_of(case)


def test_an_old_case_is_erased_where_a_setting_says_so(settings):
    settings.RETAIN_CASE_DAYS = 3650
    case, young = full_case(), cancelled("case-2")
    age(case)

    assert removed() == {"cases": 1}

    assert Case.objects.get() == young
    stone = Tombstone.objects.get()
    assert stone.reason == "Retention: RETAIN_CASE_DAYS=3650"
    event = Audit.objects.get(action=Action.RETENTION_APPLIED)
    proof = hashlib.sha256(f"{stone.digest}\n".encode()).hexdigest()
    assert event.detail == {
        "kind": "cases",
        "setting": "RETAIN_CASE_DAYS",
        "number": "3650",
        "count": 1,
        "sha256": proof,
    }
    assert look(gaps=GAPS).is_whole


@pytest.mark.parametrize("what", ["addendum", "review", "job", "task"])
def test_a_case_with_which_anything_was_done_since_stays(settings, what):
    settings.RETAIN_CASE_DAYS = 3650
    age(full_case())
    now = timezone.now()
    if what == "addendum":
        run("UPDATE screening_addendum SET signed_off_at = %s", now)
    model = {"review": Review, "job": Job, "task": Task}.get(what)
    if model is not None:
        model.objects.update(updated_at=now)

    assert removed() == {}


def test_a_case_that_nobody_has_signed_stays(settings):
    settings.RETAIN_CASE_DAYS = 1
    age(unsigned_case())

    assert removed() == {}


def test_what_is_held_stays_until_the_hold_is_lifted(settings):
    settings.RETAIN_CASE_DAYS = settings.RETAIN_TASK_DAYS = 1
    case = full_case()
    age(case)
    end_deliveries()
    IdempotencyKey.objects.all().delete()
    place_hold(case, actor="user:7", reason="Court file 3")
    before = snapshot()

    assert removed() == {}
    assert snapshot() == before

    lift_hold(case, actor="user:7")
    assert removed() == {"cases": 1}


def test_cases_of_which_nothing_came_are_erased_after_a_year():
    age(cancelled("case-1"))
    drafted = unsigned_case()
    age(drafted)
    cancelled("case-2")

    assert removed() == {"failed_cases": 1}

    assert set(Case.objects.values_list("case_id", flat=True)) == {"case-2", "case-9"}


def test_rows_that_are_over_go_in_batches_each_with_its_event(monkeypatch, settings):
    monkeypatch.setattr(retention, "BATCH", 2)
    settings.RETAIN_TASK_DAYS = 1
    full_case()
    end_deliveries()
    IdempotencyKey.objects.update(created_at=LONG_AGO)
    Task.objects.update(finished_at=LONG_AGO)
    for number in range(3):
        Session.objects.create(session_key=f"old-{number}", expire_date=LONG_AGO)
    Session.objects.create(session_key="live", expire_date=timezone.now())
    [key] = IdempotencyKey.objects.values_list("pk", flat=True)

    assert removed() == {
        "tasks": 1,
        "webhook_deliveries": 1,
        "idempotency_keys": 1,
        "sessions": 3,
    }

    assert Session.objects.get().session_key == "live"
    assert not WebhookDelivery.objects.exists()
    events = Audit.objects.filter(action=Action.RETENTION_APPLIED).order_by("pk")
    told = [(event.detail["kind"], event.detail["count"]) for event in events]
    assert told == [
        *[("tasks", 1), ("webhook_deliveries", 1), ("idempotency_keys", 1)],
        *[("sessions", 2), ("sessions", 1)],
    ]
    assert events[2].detail["sha256"] == hashlib.sha256(f"{key}\n".encode()).hexdigest()
    assert look(gaps=GAPS).is_whole


def test_a_delivery_that_is_still_to_be_made_stays():
    full_case()
    WebhookDelivery.objects.update(created_at=LONG_AGO)

    assert removed() == {}


def test_a_dry_run_says_how_much_and_changes_nothing(settings, capsys):
    settings.RETAIN_CASE_DAYS = 3650
    age(full_case())
    end_deliveries()
    before = snapshot()

    call_command("retain", "--dry-run", "--json")

    said = json.loads(capsys.readouterr().out)
    assert said["dry_run"]
    would = {each["kind"]: each["removed"] for each in said["kinds"]}
    assert would["cases"] == would["webhook_deliveries"] == 1
    assert snapshot() == before
    call_command("retain", "--dry-run")
    lines = capsys.readouterr().out.splitlines()
    assert "cases: 1 would go (RETAIN_CASE_DAYS=3650)" in lines
    assert "tasks: kept for ever (RETAIN_TASK_DAYS=0)" in lines
    assert lines[-1] == "audit events: kept for ever"
