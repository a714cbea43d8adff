"""Step 11, the lists: searched, filtered and ordered, whatever is asked of them."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import Audit
from screening.models import ApiKey, Case, Clinic, Job, Review
from tests.browser.rows import fill

REGISTERED = sorted(admin.site._registry, key=lambda model: model.__name__)
LISTED = [model for model in REGISTERED if model is not Review]  # see the worklist
OURS = [model for model in REGISTERED if model._meta.app_label != "auth"]
SEARCHABLE = [m for m in REGISTERED if admin.site._registry[m].search_fields]


def list_of(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def page_of(row: Any) -> str:
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])


def rows_in(response: Any) -> int:
    return len(response.context["cl"].result_list)


@pytest.fixture
def jobs(admin_client: Any) -> list[Job]:
    return fill(12)


def queries_of(client: Any, path: str) -> int:
    client.get("/admin/")  # looks for what is wrong, as some page does now and then
    client.get(path)  # that somebody looks is written down now and then
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


# --- No list and no page takes more queries the more rows there are -----------------


@pytest.mark.parametrize("model", LISTED)
def test_a_list_takes_as_many_queries_for_fifty_rows_as_for_one(admin_client, model):
    fill(1)
    few = queries_of(admin_client, list_of(model))
    fill(49, start=1)
    User.objects.bulk_create(User(username=f"user-{n}") for n in range(49))
    many = queries_of(admin_client, list_of(model))

    assert many == few
    assert many <= 9


@pytest.mark.parametrize("model", OURS)
def test_the_page_of_a_row_takes_few_queries(admin_client, jobs, model):
    row = model.objects.first()

    # A clinic's page offers every person as a member of it; a review's tells all of it.
    most = {Clinic: 9, Review: 10}.get(model, 8)
    assert queries_of(admin_client, page_of(row)) <= most


def test_the_page_of_a_case_takes_no_more_queries_for_more_jobs(admin_client, jobs):
    case = jobs[0].case
    queries_of(admin_client, page_of(case))  # what is remembered is asked for once
    few = queries_of(admin_client, page_of(case))
    Job.objects.bulk_create(
        Job(case=case, clinic=case.clinic, client="key:x", payload={})
        for _ in range(80)
    )
    many = queries_of(admin_client, page_of(case))

    assert many == few


def test_the_page_of_a_case_shows_the_newest_jobs_alone(admin_client, jobs):
    case = jobs[0].case
    Job.objects.bulk_create(
        Job(case=case, clinic=case.clinic, client="key:x", payload={})
        for _ in range(80)
    )

    page = admin_client.get(page_of(case)).text

    assert page.count("/admin/screening/job/") == 50 + 1  # the menu has one link


def test_lists_leave_the_childs_words_in_the_database(admin_client, jobs):
    for model in (Job, Review):
        with CaptureQueriesContext(connection) as captured:
            admin_client.get(list_of(model))
        columns = " ".join(query["sql"] for query in captured)

        # Single values may be taken out of the payload, such as an age.
        for name in ("payload", "result"):
            assert f', "screening_job"."{name}"' not in columns
        assert "observations" not in columns


def test_the_cases_are_counted_without_reading_all_of_them(admin_client, jobs):
    Job.objects.create(
        case=jobs[0].case, clinic=jobs[0].clinic, client="key:x", payload={}
    )

    response = admin_client.get(list_of(Case))

    numbers = re.findall(r'field-number_of_jobs">(\d+)<', response.text)
    assert sorted(numbers) == ["1"] * 11 + ["2"]


# --- Search -----------------------------------------------------------------------

TYPED = {
    "a word": "RC-2041",
    "nothing": "",
    "space": "   ",
    "10 KB": "x" * 10_240,
    "10 KB of words": "x " * 5_120,
    "NUL": "RC\0-2041",
    "NUL alone": "\0",
    "a UUID": str(uuid.uuid4()),
    "half a UUID": "0f64b93a",
    "quotes": "' OR 1=1 -- \"",
    "an unclosed quote": '"unclosed',
    "percent": "%%%_\\",
    "markup": "<script>alert(1)</script>",
    "another script": "東京 ребёнок",
    "emoji": "👶" * 50,
    "line ends": "a\r\nb",
    "a large number": "9" * 400,
}


@pytest.mark.parametrize("model", SEARCHABLE)
def test_a_search_for_anything_is_answered(admin_client, jobs, model):
    for name, typed in TYPED.items():
        response = admin_client.get(list_of(model), {"q": typed})

        assert response.status_code == 200, name
        assert "<script>alert" not in response.text


@pytest.mark.parametrize("model", SEARCHABLE)
def test_a_search_in_broken_encoding_is_answered(admin_client, jobs, model):
    for raw in ("q=%ff%fe", "q=%ed%a0%80", "q[]=a", "q=a&q=b", "=", "&"):
        response = admin_client.get(f"{list_of(model)}?{raw}")

        assert response.status_code in {200, 302, 400}, raw


def test_a_search_finds_what_was_typed_whole_and_nothing_else(admin_client, jobs):
    job = jobs[3]
    other = Case.objects.create(clinic=job.clinic, case_id=f"{job.case.case_id}0")
    wanted = [
        (Case, job.case.case_id, [job.case]),
        (Case, f" {job.case.case_id} ", [job.case]),
        (Case, other.case_id, [other]),
        (Case, "RC-", []),
        (Job, str(job.pk), [job]),
        (Job, job.case.case_id, [job]),
        (Job, str(job.pk)[:8], []),
    ]

    for model, typed, expected in wanted:
        response = admin_client.get(list_of(model), {"q": typed})
        assert list(response.context["cl"].result_list) == expected, typed


def test_the_audit_log_is_searched_by_job_case_actor_and_request(admin_client, jobs):
    job = jobs[8]
    for typed in (str(job.pk), job.case.case_id):
        response = admin_client.get(list_of(Audit), {"q": typed})
        assert rows_in(response) == 3, typed
    assert rows_in(admin_client.get(list_of(Audit), {"q": "key:3f9a12bc"})) == 12
    assert rows_in(admin_client.get(list_of(Audit), {"q": "nobody"})) == 0


# --- Filters, order, pages ----------------------------------------------------------


@pytest.mark.parametrize("model", LISTED)
def test_every_filter_that_a_list_offers_works(admin_client, jobs, model):
    page = admin_client.get(list_of(model)).text
    offered = set(re.findall(r'<a href="(\?[^"]+)"', page))

    for query in offered:
        path = list_of(model) + query.replace("&amp;", "&")
        assert admin_client.get(path).status_code == 200, query
    assert admin_client.get(f"{list_of(model)}?_facets=True").status_code == 200


@pytest.mark.parametrize("model", LISTED)
def test_a_list_can_be_ordered_by_each_column(admin_client, jobs, model):
    for column in range(1, 10):
        for order in (f"{column}", f"-{column}", f"{column}.-{column + 1}"):
            path = f"{list_of(model)}?o={order}"
            assert admin_client.get(path).status_code == 200, order


ODD = [
    "o=",
    "o=abc",
    "o=-",
    "o=99",
    "o=1.x.%00",
    "o=" + "9" * 100,
    "p=abc",
    "p=-1",
    "p=0",
    "p=999999",
    "p=" + "9" * 400,
    "p=%00",
    "all=",
    "e=1",
    "_popup=1",
    "_to_field=",
    "_to_field=id",
    "_to_field=nothing",
    "_to_field=%00",
    "_to_field=clinic__slug",
    "status=LOST",
    "status__exact=%00",
    "risk__exact=%27",
    "target=%00",
    "target=elsewhere",
    "clinic__id__exact=abc",
    "clinic__id__exact=%00",
    "clinic__id__exact=" + "9" * 40,
    "clinic__exact=%00",
    "action__exact=%00",
    "case_id=%00",
    "created_at__gte=yesterday",
    "created_at__gte=%00",
    "created_at__gte=9999-99-99",
    "id__in=a,b",
    "id__in=%00",
    "pk=%00",
    "state__isnull=maybe",
    "case__clinic__name__startswith=R",
    "clinic__keys__digest__startswith=0",
    "job__client=x",
    "payload__observations__contains=x",
    "result__risk=refer",
    "digest=0",
    "password__startswith=pbkdf2",
    "user_permissions__user__password__startswith=p",
    "__=1",
    "nothing=1",
    "%00=1",
]


@pytest.mark.parametrize("model", LISTED)
def test_an_odd_query_is_answered_or_refused_and_breaks_nothing(
    admin_client, jobs, model
):
    for query in ODD:
        response = admin_client.get(f"{list_of(model)}?{query}")

        assert response.status_code in {200, 302, 400}, query


@pytest.mark.parametrize(
    ("model", "query"),
    [
        (Job, "case__clinic__name__startswith=R"),
        (Job, "payload__observations__contains=x"),
        (Job, "client=key:x"),
        (Case, "clinic__keys__digest__startswith=0"),
        (ApiKey, "digest__startswith=0"),
        (User, "password__startswith=pbkdf2"),
    ],
)
def test_a_list_cannot_be_used_to_guess_what_it_does_not_show(
    admin_client, jobs, model, query
):
    assert admin_client.get(f"{list_of(model)}?{query}").status_code == 400


ODD_KEYS = [
    "0",
    "-1",
    "9" * 40,
    "abc",
    "%00",
    "_5F",
    "_00",
    "%f0%9f%91%b6",
    "00000000-0000-0000-0000-000000000000",
]


@pytest.mark.parametrize("model", LISTED)
def test_the_page_of_a_row_that_is_not_there_leads_back(admin_client, model):
    for key in ODD_KEYS:
        for step in ("change", "history", "delete"):
            path = f"{list_of(model)}{key}/{step}/"
            assert admin_client.get(path).status_code in {302, 400, 403, 404}, path
