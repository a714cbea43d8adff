"""From signatures to tallies: counted once, whatever is run again, late or added."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from agreement import services
from agreement.models import RollUp, Tally
from agreement.services import roll_up
from audit.actions import Action
from audit.models import Audit
from screening.models import Clinic, Job, Leadership, Review, Signature
from screening.services.signing import add_addendum
from tests.screening.desk import review_of
from tests.screening.signing import PASSWORD, make_reader, sign, unlock

pytestmark = pytest.mark.django_db

ACTOR = "system:test"
ROUTE = [
    {"tries": [{"target": "edge", "prompt": "screening-1"}]},
    {"tries": [{"target": "edge"}, {"target": "cloud", "prompt": "screening-2"}]},
]
KIND = (
    *("clinic__slug", "model", "adapter", "prompt", "age_band"),
    *("draft_risk", "rules_risk", "signed_risk", "cases"),
)


def tallies(**which) -> list[tuple]:
    rows = Tally.objects.filter(**which).order_by(*KIND)
    return list(rows.values_list(*KIND))


def signed(case_id: str = "case-1", *, days_ago: int = 0, **job) -> Review:
    """Sign a case, some days ago."""
    review = review_of(case_id, clinic=job.pop("clinic", None))
    Job.objects.filter(pk=review.job_id).update(**job)
    found = sign(review)
    if days_ago:
        when = timezone.now() - timedelta(days=days_ago)
        Signature.objects.filter(review=found).update(signed_at=when)
    return found


def command(*words: str) -> str:
    out = io.StringIO()
    call_command("rollup_agreement", *words, stdout=out)
    return out.getvalue()


# --- What is counted ----------------------------------------------------------------


def test_a_signed_report_is_counted_with_all_that_is_compared():
    clinic = Clinic.objects.create(slug="riverside", name="Riverside")
    signed(clinic=clinic, route=ROUTE, rules_risk="monitor")

    done = roll_up(actor=ACTOR)

    assert tallies() == [
        (
            *("riverside", "draft-model-zq", "adapter-zq", "screening-2"),
            *("12_to_23m", "discuss", "monitor", "discuss", 1),
        )
    ]
    assert Tally.objects.get().day == timezone.localdate()
    assert (done.first_day, done.last_day, done.cases) == (
        timezone.localdate(),
        timezone.localdate(),
        1,
    )


def test_alike_reports_are_one_row_and_another_risk_is_another():
    for n in range(3):
        signed(f"alike-{n}")
    review = review_of("changed")
    sign(
        review,
        risk="refer",
        reason_code="finding",
        reason_text="Does not turn to a voice.",
    )

    roll_up(actor=ACTOR)

    counted = Tally.objects.values_list("draft_risk", "signed_risk", "cases")
    assert set(counted) == {("discuss", "discuss", 3), ("discuss", "refer", 1)}


def test_what_was_signed_counts_even_if_the_review_says_otherwise():
    review = signed()
    unlock()
    Review.objects.filter(pk=review.pk).update(risk="on_track")

    roll_up(actor=ACTOR)

    assert Tally.objects.get().signed_risk == "discuss"


def test_an_open_review_is_not_counted():
    review_of()

    assert roll_up(actor=ACTOR).cases == 0
    assert not Tally.objects.exists()


def test_an_answer_without_a_usable_risk_is_counted_as_unusable():
    signed(
        model_risk="", rules_risk="", result={"answer": ["no"]}, payload={}, route=[]
    )

    roll_up(actor=ACTOR)

    [row] = tallies()
    assert row[2:] == ("", "", "not_given", "unclassified", "", "discuss", 1)


def test_a_name_that_could_be_anything_is_not_kept():
    words = "Mia is not walking"
    signed(model_id=words, result={"risk": "discuss", "adapter_id": words})

    roll_up(actor=ACTOR)

    row = Tally.objects.get()
    assert (row.model, row.adapter) == ("name-not-plain", "name-not-plain")


# --- Again, late, added -------------------------------------------------------------


def test_a_second_run_changes_nothing():
    unlock("screening_signature")
    for n in range(3):
        signed(f"case-{n}", days_ago=n)
    roll_up(actor=ACTOR)
    before = tallies()

    roll_up(actor=ACTOR)
    roll_up(actor=ACTOR, since=timezone.localdate() - timedelta(days=5))

    assert tallies() == before
    assert sum(row[-1] for row in before) == 3


def test_a_report_that_was_stored_late_is_counted_on_its_day():
    unlock("screening_signature")
    signed("on-time", days_ago=1)
    roll_up(actor=ACTOR)
    signed("late", days_ago=1)

    roll_up(actor=ACTOR)

    yesterday = timezone.localdate() - timedelta(days=1)
    assert [row[-1] for row in tallies(day=yesterday)] == [2]


def test_the_first_run_begins_with_the_first_signature_and_later_ones_do_not():
    unlock("screening_signature")
    signed("old", days_ago=40)
    today = timezone.localdate()

    first = roll_up(actor=ACTOR)
    second = roll_up(actor=ACTOR)

    assert first.first_day == today - timedelta(days=40)
    assert second.first_day == today - timedelta(days=2)
    assert Tally.objects.get().cases == 1


def test_after_nights_without_a_run_none_is_left_out():
    unlock("screening_signature")
    signed("missed", days_ago=5)
    last = timezone.localdate() - timedelta(days=9)
    RollUp.objects.create(first_day=last, last_day=last, cases=0)

    roll_up(actor=ACTOR)

    assert Tally.objects.get().day == timezone.localdate() - timedelta(days=5)


def test_an_addendum_changes_nothing():
    review = signed()
    roll_up(actor=ACTOR)
    before = tallies()

    add_addendum(
        review,
        user=make_reader(clinic=review.job.clinic),
        password=PASSWORD,
        text="The hearing test was normal.",
    )
    roll_up(actor=ACTOR)

    assert tallies() == before


@pytest.mark.parametrize(
    ("zone", "day"),
    [("UTC", date(2026, 3, 2)), ("America/New_York", date(2026, 3, 1))],
)
def test_a_day_is_one_of_the_desks_time_zone(settings, zone, day):
    settings.TIME_ZONE = zone
    timezone.get_default_timezone.cache_clear()
    unlock("screening_signature")
    review = signed()
    Signature.objects.filter(review=review).update(
        signed_at=datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
    )

    roll_up(actor=ACTOR)

    timezone.get_default_timezone.cache_clear()
    assert [row.day for row in Tally.objects.all()] == [day]


# --- One transaction a day, one process, one event ----------------------------------


def test_a_day_that_cannot_be_stored_keeps_what_it_had(monkeypatch):
    signed("case-1")
    roll_up(actor=ACTOR)
    before = tallies()
    signed("case-2", model_id="another")
    monkeypatch.setattr(services, "band_of", lambda months: None)

    with pytest.raises(IntegrityError):
        roll_up(actor=ACTOR)

    assert tallies() == before
    assert RollUp.objects.count() == 1
    assert not Leadership.objects.filter(duty="agreement").exists()


def test_while_another_process_rolls_up_nothing_is_done():
    signed()
    Leadership.objects.create(
        duty="agreement",
        holder="system:other",
        until=timezone.now() + timedelta(minutes=5),
    )

    assert roll_up(actor=ACTOR) is None
    assert "Another process" in command()
    assert not Tally.objects.exists()


def test_a_run_that_another_process_has_taken_over_stops(monkeypatch):
    unlock("screening_signature")
    signed("old", days_ago=3)
    days = []
    real = services._roll_up_day

    def slow(day):
        days.append(day)
        Leadership.objects.filter(duty="agreement").update(holder="system:other")
        return real(day)

    monkeypatch.setattr(services, "_roll_up_day", slow)

    assert roll_up(actor=ACTOR) is None
    assert len(days) == 1
    assert not RollUp.objects.exists()
    assert Leadership.objects.get(duty="agreement").holder == "system:other"


def test_a_run_is_kept_and_audited_once_with_counts_alone():
    signed("child-7")

    command()

    run = RollUp.objects.get()
    assert (run.cases, run.last_day) == (1, timezone.localdate())
    event = Audit.objects.get(action=Action.AGREEMENT_ROLLED_UP)
    assert event.actor.startswith("system:")
    assert event.detail == {
        "first_day": timezone.localdate().isoformat(),
        "last_day": timezone.localdate().isoformat(),
        "cases": 1,
    }
    assert not Leadership.objects.filter(duty="agreement").exists()


def test_the_database_refuses_two_rows_of_one_kind():
    signed()
    roll_up(actor=ACTOR)
    row = Tally.objects.get()
    row.pk = None

    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()


# --- The command --------------------------------------------------------------------


def test_the_command_says_what_was_counted():
    signed()
    today = timezone.localdate()

    assert command() == f"1 signed reports counted, {today} to {today}\n"


def test_the_command_counts_anew_from_a_day_on():
    unlock("screening_signature")
    signed("old", days_ago=30)
    roll_up(actor=ACTOR)
    Tally.objects.all().delete()
    since = timezone.localdate() - timedelta(days=31)

    said = command("--since", since.isoformat())

    assert said.startswith("1 signed reports counted")
    assert Tally.objects.get().cases == 1


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "1999-01-01", "2999-01-01"])
def test_a_day_that_cannot_be_meant_is_refused(day):
    with pytest.raises(CommandError, match="--since must"):
        command("--since", day)


def test_the_signatures_of_a_day_are_found_by_an_index():
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, "screening_signature")

    assert found["signature_by_time"]["columns"] == ["signed_at"]
    assert found["signature_by_time"]["index"]
