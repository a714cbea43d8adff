"""Which children signed as Refer the draft had put far lower."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from agreement.periods import period
from screening.models import Clinic, Job, Signature
from tests.agreement.test_page import come_in, make_person, words_of
from tests.screening.desk import review_of
from tests.screening.signing import sign, unlock

pytestmark = pytest.mark.django_db

PAGE = "/admin/agreement/missed/"


def missed(case_id: str, clinic: Clinic, *, draft="monitor", day=None):
    """Sign a case as Refer that has another draft."""
    review = review_of(case_id, clinic=clinic, risk=draft)
    Job.objects.filter(pk=review.job_id).update(rules_risk="refer")
    found = sign(
        review, risk="refer", reason_code="finding", reason_text="Has lost words."
    )
    when = day or period(12, today=timezone.localdate()).last
    unlock("screening_signature")
    moment = timezone.now().replace(year=when.year, month=when.month, day=when.day)
    Signature.objects.filter(review=found).update(signed_at=moment)
    return found


@pytest.fixture
def riverside() -> Clinic:
    return Clinic.objects.create(slug="riverside", name="Riverside")


def test_the_cases_are_listed_with_links_to_them(admin_client, riverside):
    review = missed("RC-7", riverside)
    missed("RC-8", riverside, draft="on_track")

    page = admin_client.get(PAGE, {"draft": "monitor"}).text

    assert f"/admin/screening/review/{review.pk}/change/" in page
    assert "RC-7 Riverside Refer" in words_of(page)
    assert "RC-8" not in page


def test_what_was_signed_outside_the_period_is_not_listed(admin_client, riverside):
    missed("RC-7", riverside, day=timezone.localdate() - timedelta(weeks=20))

    page = admin_client.get(PAGE, {"draft": "monitor"}).text
    year = admin_client.get(PAGE, {"draft": "monitor", "weeks": "52"}).text

    assert "No such case" in page
    assert "RC-7" in year


def test_another_clinics_cases_are_not_listed(riverside):
    missed("RC-7", riverside)
    other = Clinic.objects.create(slug="northgate", name="Northgate")
    person = make_person(other, rights=("view_tally", "view_review"))

    assert "RC-7" not in come_in(person).get(PAGE, {"draft": "monitor"}).text


@pytest.mark.parametrize("draft", ["", "unclassified", "x", "refer'--"])
def test_a_draft_that_there_is_not_is_not_found(admin_client, draft):
    assert admin_client.get(PAGE, {"draft": draft}).status_code == 404
