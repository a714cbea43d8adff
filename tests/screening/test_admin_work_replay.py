"""All work that is not done: run again from its page, after a dry run."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from audit.models import Audit
from routing.models import Task
from screening import queue
from screening.models import Clinic, Job
from tests.routing.test_replay import fresh, make_dead, make_task
from tests.screening.test_admin_actions import person
from tests.screening.test_admin_work import (
    VIEWS,
    WORK,
    make_failed,
    operator,
    shown,
    words_of,
)

__all__ = ["fresh", "operator"]

pytestmark = pytest.mark.django_db

REPLAY = f"{WORK}replay/"


def value_of(work: Any) -> str:
    return f"{'job' if isinstance(work, Job) else 'task'}-{work.pk.hex}"


def choose(client: Client, *chosen: Any) -> Any:
    """Tick some rows and press "Run again…"."""
    return client.post(REPLAY, {"chosen": [value_of(work) for work in chosen]})


def confirm(client: Client, dry_run: Any) -> Any:
    page = dry_run.text
    fields = dict(
        re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)
    )
    return client.post(REPLAY, fields, follow=True)


def said(response: Any) -> list[tuple[str, str]]:
    return [(m.level_tag, str(m)) for m in response.context["messages"]]


def statuses(*rows: Any) -> list[str]:
    found = [type(row).objects.get(pk=row.pk) for row in rows]
    return [row.status for row in found]


# --- Run again ----------------------------------------------------------------------


def test_a_dry_run_says_what_would_be_done_and_does_nothing(operator, redis):
    dead, failed = [make_dead(), make_dead()], make_failed()
    done = make_task(status="DONE", result={})
    before = [list(model.objects.order_by("id").values()) for model in (Job, Task)]

    words = words_of(choose(operator, *dead, failed, done))

    assert "Dry run of 4, " in words
    assert "Nothing was sent. 3 would run again, tasks 10 a second" in words
    assert "1 is dead no longer and would be left out." in words
    assert "MODEL_TIMEOUT Screening 1 MODEL_TIMEOUT Embed 2" in words
    after = [list(model.objects.order_by("id").values()) for model in (Job, Task)]
    assert after == before
    assert not Audit.objects.changing().exists()
    assert not redis.keys("*")


def test_what_was_confirmed_runs_again_under_the_name_of_who_did_it(operator, redis):
    dead, failed = [make_dead(minutes=2), make_dead(minutes=1)], make_failed()

    response = confirm(operator, choose(operator, *dead, failed))

    assert response.redirect_chain == [(WORK, 302)]
    assert said(response) == [
        ("success", "1 job is queued again."),
        ("success", "2 tasks run again, 10 a second."),
    ]
    assert statuses(*dead, failed) == ["PENDING"] * 3
    assert queue.inference_queue().get_job_ids() == [str(failed.pk)]
    starts = [Task.objects.get(pk=task.pk).not_before for task in dead]
    assert timedelta(0) < starts[1] - starts[0] < timedelta(seconds=0.2)
    actor = f"user:{User.objects.get(username='operator').pk}"
    events = list(
        Audit.objects.changing().order_by("action").values_list("action", "actor")
    )
    assert events == [("job.replayed", actor)] + [("task.replayed", actor)] * 2


def test_confirming_twice_runs_each_once(operator, redis):
    dry_run = choose(operator, make_dead(), make_failed())

    confirm(operator, dry_run)
    again = confirm(operator, dry_run)

    assert said(again) == [
        ("warning", "1 job waits already, or was cancelled: nothing done."),
        ("warning", "1 was no dead letter any more: nothing was done."),
    ]
    assert Audit.objects.changing().count() == 2


def test_a_refusal_is_told_of_and_stops_nothing_else(operator, redis):
    running, failed = make_failed(), make_failed()
    dry_run = choose(operator, running, failed)
    Job.objects.filter(pk=running.pk).update(
        status="RUNNING", error_code="", finished_at=None, lease_until=timezone.now()
    )

    told = dict(said(confirm(operator, dry_run)))

    assert told["success"] == "1 job is queued again."
    assert told["error"].startswith(f"Job {running.pk}: Only a failed, cancelled or")
    assert statuses(running, failed) == ["RUNNING", "PENDING"]


def test_a_job_cancelled_meanwhile_stays_so(operator, redis):
    job = make_failed()
    dry_run = choose(operator, job)
    Job.objects.filter(pk=job.pk).update(status="CANCELLED", error_code="")

    confirm(operator, dry_run)

    assert statuses(job) == ["CANCELLED"]


def test_another_clinics_work_is_not_run_again(operator, redis):
    elsewhere = Clinic.objects.create(slug="elsewhere", name="Elsewhere")
    task, job = make_dead(clinic="elsewhere"), make_failed(clinic=elsewhere)

    dry_run = choose(operator, task, job)
    form = {"chosen": [value_of(task), value_of(job)], "confirmed": "yes"}
    operator.post(REPLAY, form)

    assert "2 are dead no longer" in words_of(dry_run)
    assert "MODEL_TIMEOUT" not in words_of(dry_run)
    assert statuses(task, job) == ["FAILED", "FAILED"]
    assert not Audit.objects.changing().exists()


@pytest.mark.parametrize(
    "chosen", [[], ["job-"], ["task-x"], ["\0"], ["job-" + "0" * 99], ["東京", "<b>"]]
)
def test_choosing_nothing_does_nothing(operator, redis, chosen):
    for more in ({}, {"confirmed": "yes"}):
        response = operator.post(REPLAY, {"chosen": chosen} | more, follow=True)

        assert said(response) == [
            ("warning", "Nothing was chosen, and nothing was done.")
        ]


@pytest.mark.parametrize(
    "rights",
    [VIEWS, [*VIEWS, "screening.change_job"], [*VIEWS, "routing.change_task"]],
)
def test_running_again_needs_the_right_to_change_both_kinds(rights, redis):
    onlooker, task, job = person(*rights, name="onlooker"), make_dead(), make_failed()

    page = onlooker.get(WORK).text
    form = {"chosen": [value_of(task), value_of(job)]}

    assert shown(onlooker.get(WORK)) != []
    assert "Run again" not in page
    assert 'name="chosen"' not in page
    assert onlooker.post(REPLAY, form).status_code == 403
    assert onlooker.post(REPLAY, form | {"confirmed": "yes"}).status_code == 403
    assert statuses(task, job) == ["FAILED", "FAILED"]


def test_running_again_is_no_link_and_needs_the_token_of_its_form(operator, redis):
    task = make_dead()
    form = {"chosen": [value_of(task)], "confirmed": "yes"}
    elsewhere = Client(enforce_csrf_checks=True)
    elsewhere.cookies = operator.cookies

    assert operator.get(REPLAY, form).status_code == 405
    assert elsewhere.post(REPLAY, form).status_code == 403
    assert Client().post(REPLAY, form).status_code == 302
    assert statuses(task) == ["FAILED"]


def test_the_forms_carry_their_token(operator, redis):
    task = make_dead()
    careful = Client(enforce_csrf_checks=True)
    careful.cookies = operator.cookies

    def token(page: Any) -> dict[str, str]:
        form = page.text[page.text.index('id="content"') :]
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
        return {"csrfmiddlewaretoken": found[1]}

    page = careful.get(WORK)
    dry_run = careful.post(REPLAY, {"chosen": [value_of(task)], **token(page)})
    form = {"chosen": value_of(task), "confirmed": "yes", **token(dry_run)}
    careful.post(REPLAY, form)

    assert dry_run.status_code == 200
    assert statuses(task) == ["PENDING"]
