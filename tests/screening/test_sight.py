"""What a person sees in the desk: the own clinics', and nothing that would sway."""

from __future__ import annotations

import pytest

from screening.models import Case, Clinic, Job
from screening.services.review import ask_for_second_read, send_second_read
from screening.services.sight import cases_seen_by, jobs_seen_by
from tests.routing.admin_pages import person
from tests.screening.making import make_job
from tests.screening.signing import make_reader
from tests.screening.test_signing import lowered, make_review

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


def seen(user):
    jobs = jobs_seen_by(user, Job.objects.all())
    return sorted(jobs.values_list("case__case_id", flat=True))


def test_a_person_sees_the_own_clinics_alone():
    north = Clinic.objects.create(slug="north", name="North")
    make_job(case_id="here")
    make_job(case_id="there", clinic=north)
    user = make_reader()

    assert seen(user) == ["here"]
    cases = cases_seen_by(user, Case.objects.all())
    assert [case.case_id for case in cases] == ["here"]


def test_the_pages_of_another_clinic_are_not_there():
    north = Clinic.objects.create(slug="north", name="North")
    job = make_job(case_id="there", clinic=north)
    client = person("screening.view_job", "screening.view_case")

    for page in (f"job/{job.pk}", f"case/{job.case_id}"):
        response = client.get(f"/admin/screening/{page}/change/")
        assert response.status_code == 302
    assert "there" not in client.get("/admin/screening/case/").text


@pytest.mark.parametrize("why", ["asked", "lowered"])
def test_who_could_read_second_sees_no_draft_until_the_view_is_given(why):
    first, second = make_reader(), make_reader("dr-lind")
    if why == "lowered":
        review = lowered(first)
    else:
        review = make_review()
        ask_for_second_read(review, user=first, version=1)

    assert seen(first) == ["case-1"]
    assert seen(second) == []
    send_second_read(review, user=second, risk="refer", why="My own view.")
    assert seen(second) == ["case-1"]


def test_who_reads_no_cases_is_kept_from_none():
    first = make_reader()
    lowered(first)
    operator = make_reader("op", rights=["view_job"])

    assert seen(operator) == ["case-1"]
