"""Tasks in the admin: found, and read in words."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from routing.models import Task
from screening.models import Clinic
from tests.browser.task_rows import KINDS, make_task
from tests.routing.admin_pages import listed, path_of, person, words_of
from tests.routing.test_replay import fresh, make_dead, statuses

__all__ = ["fresh"]

pytestmark = pytest.mark.django_db

LIST = "/admin/routing/task/"
REPLAY = f"{LIST}replay/"
RIGHTS = ["routing.view_task", "routing.change_task", "screening.read_words"]
ATTACK = "<script>alert('zq')</script><img src=x onerror=alert(1)>\"'"


@pytest.fixture
def operator() -> Client:
    return member(*RIGHTS, name="operator")


def member(*rights: str, name: str) -> Client:
    """Log somebody in who belongs to every clinic but one."""
    client = person(*rights, name=name)
    user = User.objects.get(username=name)
    for slug in ("default", "riverside", "northgate"):
        user.clinics.add(Clinic.objects.get_or_create(slug=slug)[0])
    return client


@pytest.fixture
def each_kind() -> dict[str, Task]:
    made = Task.objects.bulk_create(make_task(n) for n in range(len(KINDS)))
    return dict(zip(KINDS, made, strict=True))


def make_done(result: Any, **fields: Any) -> Task:
    ended = {"status": "DONE", "result": result, "dead_at": None}
    return make_dead(**(ended | {"error_code": "", "error": ""} | fields))


def do(client: Client, *chosen: Task, path: str = LIST, **fields: Any) -> Any:
    form = {"action": "replay_chosen", "index": "0", **fields}
    form["_selected_action"] = [str(task.pk) for task in chosen]
    return client.post(path, form)


# --- The list ---------------------------------------------------------------------


def test_the_list_says_of_each_task_what_an_operator_needs(operator, each_kind):
    words = words_of(operator.get(LIST).text)

    dead, failed = each_kind["gave up"], each_kind["without consent"]
    row = f"{dead.pk.hex[:8]} Embed {dead.case_id} Urgent Dead letter 4 checker-1 "
    assert f"{row}AGENT_REPORTED_FAILURE 36 min" in words
    row = f"{failed.pk.hex[:8]} Analyse for monitoring {failed.case_id} Normal Failed "
    assert f"{row}0 - CONSENT_MISSING 2 h 32 min" in words


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("status=dead", {"gave up", "lost its workers"}),
        ("status=FAILED", {"without consent"}),
        ("status=PENDING", {"waiting", "put off"}),
        ("status=RUNNING", {"running", "lost"}),
        ("status=DONE", {"done"}),
        ("priority__exact=urgent", {"gave up", "put off"}),
        ("task_type__exact=indexing", {"running", "lost"}),
        ("clinic=northgate&status=dead", {"gave up"}),
        ("clinic=nowhere", set()),
    ],
)
def test_the_list_is_narrowed(operator, each_kind, query, kinds):
    response = operator.get(f"{LIST}?{query}")

    found = {str(row) for row in response.context["cl"].result_list}
    assert found == {str(each_kind[kind]) for kind in kinds}


def test_the_clinics_to_choose_from_are_those_that_have_tasks(operator, each_kind):
    page = operator.get(LIST).text

    assert re.findall(r"\?clinic=([a-z]+)", page) == ["northgate", "riverside"]


def test_a_task_is_found_by_either_of_its_ids_and_by_its_case(operator, each_kind):
    task = each_kind["done"]

    for typed in (task.public_id, str(task.pk), task.case_id):
        assert listed(operator.get(LIST, {"q": typed})) == [str(task)], typed
    for typed in (task.pk.hex[:8], "task-", task.case_id[:4]):
        assert listed(operator.get(LIST, {"q": typed})) == [], typed


def test_another_clinics_tasks_are_neither_listed_nor_shown_nor_replayed(
    operator, admin_client, redis
):
    task = make_dead(clinic="elsewhere", case_id="zq-case")

    page = operator.get(LIST).text
    response = operator.get(path_of(task))
    chosen = do(operator, task)
    operator.post(REPLAY, {"ids": task.pk.hex})

    assert "zq-case" not in page
    assert "elsewhere" not in page
    assert response.status_code == 302
    assert chosen.status_code == 302
    assert statuses(task) == ["FAILED"]
    assert "zq-case" in admin_client.get(LIST).text
    assert "?clinic=elsewhere" in admin_client.get(LIST).text


# --- The page -----------------------------------------------------------------------


def test_the_page_says_what_was_asked_by_name_and_size(operator, each_kind):
    page = operator.get(path_of(each_kind["gave up"])).text
    words = words_of(page)

    for part in (
        *("observations 63 characters", "age_months a number", "shape 2 values"),
        *("embedding_b64 1,024 characters", "flags 1 part"),
    ):
        assert part in words
    assert "In their words: Points at the dog" in words
    assert "Consent: Given; it names consent-8" in words
    assert "AAAA" not in page


def test_without_words_there_are_none_to_show(operator):
    task = make_dead(payload={"image_ref": "zq-a-reference"})

    page = operator.get(path_of(task)).text

    assert "In their words" not in page
    assert "zq-a-reference" not in page


def test_the_result_is_told_in_words_and_never_as_json(operator, each_kind):
    page = operator.get(path_of(each_kind["done"])).text
    words = words_of(page)

    assert "summary Words are fewer than usual. Pointing and playing" in words
    assert "checked_by_rules Yes" in words
    assert "id example-model-4b" in words
    assert "adapter - " in words
    assert "embedding 256 numbers" in words
    main = page[page.index('<div id="content"') : page.index("</main>")]
    assert "{" not in main
    assert "style=" not in main


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("waiting", "Nothing yet. It waits for an agent, or for its next try."),
        ("running", "Nothing yet. An agent has it."),
        ("cancelled", "Nothing. It was cancelled."),
        ("without consent", "Nothing. The consent is not given."),
        ("gave up", "Nothing. It was given up and can be replayed. The agent answered"),
    ],
)
def test_a_task_without_a_result_says_why(operator, each_kind, kind, told):
    assert told in words_of(operator.get(path_of(each_kind[kind])).text)


def test_the_route_is_shown_as_that_of_a_job_is(operator, each_kind):
    words = words_of(operator.get(path_of(each_kind["gave up"])).text)

    assert words.index("Attempt 4 ") < words.index("Attempt 1 ")
    assert "Wanted analyze_light, analyze_monitor; priority normal" in words
    assert "left out: has none of the capabilities" in words
    assert "Asked checker-1 AGENT_REPORTED_FAILURE 412 ms" in words


def test_a_huge_or_deep_answer_does_not_fill_the_page(operator):
    deep: Any = "zq-bottom"
    for _ in range(40):
        deep = {"deeper": deep}
    text = make_done({"text": "x" * 900_000, "deep": deep})
    many = make_done({"list": ["y"] * 5_000, "wide": {str(n): n for n in range(900)}})

    pages = [operator.get(path_of(task)).text for task in (text, many)]

    assert max(map(len, pages)) < 60_000
    assert "(900,000 characters)" in pages[0]
    assert "zq-bottom" not in pages[0]
    assert "And more, which is not shown." in pages[1]


def test_the_audit_trail_is_linked_for_who_may_read_it(each_kind):
    task = each_kind["gave up"]
    auditor = member(*RIGHTS, "audit.view_audit", name="auditor")
    onlooker = member("routing.view_task", name="onlooker")
    link = f"/admin/audit/audit/?q={task.pk}"

    assert link in auditor.get(path_of(task)).text
    assert link not in onlooker.get(path_of(task)).text
    assert auditor.get(link).status_code == 200


@pytest.mark.parametrize("where", ["case_id", "agent_id", "error", "clinic"])
def test_what_came_from_outside_is_escaped(admin_client, where):
    long = {where: ATTACK[:64]} if where in {"agent_id", "clinic"} else {where: ATTACK}
    task = make_dead(**long)

    for path in (LIST, path_of(task)):
        page = admin_client.get(path).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_what_an_agent_answers_is_escaped(operator):
    wrong = {ATTACK: [ATTACK, {ATTACK: ATTACK}]}
    task = make_done(
        wrong,
        payload={"observations": ATTACK, ATTACK: 1},
        meta={ATTACK: 1},
        consent={"consent_id": ATTACK},
        route=[{"attempt": 1, "tries": [{"target": ATTACK, "outcome": ATTACK}]}],
    )

    page = operator.get(path_of(task)).text

    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert page.count("&lt;script&gt;alert") >= 8
