"""Reviews past their due time are brought to the clinic's supervisors, once."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection, connections
from django.utils import timezone

from audit.models import Audit
from screening.models import Clinic, Review
from screening.services import escalation
from screening.services.escalation import escalate_overdue, supervisors_of
from screening.services.reconciliation import lead
from screening.services.review import claim_review, give_up_claim, save_review
from screening.worker import DUTY, ESCALATE_SECONDS, ScreeningWorker
from tests.screening.desk import review_of
from tests.screening.signing import make_reader, sign
from tests.system.stack import Stack
from tests.telling import ASK_NOT

ACTION = "review.escalated"


def overdue(case_id: str = "case-1", *, minutes: int = 5, **given: Any) -> Review:
    """Store a review that should have been signed so many minutes ago."""
    review = review_of(case_id, **given)
    due = timezone.now() - timedelta(minutes=minutes)
    Review.objects.filter(pk=review.pk).update(due_at=due)
    review.refresh_from_db()
    return review


def supervisor(name: str, *, clinic: Clinic | None = None) -> Any:
    user = make_reader(name, clinic=clinic)
    user.groups.add(Group.objects.get_or_create(name="supervisor")[0])
    return user


def escalated() -> list[str]:
    found = Review.objects.filter(escalated_at__isnull=False).order_by("pk")
    return list(found.values_list("job__case__case_id", flat=True))


def events() -> list[Audit]:
    return list(Audit.objects.filter(action=ACTION).order_by("pk"))


@pytest.mark.django_db
def test_an_open_review_past_its_due_time_is_escalated_and_no_other():
    late, early = overdue("late"), overdue("early", minutes=-5)
    signed, undated = overdue("signed"), review_of("undated")
    sign(signed)

    assert escalate_overdue(actor="worker:w1") == 1

    assert escalated() == ["late"]
    assert {early.escalated_at, undated.escalated_at} == {None}
    late.refresh_from_db()
    assert abs(timezone.now() - late.escalated_at) < timedelta(minutes=1)


@pytest.mark.django_db
def test_the_event_names_the_case_and_counts_the_supervisors_of_its_clinic():
    north = Clinic.objects.create(slug="north", name="North")
    away = supervisor("away", clinic=north)
    away.is_active = False
    away.save()
    supervisor("here", clinic=north)
    make_reader("only-reads", clinic=north)
    supervisor("of-another")
    late = overdue("n-1", clinic=north)

    escalate_overdue(actor="worker:w1")

    [event] = events()
    assert (event.actor, event.clinic, event.case_id) == ("worker:w1", "north", "n-1")
    assert event.job_id == late.job_id
    assert event.detail == {"supervisors": 1}
    assert [user.username for user in supervisors_of([north.pk])[north.pk]] == ["here"]


@pytest.mark.django_db
def test_a_clinic_without_a_supervisor_is_told_of_as_such():
    late = overdue()

    escalate_overdue(actor="worker:w1")

    assert events()[0].detail == {"supervisors": 0}
    assert supervisors_of([late.clinic_id]) == {}


@pytest.mark.django_db
def test_a_second_pass_changes_nothing():
    late = overdue()
    escalate_overdue(actor="worker:w1")
    late.refresh_from_db()

    assert escalate_overdue(actor="worker:w2") == 0

    again = Review.objects.get(pk=late.pk)
    assert again.escalated_at == late.escalated_at
    assert len(events()) == 1


@pytest.mark.django_db
def test_a_claim_a_save_and_a_claim_given_up_leave_it_escalated():
    late, doctor = overdue(), make_reader()
    escalate_overdue(actor="worker:w1")
    at = Review.objects.get(pk=late.pk).escalated_at

    claim_review(late, user=doctor)
    save_review(late, user=doctor, version=1, values={"note": "Mine."})
    give_up_claim(late, user=doctor)

    assert Review.objects.get(pk=late.pk).escalated_at == at
    assert escalate_overdue(actor="worker:w1") == 0


@pytest.mark.django_db
def test_who_writes_a_review_notices_nothing_of_its_escalation():
    late, doctor = overdue(), make_reader()
    claim_review(late, user=doctor)
    before = Review.objects.get(pk=late.pk)

    escalate_overdue(actor="worker:w1")

    after = Review.objects.get(pk=late.pk)
    assert (after.version, after.updated_at) == (before.version, before.updated_at)
    save_review(late, user=doctor, version=before.version, values={"note": "Mine."})


@pytest.mark.django_db
def test_an_escalated_review_is_signed_as_any_other():
    late = overdue()
    escalate_overdue(actor="worker:w1")

    signed = sign(late)

    assert (signed.state, signed.escalated_at is None) == ("SIGNED_OFF", False)


@pytest.mark.django_db
def test_batches_take_the_longest_overdue_first_and_all_in_the_end(monkeypatch):
    monkeypatch.setattr(escalation, "BATCH", 2)
    for minutes in (3, 5, 1, 4, 2):
        overdue(f"over-{minutes}", minutes=minutes)

    assert escalate_overdue(actor="worker:w1", most=3) == 3
    assert sorted(escalated()) == ["over-3", "over-4", "over-5"]
    assert escalate_overdue(actor="worker:w1") == 2
    assert len(events()) == 5


@pytest.mark.django_db
def test_the_command_says_how_many():
    overdue("one")
    out = io.StringIO()

    call_command("escalate_overdue", stdout=out)
    overdue("two")
    overdue("three")
    call_command("escalate_overdue", stdout=out)

    assert out.getvalue() == "1 review escalated\n2 reviews escalated\n"
    assert events()[0].actor.startswith("system:")


@pytest.fixture
def workers(db: None, redis: Any) -> Iterator[list[ScreeningWorker]]:
    found = [ScreeningWorker(name=name) for name in ("w-leads", "w-other")]
    yield found
    for worker in found:
        worker.client.close()


def test_the_worker_that_leads_escalates_every_few_minutes_and_no_other(workers):
    leading, other = workers
    assert lead(DUTY, holder="w-leads", seconds=60)
    now = time.monotonic()
    overdue("first")

    other.keep(now)
    assert escalated() == []
    leading.keep(now)
    assert escalated() == ["first"]
    assert events()[0].actor == "worker:w-leads"

    overdue("second")
    leading.keep(now + ESCALATE_SECONDS - 1)
    assert escalated() == ["first"]
    leading.keep(now + 2 * ESCALATE_SECONDS)
    assert escalated() == ["first", "second"]


@pytest.fixture
def others(django_db_blocker: Any, monkeypatch: Any) -> Iterator[str]:
    """A database of its own, which is the usual one for threads that begin now."""
    with Stack() as stack, django_db_blocker.unblock():
        # What is overdue here was made past the services.
        for statement in ASK_NOT if stack.kind == "postgresql" else ():
            stack.write(statement)
        mine = {**connections.databases["default"], "NAME": stack.database}
        connections.databases["others"] = mine
        monkeypatch.setitem(connections.databases, "default", mine)
        yield "others"
        connections["others"].close()
        del connections.databases["others"]
        del connections["others"]


@pytest.mark.system
def test_of_several_leaders_at_once_one_escalates_each(others, monkeypatch):
    monkeypatch.setattr(escalation, "BATCH", 3)
    together, done = threading.Barrier(5), []

    def fill() -> None:
        for number in range(24):
            overdue(f"case-{number}")
        connection.close()

    def run(name: str) -> None:
        together.wait()
        for _ in range(10):
            done.append(escalate_overdue(actor=f"worker:{name}"))
        connection.close()

    in_threads([threading.Thread(target=fill)])
    in_threads([threading.Thread(target=run, args=[f"w{n}"]) for n in range(5)])

    told = Audit.objects.using(others).filter(action=ACTION)
    assert sum(done) == 24
    assert len(told) == len({event.job_id for event in told}) == 24
    assert not Review.objects.using(others).filter(escalated_at=None).exists()


def in_threads(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
