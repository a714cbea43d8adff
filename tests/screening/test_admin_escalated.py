"""A review past its due time names the supervisors to whom it was brought."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.reading import RECENT
from screening.admin.review_parts import escalated_words
from screening.models import Clinic, Review
from screening.services.escalation import escalate_overdue
from tests.screening.desk import LIST, page_of, words_of
from tests.screening.signing import make_reader, sign
from tests.screening.test_escalation import overdue, supervisor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


@pytest.fixture
def desk() -> Client:
    client = Client()
    client.force_login(make_reader())
    return client


def escalated(*cases: str, **given: Any) -> list[Review]:
    reviews = [overdue(case, **given) for case in cases or ("case-1",)]
    escalate_overdue(actor="worker:w1")
    return reviews


def test_the_list_and_the_case_name_the_clinics_supervisors(desk):
    north = Clinic.objects.create(slug="north", name="North")
    supervisor("of-another", clinic=north)
    for name in ("dr-ama", "dr-bo"):
        supervisor(name)
    [review] = escalated()

    for page in (LIST, page_of(review)):
        words = words_of(desk.get(page).text)
        assert "Escalated to Dr-Ama and Dr-Bo" in words
        assert "Of-Another" not in words


def test_each_row_names_those_of_its_own_clinic(desk):
    north = Clinic.objects.create(slug="north", name="North")
    supervisor("of-north", clinic=north)
    make_reader(clinic=north)
    supervisor("of-here")
    escalated("case-1")
    escalated("case-2", clinic=north)

    page = desk.get(LIST)

    [group] = page.context["groups"]
    said = {row.case_id: row.flags for row in group.rows}
    assert "Escalated to Of-Here<" in said["case-1"]
    assert "Escalated to Of-North<" in said["case-2"]


def test_that_there_is_no_supervisor_is_said_plainly(desk):
    [review] = escalated()

    for page in (LIST, page_of(review)):
        words = words_of(desk.get(page).text)
        assert "Escalated, but the clinic has no supervisor" in words


def test_nothing_is_said_of_what_is_not_escalated_or_is_signed(desk):
    late = overdue("late")
    [done] = escalated("done")
    Review.objects.filter(pk=late.pk).update(escalated_at=None)
    sign(Review.objects.get(pk=done.pk), user=make_reader())

    for page in (LIST, f"{LIST}?view=signed", page_of(late), page_of(done)):
        assert "Escalated to" not in words_of(desk.get(page).text)
        assert "no supervisor" not in words_of(desk.get(page).text)


def test_a_name_is_escaped(desk):
    user = supervisor("dr-ama")
    user.first_name = "<b>Ama"
    user.save()
    [review] = escalated()

    for page in (LIST, page_of(review)):
        text = desk.get(page).text
        assert "&lt;b&gt;Ama" in text
        assert "<b>Ama" not in text


def test_names_are_put_into_a_sentence_and_many_are_counted():
    people = [make_reader(f"dr-{n}") for n in range(6)]

    said = [escalated_words(people[:number]) for number in (1, 2, 3, 4, 5, 6)]

    assert said == [
        "Escalated to Dr-0",
        "Escalated to Dr-0 and Dr-1",
        "Escalated to Dr-0, Dr-1 and Dr-2",
        "Escalated to Dr-0, Dr-1, Dr-2 and Dr-3",
        "Escalated to Dr-0, Dr-1, Dr-2, Dr-3 and 1 more",
        "Escalated to Dr-0, Dr-1, Dr-2, Dr-3 and 2 more",
    ]


def test_the_names_take_one_query_however_many_rows(desk):
    supervisor("dr-ama")
    reviews = escalated("case-0")
    counts = []
    for number in (1, 8):
        if number > 1:
            reviews += escalated(*(f"case-{n}" for n in range(1, number)))
        desk.get(LIST)
        RECENT.forget()  # that it is opened is written down within the twelve, too
        with CaptureQueriesContext(connection) as captured:
            desk.get(LIST)
        counts.append(len(captured))
    with CaptureQueriesContext(connection) as of_case:
        desk.get(page_of(reviews[0]))

    assert counts[0] == counts[1] <= 12
    assert len(of_case) <= 12
