"""GET /api/jobs: created_after and created_before, to the end of the calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from screening.models import Case, Job
from screening.services.keys import default_clinic

LONG_AGO = datetime(2020, 1, 1, 12, 0, 0, tzinfo=UTC)


def make_job():
    clinic = default_clinic()
    case, _ = Case.objects.get_or_create(clinic=clinic, case_id="anna")
    return Job.objects.create(clinic=clinic, case=case, client="key:env", payload={})


def at(time):
    job = make_job()
    Job.objects.filter(pk=job.pk).update(created_at=time)
    return job


def ids(response):
    assert response.status_code == 200, response.content
    return [job["job_id"] for job in response.json()]


@pytest.mark.parametrize(
    "time",
    [LONG_AGO, LONG_AGO + timedelta(milliseconds=120), LONG_AGO.replace(second=59)],
)
def test_after_and_before_leave_out_the_time_itself(api, time):
    early, exact, late = (
        at(time + timedelta(milliseconds=shift)) for shift in (-1, 0, 1)
    )

    moment = time.isoformat().replace("+00:00", "Z")
    after = api.get("/api/jobs", {"created_after": moment})
    before = api.get("/api/jobs", {"created_before": moment})

    assert ids(after) == [str(late.pk)]
    assert ids(before) == [str(early.pk)]
    assert str(exact.pk) not in ids(after) + ids(before)


def test_the_time_that_a_job_was_answered_with_divides_those_before_and_after(api):
    make_job()
    told = api.get("/api/jobs").json()[0]["created_at"]

    assert ids(api.get("/api/jobs", {"created_after": told})) == []
    assert ids(api.get("/api/jobs", {"created_before": told})) == []


@pytest.mark.parametrize(
    "time",
    [
        *["2020-01-01T13:00:00+01:00", "2020-01-01T00:30:00-11:30"],
        *[
            "2020-01-01 12:00:00Z",
            "2020-01-01t12:00:00z",
            "2020-01-01T12:00:00.000000Z",
        ],
    ],
)
def test_a_time_is_taken_in_any_offset(api, time):
    early, late = (at(LONG_AGO + timedelta(seconds=s)) for s in (-1, 1))

    assert ids(api.get("/api/jobs", {"created_after": time})) == [str(late.pk)]
    assert ids(api.get("/api/jobs", {"created_before": time})) == [str(early.pk)]


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
        ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
    ],
)
def test_the_ends_of_the_calendar_are_times_like_any_other(api, first, last):
    job = make_job()

    around = {"created_after": first, "created_before": last}
    assert ids(api.get("/api/jobs", around)) == [str(job.pk)]
    assert ids(api.get("/api/jobs", {"created_after": last})) == []
    assert ids(api.get("/api/jobs", {"created_before": first})) == []


@pytest.mark.parametrize("name", ["created_after", "created_before"])
@pytest.mark.parametrize(
    "time",
    [
        *["2020-01-01T12:00:00", "2020-01-01", "12:00:00Z", "yesterday", "", "0"],
        *["1577880000", "2020-13-01T12:00:00Z", "2020-02-30T12:00:00Z"],
        *["2020-01-01T25:00:00Z", "2020-01-01T12:00:00+99:99", "2020-W01-1T12:00:00Z"],
        *["2020-01-01T12:00:00 00:00", "٢٠٢٠-01-01T12:00:00Z", "99999-01-01T00:00:00Z"],
        *[
            "2020-01-01T12:00:00+00:00:30",
            "2020-01-01T12:00:00Z\n",
            "NaN",
            "0000-00-00",
        ],
    ],
)
def test_a_time_without_offset_or_sense_is_refused_by_its_name(api, name, time):
    response = api.get("/api/jobs", {name: time})

    assert (response.status_code, response.json()["code"]) == (422, "VALIDATION_ERROR")
    assert set(response.json()["details"]) == {name}
