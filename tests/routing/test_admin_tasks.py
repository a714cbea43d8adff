"""Tasks in the admin: found, read in words, and replayed after a dry run."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from audit.models import Audit
from routing.admin import replaying, tasks
from routing.models import Task
from tests.browser.task_rows import KINDS, make_task
from tests.routing.admin_pages import listed, path_of, person, words_of
from tests.routing.test_replay import entries, fresh, make_dead, statuses

__all__ = ["fresh"]

pytestmark = pytest.mark.django_db

LIST = "/admin/routing/task/"
REPLAY = f"{LIST}replay/"
RIGHTS = ["routing.view_task", "routing.change_task"]
ATTACK = "<script>alert('zq')</script><img src=x onerror=alert(1)>\"'"


@pytest.fixture
def operator() -> Client:
    return person(*RIGHTS)


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


def said(response: Any) -> list[tuple[str, str]]:
    return [(m.level_tag, str(m)) for m in response.context["messages"]]


def ids_of(page: str) -> str:
    return re.search(r'name="ids" value="([0-9a-f ]*)"', page)[1]


def confirm(client: Client, page: str) -> Any:
    """Press the button of a dry run."""
    action = re.search(r'method="post" action="([^"]+)" class="desk-confirm"', page)[1]
    return client.post(action, {"ids": ids_of(page)}, follow=True)


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
    auditor = person(*RIGHTS, "audit.view_audit", name="auditor")
    onlooker = person("routing.view_task", name="onlooker")
    link = f"/admin/audit/audit/?q={task.pk}"

    assert link in auditor.get(path_of(task)).text
    assert link not in onlooker.get(path_of(task)).text
    assert auditor.get(link).status_code == 200


@pytest.mark.parametrize("where", ["case_id", "agent_id", "error", "clinic"])
def test_what_came_from_outside_is_escaped(operator, where):
    long = {where: ATTACK[:64]} if where in {"agent_id", "clinic"} else {where: ATTACK}
    task = make_dead(**long)

    for path in (LIST, path_of(task)):
        page = operator.get(path).text
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


# --- Replay -----------------------------------------------------------------------


def test_a_dry_run_says_what_would_be_done_and_does_nothing(operator, redis):
    dead = [make_dead(minutes=n) for n in range(3)]
    dead.append(make_dead(code="WORKER_LOST", task_type="indexing"))
    other = make_task(2)
    other.save()
    before = list(Task.objects.order_by("id").values())

    page = do(operator, *dead, other).text
    words = words_of(page)

    assert "Nothing was sent. 4 would run again, tasks 10 a second" in words
    assert "Dry run of 5, " in words
    assert "1 is no dead letter and would be left out." in words
    assert "MODEL_TIMEOUT Embed 3 WORKER_LOST Index 1" in words
    assert "RC-2041" not in words
    assert list(Task.objects.order_by("id").values()) == before
    assert not Audit.objects.exists()
    assert not redis.exists("tasks:normal")


def test_what_the_dry_run_showed_is_replayed_once_it_is_confirmed(operator, redis):
    dead = [make_dead(minutes=9 - n) for n in range(5)]
    page = do(operator, *dead).text

    response = confirm(operator, page)

    assert said(response) == [("success", "5 tasks run again, 10 a second.")]
    assert statuses(*dead) == ["PENDING"] * 5
    actor = f"user:{User.objects.get(username='operator').pk}"
    events = Audit.objects.filter(action="task.replayed")
    assert {(event.actor, event.case_id) for event in events} == {(actor, "RC-2041")}
    assert events.count() == 5


def test_the_agents_are_not_flooded(operator, redis):
    dead = [make_dead(minutes=60 - n) for n in range(40)]
    page = do(operator, *dead).text
    begun = timezone.now()

    confirm(operator, page)

    starts = [Task.objects.get(pk=task.pk).not_before for task in dead]
    assert starts == sorted(starts)
    assert starts[39] - starts[0] == pytest.approx(
        timedelta(seconds=3.9), abs=timedelta(seconds=0.2)
    )
    assert starts[-1] - begun > timedelta(seconds=3.8)
    assert entries(redis, "tasks:normal") == [dead[0].public_id]


def test_confirming_twice_replays_once(operator, redis):
    dead = [make_dead(), make_dead()]
    page = do(operator, *dead).text

    confirm(operator, page)
    again = confirm(operator, page)

    assert said(again) == [
        ("warning", "2 were no dead letters any more: nothing was done.")
    ]
    assert Audit.objects.filter(action="task.replayed").count() == 2


def test_what_ended_meanwhile_is_told_of_and_left(operator, redis):
    ended, dead = make_dead(), make_dead()
    page = do(operator, ended, dead).text
    Task.objects.filter(pk=ended.pk).update(
        status="CANCELLED", dead_at=None, error_code=""
    )

    response = confirm(operator, page)

    assert said(response) == [
        ("success", "1 task runs again."),
        ("warning", "1 was no dead letter any more: nothing was done."),
    ]
    assert statuses(ended, dead) == ["CANCELLED", "PENDING"]


def test_if_nothing_chosen_is_dead_there_is_nothing_to_confirm(operator, redis):
    task = make_task(2)
    task.save()

    response = operator.get(do(operator, task).url)

    assert said(response) == [
        ("warning", "None of the chosen is a dead letter: nothing was done.")
    ]


def test_all_that_a_filter_leaves_can_be_chosen_up_to_a_limit(
    operator, redis, monkeypatch
):
    monkeypatch.setattr(tasks, "MOST", 3)
    monkeypatch.setattr(replaying, "MOST", 3)
    dead = [make_dead(minutes=9 - n) for n in range(5)]
    lost = make_dead(minutes=99, clinic="northgate")

    page = do(operator, dead[0], path=f"{LIST}?clinic=default", select_across="1").text

    assert "2 more than 3 at once and would be left out." in words_of(page)
    confirm(operator, page)
    assert statuses(*dead, lost) == ["PENDING"] * 3 + ["FAILED"] * 3


def test_replay_is_neither_offered_nor_done_without_the_right(redis):
    onlooker, task = person("routing.view_task", name="onlooker"), make_dead()

    page = onlooker.get(LIST)
    chosen = do(onlooker, task)
    posted = onlooker.post(REPLAY, {"ids": task.pk.hex})

    assert "replay_chosen" not in page.text
    assert (chosen.status_code, posted.status_code) == (200, 403)
    assert statuses(task) == ["FAILED"]


def test_replay_is_no_link_and_needs_the_token_of_its_form(operator, redis):
    task = make_dead()
    elsewhere = Client(enforce_csrf_checks=True)
    elsewhere.cookies = operator.cookies

    assert operator.get(REPLAY, {"ids": task.pk.hex}).status_code == 405
    assert elsewhere.post(REPLAY, {"ids": task.pk.hex}).status_code == 403
    assert Client().post(REPLAY, {"ids": task.pk.hex}).status_code == 302
    assert statuses(task) == ["FAILED"]


@pytest.mark.parametrize("ids", ["", "x", "\0", "0" * 5000, "a " * 5000, "<b>", "東京"])
def test_ids_that_are_none_are_passed_over(operator, redis, ids):
    task = make_dead()

    assert operator.post(REPLAY, {"ids": ids}).status_code == 302
    assert statuses(task) == ["FAILED"]


def test_it_works_while_redis_is_away(operator, redis, settings):
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    dead = [make_dead(), make_dead()]

    confirm(operator, do(operator, *dead).text)

    assert statuses(*dead) == ["PENDING", "PENDING"]
    assert not Task.objects.exclude(rung_at=None).exists()
