"""Dead letters in the admin: replayed from the list of tasks, after a dry run."""

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
from tests.browser.task_rows import make_task
from tests.routing.admin_pages import words_of
from tests.routing.test_admin_tasks import LIST, REPLAY, do, member, operator
from tests.routing.test_replay import entries, fresh, make_dead, statuses

__all__ = ["fresh", "operator"]

pytestmark = pytest.mark.django_db


def said(response: Any) -> list[tuple[str, str]]:
    return [(m.level_tag, str(m)) for m in response.context["messages"]]


def ids_of(page: str) -> str:
    return re.search(r'name="ids" value="([0-9a-f ]*)"', page)[1]


def confirm(client: Client, page: str) -> Any:
    """Press the button of a dry run."""
    action = re.search(r'method="post" action="([^"]+)" class="desk-confirm"', page)[1]
    return client.post(action, {"ids": ids_of(page)}, follow=True)


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
    assert not Audit.objects.changing().exists()
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
    onlooker, task = member("routing.view_task", name="onlooker"), make_dead()

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
