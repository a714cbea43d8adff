"""All work that is not done, on one page: seen, turned over, and run again."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from routing.models import Task
from screening.admin import unfinished
from screening.admin import work as page_module
from screening.models import Case, Clinic, Job
from screening.services.keys import default_clinic
from tests.browser.rows import fill
from tests.routing.test_replay import fresh, make_dead, make_task
from tests.screening.test_admin_actions import person

__all__ = ["fresh"]

pytestmark = pytest.mark.django_db

WORK = "/admin/work/"
VIEWS = ["screening.view_job", "routing.view_task"]
RIGHTS = [*VIEWS, "screening.change_job", "routing.change_task"]
ATTACK = "<script>alert('zq')</script><img src=x onerror=alert(1)>\"'"


@pytest.fixture
def operator(db: None) -> Client:
    default_clinic()
    for slug in ("riverside", "northgate"):
        Clinic.objects.create(slug=slug, name=slug.capitalize())
    return person(*RIGHTS)  # in each of the clinics


def make_job(*, minutes: float = 0, case_id: str = "RC-2041", **fields: Any) -> Job:
    clinic = fields.pop("clinic", None) or default_clinic()
    case, _ = Case.objects.get_or_create(clinic=clinic, case_id=case_id)
    at = timezone.now() - timedelta(minutes=minutes)
    given = {"client": "key:1", "payload": {}, "created_at": at, "not_before": at}
    return Job.objects.create(clinic=clinic, case=case, **(given | fields))


def make_failed(*, minutes: float = 0, **fields: Any) -> Job:
    at = timezone.now() - timedelta(minutes=minutes)
    failed = {"status": "FAILED", "finished_at": at, "error_code": "MODEL_TIMEOUT"}
    tried = {"attempt": 8, "failures": 8, "error": "It did not answer."}
    return make_job(minutes=minutes, **(failed | tried | fields))


def shown(response: Any) -> list[str]:
    """Return the rows of the page, each as kind and the begin of its id."""
    return re.findall(r">(Job|Task) ([0-9a-f]{8})</a>", response.text)


def name_of(work: Any) -> tuple[str, str]:
    return ("Job" if isinstance(work, Job) else "Task", work.pk.hex[:8])


def words_of(response: Any) -> str:
    page = response.text
    main = page[page.index('<div id="content"') : page.index("</main>")]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())


# --- What is shown ------------------------------------------------------------------


def test_the_dead_of_both_kinds_are_shown_the_longest_dead_first(operator):
    rows = [
        make_dead(minutes=90),
        make_failed(minutes=60),
        make_dead(minutes=30),
        make_failed(minutes=10),
    ]
    make_task(status="FAILED", error_code="CONSENT_MISSING")
    make_job(status="CANCELLED", finished_at=timezone.now())
    make_task(status="DONE", result={})

    response = operator.get(WORK)

    assert shown(response) == [name_of(row) for row in rows]


def test_what_runs_is_shown_by_its_lease_the_first_to_end_first(operator):
    now = timezone.now()
    lost = make_job(status="RUNNING", lease_until=now - timedelta(seconds=90))
    held = make_task(status="RUNNING", lease_until=now + timedelta(seconds=90))

    response = operator.get(WORK, {"state": "running"})

    assert shown(response) == [name_of(lost), name_of(held)]
    assert "Lease over" in words_of(response)
    assert "over for 1 min" in words_of(response)
    assert "Running" in words_of(response)
    assert "in 1 min" in words_of(response)


def test_what_waits_is_shown_with_until_when_and_what_went_wrong(operator):
    later = timezone.now() + timedelta(minutes=5)
    put_off = make_task(not_before=later, failures=2, crashes=1, attempt=3)
    due = make_job(minutes=3)

    response = operator.get(WORK, {"state": "queued"})

    assert shown(response) == [name_of(due), name_of(put_off)]
    assert "Put off" in words_of(response)
    assert "in 4 min" in words_of(response)
    assert "3 2 calls failed, 1 worker was lost" in words_of(response)
    assert "for 3 min" in words_of(response)


def test_a_row_says_all_that_an_operator_asks(operator):
    task = make_dead(minutes=30, clinic="northgate", priority="urgent", attempt=4)

    words = words_of(operator.get(WORK))

    assert f"Task {task.pk.hex[:8]} Embed RC-2041 northgate Urgent Dead letter" in words
    assert "30 min" in words
    assert "4 It did not answer. MODEL_TIMEOUT" in words


def test_the_tabs_count_what_is_in_each_state(operator):
    for _ in range(3):
        make_dead()
    make_failed()
    make_job()
    make_task(status="RUNNING", lease_until=timezone.now())

    words = words_of(operator.get(WORK))

    assert "Dead 4 Running 1 Queued 1" in words


def test_a_count_ends_somewhere(operator, monkeypatch):
    for module in (page_module, unfinished):
        monkeypatch.setattr(module, "MOST_COUNTED", 2)
    for _ in range(3):
        make_dead()

    assert "Dead 2+ Running 0" in words_of(operator.get(WORK))
    assert unfinished.counts(User.objects.get())["dead"] == 2


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("dead", "No work was given up."),
        ("running", "Nothing is running."),
        ("queued", "Nothing waits."),
        ("nowhere", "No work was given up."),
    ],
)
def test_a_state_without_work_says_so(operator, state, words):
    assert words in words_of(operator.get(WORK, {"state": state}))


def test_no_childs_words_are_on_the_page(operator):
    fill(12)
    for state in ("dead", "running", "queued"):
        with CaptureQueriesContext(connection) as captured:
            operator.get(WORK, {"state": state})
        columns = " ".join(query["sql"] for query in captured)

        assert '"payload"' not in columns
        assert '"result"' not in columns
        assert '"route"' not in columns


@pytest.mark.parametrize("where", ["clinic", "case_id", "error"])
def test_what_came_from_outside_is_escaped(admin_client, where):
    make_dead(**{where: ATTACK[:64]})
    make_failed(case_id=ATTACK, error=ATTACK)

    page = admin_client.get(WORK).text

    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert page.count("&lt;script&gt;alert") >= 2


def test_another_clinics_work_is_neither_shown_nor_counted(operator, admin_client):
    elsewhere = Clinic.objects.create(slug="elsewhere", name="Elsewhere")
    task, job = make_dead(clinic="elsewhere"), make_failed(clinic=elsewhere)
    own = make_dead()

    assert shown(operator.get(WORK)) == [name_of(own)]
    assert "Dead 1 Running 0" in words_of(operator.get(WORK))
    assert sorted(shown(admin_client.get(WORK))) == sorted(
        map(name_of, (task, job, own))
    )


# --- Pages ------------------------------------------------------------------------


def turn_over(client: Client, path: str = WORK) -> list[tuple[str, str]]:
    """Read all pages; return their rows."""
    found = []
    for _ in range(20):
        response = client.get(path)
        found += shown(response)
        following = re.search(r'<a href="([^"]+)">Next 100</a>', response.text)
        if following is None:
            return found
        path = html.unescape(following[1])
    raise AssertionError("it does not end")


@pytest.mark.parametrize("per_page", [1, 2, 3, 7])
def test_each_row_comes_once_whatever_the_page_holds(operator, monkeypatch, per_page):
    monkeypatch.setattr(unfinished, "PER_PAGE", per_page)
    same = timezone.now() - timedelta(minutes=5)
    rows = [make_dead(minutes=9 - n) for n in range(3)]
    rows += [make_failed(finished_at=same) for _ in range(4)]
    rows += [make_dead(dead_at=same) for _ in range(4)]

    found = turn_over(operator)

    assert sorted(found) == sorted(map(name_of, rows))


@pytest.mark.parametrize("per_page", [2, 3])
def test_what_the_database_timed_itself_comes_once_too(operator, monkeypatch, per_page):
    monkeypatch.setattr(unfinished, "PER_PAGE", per_page)
    clinic = default_clinic()
    case = Case.objects.create(clinic=clinic, case_id="RC-2041")
    # The database fills in the time: one and the same for all of one statement.
    Job.objects.bulk_create(
        Job(clinic=clinic, case=case, client="key:1", payload={}) for _ in range(8)
    )
    assert Job.objects.values("not_before").distinct().count() == 1

    found = turn_over(operator, f"{WORK}?state=queued")

    assert len(found) == len(set(found)) == 8


def test_a_later_page_leads_back_to_the_first(operator, monkeypatch):
    monkeypatch.setattr(unfinished, "PER_PAGE", 1)
    make_dead(), make_dead()
    first = operator.get(WORK)
    following = html.unescape(re.search(r'<a href="([^"]+)">Next', first.text)[1])

    second = operator.get(following)

    assert "Back to the first" not in first.text
    assert "Back to the first" in second.text
    assert "Next 100" not in second.text
    Task.objects.all().delete()
    assert "Nothing is left here" in words_of(operator.get(following))


@pytest.mark.parametrize(
    "query",
    [
        *("after=", "after=x", "after=x:y:z", "after=" + "9" * 5000, "state="),
        *("state=%27", "after=%ff", "state=dead&state=queued", "after[]=1"),
    ],
)
def test_an_odd_query_shows_the_first_page(operator, query):
    task = make_dead()

    response = operator.get(f"{WORK}?{query}")

    assert response.status_code == 200
    assert ("state=d" in query) or shown(response) == [name_of(task)]


def test_a_query_with_nul_is_refused(operator):
    assert operator.get(f"{WORK}?after=%00").status_code == 400


# --- Cost -------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["dead", "running", "queued"])
def test_the_page_takes_as_many_queries_for_many_rows_as_for_none(operator, state):
    numbers = []
    for rows in (range(0), range(1), range(1, 49)):
        if rows:
            fill(len(rows), start=rows.start)
        operator.get("/admin/")  # looks for what is wrong, as some page does
        operator.get(WORK, {"state": state})  # who looks is written down now and then
        with CaptureQueriesContext(connection) as captured:
            assert operator.get(WORK, {"state": state}).status_code == 200
        numbers.append(len(captured))

    assert len(set(numbers)) == 1
    assert numbers[0] <= 10


@pytest.mark.skipif("connection.vendor != 'postgresql'")
@pytest.mark.parametrize(
    ("state", "indexes"),
    [
        ("dead", ["job_", "task_dead"]),
        ("running", ["job_running_by_lease", "task_running_by_lease"]),
        ("queued", ["job_pending_by_due_time", "task_waiting_longest"]),
    ],
)
def test_the_rows_are_read_along_an_index(admin_client, state, indexes):
    plans = []
    with connection.cursor() as cursor:
        # Of so few rows the planner would read all, or sort them, whatever index there
        # is: what is asked is which index gives them in order.
        for way in ("seqscan", "bitmapscan", "sort"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        with CaptureQueriesContext(connection) as captured:
            admin_client.get(WORK, {"state": state})
        for query in captured:
            if ' AS "moment"' in query["sql"]:
                cursor.execute(f"EXPLAIN {query['sql']}")
                plans.append(" ".join(line for (line,) in cursor.fetchall()))

    assert len(plans) == 2
    for plan, index in zip(plans, indexes, strict=True):
        assert index in plan
        assert "Seq Scan on screening_job" not in plan
        assert "Seq Scan on routing_task" not in plan


# --- Who may ------------------------------------------------------------------------


@pytest.mark.parametrize("right", VIEWS)
def test_the_page_needs_the_right_to_see_both_kinds(right, redis):
    reader = person(right, name="reader")

    assert reader.get(WORK).status_code == 403
    assert WORK not in reader.get("/admin/").text


def test_the_menu_leads_there(operator):
    page = operator.get(WORK).text

    assert '<a href="/admin/work/" aria-current="page">Work</a>' in page


def test_a_stranger_is_sent_to_the_log_in(client):
    for response in (client.get(WORK), client.post(f"{WORK}replay/")):
        assert response.url.startswith("/admin/login/?next=")


def test_only_what_is_dead_can_be_chosen(operator):
    make_job(), make_dead()

    assert 'name="chosen"' in operator.get(WORK).text
    assert 'name="chosen"' not in operator.get(WORK, {"state": "queued"}).text
