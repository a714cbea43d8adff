"""No path but the service signs, alters what is signed, or releases what is not."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from screening.models import Review, SecondRead
from screening.services.review import send_second_read
from screening.services.signing import add_addendum, sign_off
from tests.screening.making import claimed_job
from tests.screening.signing import PASSWORD, make_reader, sign
from tests.screening.test_signing import lowered, make_review, reload

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


@pytest.fixture
def doctor() -> User:
    return make_reader()


FORGED = {
    "state": "SIGNED_OFF",
    "outcome": "approved",
    "meaning": "I agree.",
    "content_digest": "0" * 64,
}


def refused(step) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        step()


def test_neither_the_orm_nor_sql_signs(doctor):
    review = make_review()
    forged = FORGED | {"signed_off_by": doctor, "signed_off_at": timezone.now()}

    def save():
        row = Review.objects.get(pk=review.pk)
        for name, value in forged.items():
            setattr(row, name, value)
        row.save()

    refused(lambda: Review.objects.filter(pk=review.pk).update(**forged))
    refused(save)
    refused(
        lambda: sql(
            "UPDATE screening_review SET state = 'SIGNED_OFF', outcome = 'approved', "
            "meaning = 'x', content_digest = 'x', signed_off_by_id = %s, "
            "signed_off_at = CURRENT_TIMESTAMP",
            doctor.pk,
        )
    )
    other = claimed_job(case_id="case-9")
    refused(
        lambda: Review.objects.create(
            job=other, clinic=other.clinic, risk="monitor", **forged
        )
    )
    assert reload(review).state == "REQUIRES_REVIEW"


def sql(statement: str, *params: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


@pytest.mark.parametrize(
    "change",
    [
        "risk = 'on_track'",
        "summary = '[]'",
        "recommendations = '[\"x\"]'",
        "parent_text = 'x'",
        "reason_text = 'x'",
        "content_digest = 'x'",
        "meaning = 'x'",
        "outcome = 'overrode'",
        "signer_name = 'x'",
        "signed_off_at = CURRENT_TIMESTAMP",
        "state = 'REQUIRES_REVIEW'",
        "version = 99",
    ],
)
def test_nothing_of_a_signed_review_is_changed_by_sql(doctor, change):
    sign(make_review(), user=doctor)

    refused(lambda: sql(f"UPDATE screening_review SET {change}"))


@pytest.mark.parametrize(
    "table",
    [
        "screening_review",
        "screening_signature",
        "screening_addendum",
        "screening_secondread",
    ],
)
def test_nothing_signed_is_deleted(doctor, table):
    review, other = lowered(doctor), make_reader("dr-lind")
    send_second_read(review, user=other, risk="monitor", why="I agree.")
    signed = sign_off(review, user=doctor, password=PASSWORD, version=2)
    add_addendum(signed, user=doctor, password=PASSWORD, text="More.")

    refused(lambda: sql(f"DELETE FROM {table}"))


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("screening_signature", "content_digest = 'x'"),
        ("screening_addendum", "text = 'x'"),
        ("screening_secondread", "risk = 'on_track'"),
        ("screening_secondread", "reader_id = first_reader_id"),
    ],
)
def test_what_goes_with_a_signature_is_not_changed(doctor, table, change):
    review, other = lowered(doctor), make_reader("dr-lind")
    send_second_read(review, user=other, risk="monitor", why="I agree.")
    signed = sign_off(review, user=doctor, password=PASSWORD, version=2)
    add_addendum(signed, user=doctor, password=PASSWORD, text="More.")

    refused(lambda: sql(f"UPDATE {table} SET {change}"))


def test_an_unsigned_report_is_not_released_by_sql(doctor):
    make_review()

    refused(
        lambda: sql(
            "UPDATE screening_review SET state = 'DELIVERED', released_by_id = %s, "
            "released_at = CURRENT_TIMESTAMP",
            doctor.pk,
        )
    )
    assert not SecondRead.objects.exists()
