"""Step 11, the actions: each goes through a service, by right, and under a name."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from audit.models import Audit
from screening import queue
from screening.models import ApiKey, Clinic, Job
from tests.browser.rows import fill

JOBS = "/admin/screening/job/"
KEYS = "/admin/screening/apikey/"
VIEWS = [
    "screening.view_apikey",
    "screening.view_case",
    "screening.view_clinic",
    "screening.view_job",
    "screening.view_review",
    "audit.view_audit",
]


def person(*rights: str, name: str = "operator") -> Client:
    """Log somebody in who has these rights and no others."""
    user = User.objects.create_user(name, password="an-invented-one", is_staff=True)
    user.clinics.set(Clinic.objects.all())
    for right in rights:
        app, codename = right.split(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def jobs(db: None) -> dict[str, Job]:
    return {job.status: job for job in fill(12)}


def do(client: Client, path: str, action: str, *rows: Any) -> Any:
    form = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return client.post(path, form | {"index": "0"}, follow=True)


def statuses(*jobs: Job) -> list[str]:
    found = dict(Job.objects.values_list("pk", "status"))
    return [found[job.pk] for job in jobs]


def said(response: Any) -> list[tuple[str, str]]:
    return [(m.level_tag, str(m)) for m in response.context["messages"]]


def test_failed_and_cancelled_jobs_run_again_and_are_rung_for(jobs, redis):
    operator = person("screening.view_job", "screening.change_job")
    failed, cancelled = jobs["FAILED"], jobs["CANCELLED"]

    response = do(operator, JOBS, "retry_selected", failed, cancelled)

    assert said(response) == [("success", "2 jobs queued again.")]
    assert statuses(failed, cancelled) == ["PENDING", "PENDING"]
    rung = set(queue.inference_queue().get_job_ids())
    assert rung == {str(failed.pk), str(cancelled.pk)}


def test_waiting_and_running_jobs_can_be_cancelled(jobs, redis):
    operator = person("screening.view_job", "screening.change_job")

    response = do(operator, JOBS, "cancel_selected", jobs["PENDING"], jobs["RUNNING"])

    assert said(response) == [("success", "2 jobs cancelled.")]
    assert statuses(jobs["PENDING"], jobs["RUNNING"]) == ["CANCELLED", "CANCELLED"]


def test_one_refusal_is_told_of_and_stops_no_other(jobs, redis):
    operator = person("screening.view_job", "screening.change_job")
    done, failed = jobs["DONE"], jobs["FAILED"]

    response = do(operator, JOBS, "retry_selected", done, failed)

    told = dict(said(response))
    assert told["success"] == "1 job queued again."
    assert told["error"].startswith(f"{done.pk}: Only a failed, cancelled or pending")
    assert statuses(done, failed) == ["DONE", "PENDING"]


def test_an_action_is_audited_under_the_name_of_who_did_it(jobs, redis):
    operator = person("screening.view_job", "screening.change_job")
    before = set(Audit.objects.values_list("pk", flat=True))

    do(operator, JOBS, "retry_selected", jobs["FAILED"], jobs["DONE"])
    do(operator, JOBS, "cancel_selected", jobs["RUNNING"])

    new = Audit.objects.changing().exclude(pk__in=before).order_by("id")
    actor = f"user:{User.objects.get(username='operator').pk}"
    assert [(e.action, e.actor, e.job_id) for e in new] == [
        ("job.replayed", actor, jobs["FAILED"].pk),
        ("job.cancelled", actor, jobs["RUNNING"].pk),
    ]
    assert all(event.request_id and event.case_id for event in new)


def test_a_key_is_revoked_once_and_audited(jobs, redis):
    operator = person("screening.view_apikey", "screening.change_apikey")
    key, other = ApiKey.objects.all()[:2]

    do(operator, KEYS, "revoke_selected", key)
    do(operator, KEYS, "revoke_selected", key)

    key.refresh_from_db()
    other.refresh_from_db()
    assert key.revoked_at is not None
    assert other.revoked_at is None
    [event] = Audit.objects.filter(action="key.revoked")
    assert event.actor == f"user:{User.objects.get(username='operator').pk}"
    assert event.detail == {"prefix": key.prefix}


@pytest.mark.parametrize(
    ("path", "action", "status"),
    [
        (JOBS, "retry_selected", "FAILED"),
        (JOBS, "cancel_selected", "RUNNING"),
        (KEYS, "revoke_selected", ""),
    ],
)
def test_an_action_is_neither_offered_nor_done_without_the_right(
    jobs, redis, path, action, status
):
    onlooker = person(*VIEWS, name="onlooker")
    row = jobs[status] if status else ApiKey.objects.first()
    events = Audit.objects.changing().count()

    page = onlooker.get(path)
    response = do(onlooker, path, action, row)

    assert page.status_code == 200
    assert action not in page.content.decode()
    assert response.status_code == 200
    assert Audit.objects.changing().count() == events
    assert not status or statuses(row) == [status]
    assert not ApiKey.objects.exclude(revoked_at=None).exists()


@pytest.mark.parametrize("action", ["sign_off", "delete_selected", "__class__", ""])
def test_an_action_that_is_not_there_does_nothing(jobs, redis, action):
    operator = person("screening.view_job", "screening.change_job")
    before = list(Job.objects.values())

    assert do(operator, JOBS, action, jobs["DONE"]).status_code == 200
    assert list(Job.objects.values()) == before


def test_an_action_cannot_be_done_by_a_link(jobs, redis):
    operator = person("screening.view_job", "screening.change_job")
    query = {"action": "cancel_selected", "_selected_action": str(jobs["RUNNING"].pk)}

    operator.get(JOBS, query | {"index": "0"})

    assert statuses(jobs["RUNNING"]) == ["RUNNING"]


def test_an_action_needs_the_token_of_its_form(jobs, redis):
    operator = person("screening.view_job", "screening.change_job")
    elsewhere = Client(enforce_csrf_checks=True)
    elsewhere.cookies = operator.cookies

    response = do(elsewhere, JOBS, "cancel_selected", jobs["RUNNING"])

    assert response.status_code == 403
    assert "Nothing was stored" in response.content.decode()
    assert statuses(jobs["RUNNING"]) == ["RUNNING"]


def test_an_action_works_while_redis_is_away(jobs, redis, settings):
    operator = person("screening.view_job", "screening.change_job")
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    queue.inference_queue.cache_clear()

    response = do(operator, JOBS, "retry_selected", jobs["FAILED"])

    queue.inference_queue.cache_clear()
    assert said(response) == [("success", "1 job queued again.")]
    assert statuses(jobs["FAILED"]) == ["PENDING"]


@pytest.mark.parametrize("right", VIEWS)
def test_one_right_opens_one_list_and_no_other(jobs, right):
    reader = person(right, name="reader")
    paths = {
        name: reverse(f"admin:{name.replace('.view_', '_')}_changelist")
        for name in VIEWS
    }

    opened = [
        name
        for name, path in paths.items()
        if reader.get(path, follow=True).status_code == 200
    ]
    refused = {reader.get(path, follow=True).status_code for path in paths.values()}

    assert opened == [right]
    assert refused == {200, 403}
    menu = reader.get("/admin/").content.decode()
    paths["screening.view_review"] = '/admin/" aria-current="page">Worklist'
    assert all((paths[name] in menu) == (name == right) for name in VIEWS)
