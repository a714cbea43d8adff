"""What Prometheus is told of the reviews that wait."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from screening.metrics import ReviewCollector
from screening.metrics.reviews import _open_by_risk
from screening.models import Review
from screening.services.escalation import escalate_overdue
from screening.services.review import claim_review, save_review, send_second_read
from tests.plans import leave_only
from tests.screening.desk import review_of
from tests.screening.signing import make_reader, sign

pytestmark = pytest.mark.django_db


def read() -> dict[tuple[str, ...], float]:
    """Read as another process would: nothing is kept between two scrapes."""
    return {
        (sample.name.removeprefix("pedi_orch_"), *sample.labels.values()): sample.value
        for metric in ReviewCollector().collect()
        for sample in metric.samples
    }


def change(review, **values):
    Review.objects.filter(pk=review.pk).update(**values)


def test_without_a_review_every_figure_is_nothing():
    assert read() == {
        **{
            ("reviews_open", risk): 0
            for risk in ("on_track", "monitor", "discuss", "refer", "unclassified")
        },
        ("reviews_overdue",): 0,
        ("reviews_escalated",): 0,
        ("second_reads_waiting",): 0,
        ("review_oldest_wait_seconds",): 0,
    }


def test_open_reviews_are_counted_by_the_risk_that_they_have_now():
    doctor = make_reader()
    raised, signed = review_of("raised"), review_of("signed")
    review_of("refer", risk="refer")
    claim_review(raised, user=doctor)
    save_review(raised, user=doctor, version=1, values={"risk": "refer"})
    assert read()["reviews_open", "discuss"] == 1

    sign(signed)

    found = read()
    assert found["reviews_open", "refer"] == 2
    assert found["reviews_open", "discuss"] == 0


def test_what_is_overdue_and_what_is_escalated_is_counted_until_it_is_signed():
    review, other = review_of("late"), review_of("in-time")
    change(other, due_at=timezone.now() + timedelta(minutes=5))
    change(review, due_at=timezone.now() - timedelta(minutes=5))
    found = read()
    assert (found["reviews_overdue",], found["reviews_escalated",]) == (1, 0)

    escalate_overdue(actor="worker:w1")
    found = read()
    assert (found["reviews_overdue",], found["reviews_escalated",]) == (1, 1)

    sign(review)
    found = read()
    assert (found["reviews_overdue",], found["reviews_escalated",]) == (0, 0)


def test_the_oldest_wait_is_that_of_the_oldest_review_which_is_open():
    review, younger = review_of("old"), review_of("young", risk="refer")
    change(review, created_at=timezone.now() - timedelta(hours=2))
    change(younger, created_at=timezone.now() - timedelta(hours=1))
    assert read()["review_oldest_wait_seconds",] == pytest.approx(7200, abs=60)

    sign(review)

    assert read()["review_oldest_wait_seconds",] == pytest.approx(3600, abs=60)


@pytest.mark.parametrize("why", ["low_confidence", "drawn", "asked"])
def test_a_review_waits_for_a_second_reader_until_the_view_is_given(why):
    first, second = make_reader("dr-osei"), make_reader("dr-lind")
    review = review_of()
    assert read()["second_reads_waiting",] == 0

    change(review, second_read_for=why)
    claim_review(review, user=first)
    assert read()["second_reads_waiting",] == 1

    send_second_read(review, user=second, risk="discuss", why="Few words.")
    assert read()["second_reads_waiting",] == 0


def test_a_refer_that_was_lowered_waits_for_a_second_reader():
    doctor, review = make_reader(), review_of(risk="refer")
    claim_review(review, user=doctor)
    assert read()["second_reads_waiting",] == 0

    save_review(review, user=doctor, version=1, values={"risk": "monitor"})

    assert read()["second_reads_waiting",] == 1


def test_no_clinic_and_no_case_is_named():
    review_of("case-zq-77")

    said = "".join(
        f"{metric.documentation}{metric.samples}"
        for metric in ReviewCollector().collect()
    )

    assert "zq" not in said
    assert "default" not in said


def test_one_query_reads_it_all(django_assert_num_queries):
    review_of()

    with django_assert_num_queries(1):
        read()


def test_a_scrape_finds_the_open_reviews_by_an_index():
    if connection.vendor != "postgresql":
        pytest.skip("the plan is PostgreSQL's")
    leave_only(
        "screening_review",
        *("review_by_state", "review_by_due_time", "review_open_of_clinic"),
    )
    plan = _open_by_risk().explain()

    assert "Seq Scan on screening_review" not in plan
    assert "on screening_review " in plan


def test_the_page_of_metrics_has_them(api):
    review_of(risk="refer")

    page = api.get("/metrics").content.decode()

    assert 'pedi_orch_reviews_open{risk="refer"} 1.0' in page
    assert "pedi_orch_review_oldest_wait_seconds" in page
