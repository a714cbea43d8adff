"""GET /api/jobs: newest first, narrowed by filters, walked page by page."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pytest
from django.core import signing
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from screening.api.paging import SALT
from screening.models import Case, Clinic, Job, Review
from screening.services.keys import default_clinic
from tests.plans import leave_only

LONG_AGO = datetime(2020, 1, 1, 12, 0, 0, tzinfo=UTC)


def make_jobs(number, *, case_id="anna", clinic=None, **values):
    """Make jobs of one case as the product does: many in one transaction."""
    clinic = clinic or default_clinic()
    case, _ = Case.objects.get_or_create(clinic=clinic, case_id=case_id)
    return Job.objects.bulk_create(
        Job(clinic=clinic, case=case, client="key:env", payload={}, **values)
        for _ in range(number)
    )


def at(time, number=1, **values):
    jobs = make_jobs(number, **values)
    Job.objects.filter(pk__in=[job.pk for job in jobs]).update(created_at=time)
    return jobs


def ids(response):
    assert response.status_code == 200, response.content
    return [job["job_id"] for job in response.json()]


def text_ids(jobs):
    return {str(job.pk) for job in jobs}


def following(response):
    """Return the path of the next page, or None."""
    found = re.fullmatch(r'<http://testserver(.+)>; rel="next"', response["Link"])
    return found[1]


def walk(api, url):
    """Follow `Link` from page to page; return what each page held."""
    pages = []
    while True:
        response = api.get(url)
        pages.append(ids(response))
        assert len(pages) < 100, "the pages have no end"
        if "Link" not in response:
            return pages
        url = following(response)


def refusal(response):
    return response.status_code, response.json()["code"]


def test_without_jobs_the_list_is_a_bare_empty_array(api):
    response = api.get("/api/jobs")

    assert response.json() == []
    assert "Link" not in response
    assert response["Cache-Control"] == "no-store"


def test_the_newest_job_comes_first(api):
    oldest, middle, newest = (
        at(LONG_AGO + timedelta(days=days))[0] for days in (0, 1, 2)
    )

    assert ids(api.get("/api/jobs")) == [str(j.pk) for j in (newest, middle, oldest)]


def test_the_list_shows_the_same_objects_as_the_status(api):
    [job] = make_jobs(1)

    assert api.get("/api/jobs").json() == [api.get(f"/api/status/{job.pk}").json()]


@pytest.mark.parametrize(("query", "length"), [({}, 50), ({"limit": 200}, 200)])
def test_a_page_is_50_long_or_as_long_as_asked_for(api, query, length):
    make_jobs(201)

    assert len(ids(api.get("/api/jobs", query))) == length


def test_the_shortest_page_is_one_job(api):
    make_jobs(2)

    response = api.get("/api/jobs", {"limit": 1})

    assert len(ids(response)) == 1
    assert "Link" in response


@pytest.mark.parametrize(
    "limit",
    [
        *["0", "-1", "201", "abc", "", " ", "1.0", "1e1", "0x5", " 5", "5 ", "1_0"],
        *["\u0665", "999999999", "1000000000000", "true", "NaN", "9" * 5000, "5;6"],
    ],
)
def test_a_limit_out_of_bounds_is_refused_by_its_name(api, limit):
    response = api.get("/api/jobs", {"limit": limit})

    assert refusal(response) == (422, "VALIDATION_ERROR")
    assert set(response.json()["details"]) == {"limit"}


def test_the_last_page_has_no_next_one_even_when_it_is_full(api):
    make_jobs(4)

    assert [len(page) for page in walk(api, "/api/jobs?limit=2")] == [2, 2]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 23])
def test_walking_all_pages_gives_each_job_once_though_times_are_equal(api, limit):
    jobs = [*make_jobs(12), *at(LONG_AGO, 5), *at(LONG_AGO + timedelta(seconds=1), 6)]

    pages = walk(api, f"/api/jobs?limit={limit}")

    walked = [job_id for page in pages for job_id in page]
    assert len(walked) == len(set(walked)) == 23
    assert set(walked) == text_ids(jobs)
    assert {len(page) for page in pages[:-1]} <= {limit}


def test_jobs_submitted_while_walking_do_not_disturb_the_pages(api):
    jobs = make_jobs(6)
    first = api.get("/api/jobs?limit=3")
    make_jobs(5)

    rest = walk(api, following(first))

    walked = ids(first) + [job_id for page in rest for job_id in page]
    assert sorted(walked) == sorted(text_ids(jobs))


def test_a_walk_keeps_its_filters(api):
    wanted = make_jobs(5, case_id="anna & co?")
    make_jobs(5, case_id="bert")

    pages = walk(api, "/api/jobs?limit=2&case_id=anna%20%26%20co%3F")

    assert {job_id for page in pages for job_id in page} == text_ids(wanted)


def test_a_walk_goes_on_when_the_row_that_it_stands_on_is_gone(api):
    at(LONG_AGO, 3)
    [newest] = make_jobs(1)
    first = api.get("/api/jobs?limit=1")
    newest.delete()

    assert len(ids(api.get(following(first)))) == 1
    assert len([page for page in walk(api, following(first)) if page]) == 3


def test_jobs_are_found_by_status(api):
    ended = {"finished_at": timezone.now()}
    [pending] = make_jobs(1)
    [cancelled] = make_jobs(1, status="CANCELLED", **ended)
    [failed] = make_jobs(1, status="FAILED", error_code="E", **ended)

    assert ids(api.get("/api/jobs?status=PENDING")) == [str(pending.pk)]
    assert ids(api.get("/api/jobs?status=CANCELLED")) == [str(cancelled.pk)]
    assert ids(api.get("/api/jobs?status=FAILED")) == [str(failed.pk)]
    assert ids(api.get("/api/jobs?status=DONE")) == []


def test_jobs_are_found_by_case_and_only_by_its_whole_name(api):
    jobs = make_jobs(2, case_id="anna")
    make_jobs(1, case_id="anna-2")

    assert set(ids(api.get("/api/jobs?case_id=anna"))) == text_ids(jobs)
    assert ids(api.get("/api/jobs?case_id=ann")) == []
    assert ids(api.get("/api/jobs?case_id=Anna")) == []
    assert ids(api.get("/api/jobs?case_id=%25")) == []


def test_jobs_are_found_by_review_state(api):
    done = {"status": "DONE", "risk": "refer", "result": {}}
    [job] = make_jobs(1, finished_at=timezone.now(), **done)
    make_jobs(1)
    Review.objects.create(job=job, clinic=job.clinic, risk="refer")

    assert ids(api.get("/api/jobs?review_state=REQUIRES_REVIEW")) == [str(job.pk)]
    assert ids(api.get("/api/jobs?review_state=SIGNED_OFF")) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("status", value) for value in ["", "pending", "QUEUED", "Xyzzy-Quux"]),
        *(("review_state", value) for value in ["", "QUEUED", "Xyzzy-Quux"]),
        *(("case_id", value) for value in ["", "x" * 129, " a", "a\0", "a\n"]),
    ],
)
def test_a_filter_that_can_match_nothing_is_refused_and_not_quoted(api, name, value):
    response = api.get("/api/jobs", {name: value})

    assert refusal(response) == (422, "VALIDATION_ERROR")
    assert set(response.json()["details"]) == {name}
    assert "Xyzzy-Quux" not in response.content.decode()


@pytest.mark.parametrize(
    "query",
    [
        *["Xyzzy-Quux=1", "offset=1", "page=2", "order=id", "status[]=DONE", "Limit=5"],
        *["limit=5&limit=5", "status=DONE&status=PENDING", "%00=1", "=1", "clinic=far"],
        *[
            "case__clinic__slug=far",
            "format=json",
            "&".join(f"a{n}" for n in range(2000)),
        ],
    ],
)
def test_an_unknown_or_repeated_parameter_is_refused(api, query):
    response = api.get(f"/api/jobs?{query}")

    assert refusal(response) == (400, "INVALID_PAYLOAD")
    assert "Xyzzy-Quux" not in response.content.decode()


def cursor_of(api):
    link = api.get("/api/jobs?limit=1")["Link"]
    return unquote(re.search("cursor=([^&>]+)", link)[1])


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda cursor: cursor[:-1], id="cut off"),
        pytest.param(lambda cursor: f"{cursor}a", id="a character more"),
        pytest.param(lambda cursor: f"{cursor[1:]}", id="a character less"),
        pytest.param(lambda cursor: signing.dumps(["2020", "x"]), id="another salt"),
        pytest.param(lambda cursor: "eyJ9:1tQ:abc", id="made up"),
    ],
)
def test_a_cursor_that_we_did_not_sign_is_refused(api, spoil):
    make_jobs(2)
    cursor = cursor_of(api)
    assert api.get("/api/jobs", {"cursor": cursor}).status_code == 200

    response = api.get("/api/jobs", {"cursor": spoil(cursor)})

    assert refusal(response) == (400, "INVALID_PAYLOAD")


@pytest.mark.parametrize(
    "cursor", ["", " ", ":", "a:b", "a:b:c:d", "a:b:c\n", "a\0:b:c", "ü:b:c", "x" * 513]
)
def test_a_text_that_can_be_no_cursor_is_refused_by_its_name(api, cursor):
    response = api.get("/api/jobs", {"cursor": cursor})

    assert refusal(response) == (422, "VALIDATION_ERROR")
    assert set(response.json()["details"]) == {"cursor"}


def test_only_the_jobs_of_the_own_clinic_are_listed_whatever_the_cursor_says(api):
    far = Clinic.objects.create(slug="far", name="Far away")
    ours = [*at(LONG_AGO, 3), *make_jobs(3)]
    make_jobs(6, clinic=far)

    pages = walk(api, "/api/jobs?limit=2")

    assert {job_id for page in pages for job_id in page} == text_ids(ours)
    [theirs] = at(LONG_AGO + timedelta(days=1), clinic=far)
    cursor = signing.dumps(
        f'["{theirs.created_at.isoformat()}", "{theirs.pk}"]', salt=SALT, compress=True
    )
    assert set(ids(api.get("/api/jobs", {"cursor": cursor}))) <= text_ids(ours)


def test_a_page_costs_one_query_however_many_jobs_it_has(api):
    make_jobs(60)
    for limit in (1, 60):  # the first reading is audited
        api.get(f"/api/jobs?limit={limit}")

    with CaptureQueriesContext(connection) as few:
        api.get("/api/jobs?limit=1")
    with CaptureQueriesContext(connection) as many:
        api.get("/api/jobs?limit=60")

    assert len(few) == len(many) == 1


def test_a_deep_page_begins_in_the_index_where_the_one_before_ended(api):
    make_jobs(3)
    next_page = following(api.get("/api/jobs?limit=1"))
    with CaptureQueriesContext(connection) as queries:
        api.get(next_page)

    asked = [query["sql"] for query in queries]
    [query] = [sql for sql in asked if "ORDER BY" in sql and "INSERT" not in sql]
    if connection.vendor == "postgresql":
        leave_only("screening_job", "job_newest_of_clinic", "screening_job_pkey")
    with connection.cursor() as cursor:
        explain = (
            "EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN "
        )
        cursor.execute(explain + query)
        plan = "\n".join(str(row) for row in cursor.fetchall())
    begins = {
        "postgresql": r"job_newest_of_clinic.*\n.*Index Cond: .*created_at <= ",
        "sqlite": r"job_newest_of_clinic \(clinic_id=\? AND created_at<\?\)",
    }
    assert re.search(begins[connection.vendor], plan), plan
