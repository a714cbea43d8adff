"""Where two readers differ: who is told so, and what the report says of it."""

from __future__ import annotations

import pytest
from django.test import Client

from screening.models import Review, Signature
from screening.services.report import signed_report
from screening.services.review import (
    adjudicate,
    claim_review,
    save_review,
    send_second_read,
)
from tests.screening.desk import review_of, words_of
from tests.screening.signing import RIGHTS, make_reader, sign

pytestmark = pytest.mark.django_db

TOLD = "Two readers differ: decide"
REASON = {"reason_code": "other", "reason_text": "The family told me more."}


def differing() -> Review:
    """A refer that the first reader lowered and the second would refer."""
    doctor, other = make_reader("dr-osei"), make_reader("dr-lind")
    review = review_of(risk="refer")
    claim_review(review, user=doctor)
    save_review(review, user=doctor, version=1, values={"risk": "monitor", **REASON})
    send_second_read(review, user=other, risk="refer", why="I would refer.")
    return review


def worklist_of(user) -> str:
    client = Client()
    client.force_login(user)
    return words_of(client.get("/admin/?view=all").text)


def test_the_worklist_tells_who_may_decide_and_nobody_else():
    review = differing()
    third = make_reader("dr-chen", rights=[*RIGHTS, "adjudicate_review"])
    assert TOLD in worklist_of(third)
    assert TOLD not in worklist_of(make_reader("dr-osei"))
    assert TOLD not in worklist_of(make_reader("dr-lind"))

    adjudicate(review, user=third, risk="refer", why="The checklist.")

    assert TOLD not in worklist_of(third)


def test_a_report_gives_no_reason_for_a_risk_that_was_set_back():
    review = differing()
    third = make_reader("dr-chen", rights=[*RIGHTS, "adjudicate_review"])
    adjudicate(review, user=third, risk="refer", why="The checklist.")

    sign(review, user=make_reader("dr-osei"), risk="refer")

    assert signed_report(Signature.objects.get(review=review)).reason == ""


def test_a_report_gives_the_reason_for_another_risk_than_listed():
    review = review_of(risk="monitor")

    sign(review, risk="discuss", **REASON)

    assert signed_report(Signature.objects.get(review=review)).reason.endswith(
        ": The family told me more."
    )
