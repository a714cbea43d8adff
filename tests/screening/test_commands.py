"""The commands of this app, called as an operator calls them."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.models import Audit
from screening import queue
from screening.models import ApiKey, Case, Clinic, Job
from screening.services.keys import recognise

pytestmark = pytest.mark.django_db


@dataclass(frozen=True, kw_only=True)
class Said:
    out: str
    err: str


def command(*words: str) -> Said:
    out, err = io.StringIO(), io.StringIO()
    call_command(*words, stdout=out, stderr=err)
    return Said(out=out.getvalue(), err=err.getvalue())


# --- create_api_key ---------------------------------------------------------------


def test_the_key_is_alone_on_the_last_line_and_opens_the_clinic():
    said = command("create_api_key", "EHR bridge", "--clinic", "riverside")

    raw = said.out.splitlines()[-1]
    client = recognise(raw)
    assert client is not None
    assert client.clinic.slug == "riverside"
    assert client.scopes == {"jobs:write", "jobs:read"}
    assert raw not in said.err


def test_the_key_itself_is_stored_nowhere():
    raw = command("create_api_key", "EHR bridge").out.strip()

    key = ApiKey.objects.get()
    secret = raw.split("_", 2)[2]
    assert key.digest == hashlib.sha256(raw.encode()).hexdigest()
    assert key.prefix in raw
    assert len(secret) == 43
    stored = [str(vars(row)) for row in [key, *Audit.objects.all()]]
    assert not any(secret in row for row in stored)


def test_a_key_may_be_given_scopes_and_days():
    command(
        *["create_api_key", "Reports", "--days", "30"],
        *["--scope", "jobs:read", "--scope", "drafts"],
    )

    key = ApiKey.objects.get()
    assert key.scopes == ["jobs:read", "drafts"]
    assert abs(key.expires_at - timezone.now() - timedelta(days=30)) < timedelta(
        minutes=1
    )


def test_a_key_without_days_does_not_expire():
    command("create_api_key", "EHR bridge")

    assert ApiKey.objects.get().expires_at is None


def test_making_a_key_is_audited_without_the_key():
    command("create_api_key", "EHR bridge", "--clinic", "riverside")

    event = Audit.objects.get()
    assert (event.action, event.actor) == ("key.created", "system:create_api_key")
    assert event.clinic == "riverside"
    assert event.detail == {
        "prefix": ApiKey.objects.get().prefix,
        "scopes": ["jobs:write", "jobs:read"],
    }


def test_a_clinic_that_is_there_is_taken_and_a_new_one_is_told_of():
    Clinic.objects.create(slug="riverside", name="Riverside Children's Clinic")

    known = command("create_api_key", "A", "--clinic", "riverside")
    new = command("create_api_key", "B", "--clinic", "northgate_2")

    assert "was made" not in known.err
    assert "Clinic northgate_2 was made." in new.err
    names = Clinic.objects.filter(slug__in=["riverside", "northgate_2"])
    assert {clinic.name for clinic in names} == {
        "Riverside Children's Clinic",
        "northgate_2",
    }


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["A", "--clinic", ""], id="no slug"),
        pytest.param(["A", "--clinic", "river side"], id="a space"),
        pytest.param(["A", "--clinic", "../etc"], id="a path"),
        pytest.param(["A", "--clinic", "clínica"], id="not ASCII"),
        pytest.param(["A", "--clinic", "--"], id="signs alone"),
        pytest.param(["A", "--clinic", "c" * 65], id="a long slug"),
        pytest.param(["A", "--days", "0"], id="no days"),
        pytest.param(["A", "--days", "-1"], id="days gone by"),
        pytest.param(["A", "--days", "3651"], id="over ten years"),
        pytest.param(["A", "--days", "soon"], id="no number"),
        pytest.param(["A", "--scope", "everything"], id="no such scope"),
        pytest.param([""], id="no name"),
        pytest.param(["  "], id="a blank name"),
        pytest.param(["n" * 101], id="a long name"),
        pytest.param(["a\0b"], id="NUL in the name"),
        pytest.param([], id="nothing"),
    ],
)
def test_words_that_cannot_be_used_are_refused_and_nothing_is_made(words):
    before = Clinic.objects.count()

    with pytest.raises(CommandError):
        command("create_api_key", *words)

    assert not ApiKey.objects.exists()
    assert not Audit.objects.exists()
    assert Clinic.objects.count() == before


# --- reconcile --------------------------------------------------------------------


def make_job(**values: Any) -> Job:
    clinic = Clinic.objects.get_or_create(slug="riverside", name="Riverside")[0]
    case = Case.objects.get_or_create(clinic=clinic, case_id="RC-2041")[0]
    earlier = timezone.now() - timedelta(minutes=5)
    given = {"client": "key:abcd1234", "payload": {}, "created_at": earlier, **values}
    return Job.objects.create(clinic=clinic, case=case, **given)


def test_one_pass_rings_for_the_forgotten_and_takes_from_the_lost(redis):
    forgotten = make_job()
    lost = make_job(status="RUNNING", attempt=1, lease_until=timezone.now())

    said = command("reconcile")

    assert said.out == "1 released, 0 failed, 1 enqueued\n"
    assert queue.inference_queue().get_job_ids() == [str(forgotten.pk)]
    lost.refresh_from_db()
    assert (lost.status, lost.crashes) == ("PENDING", 1)
    event = Audit.objects.get(job_id=lost.pk)
    assert event.action == "job.released"
    assert event.actor.startswith("system:")


def test_a_pass_with_nothing_to_do_says_so(redis):
    assert command("reconcile").out == "0 released, 0 failed, 0 enqueued\n"


def test_a_pass_fails_when_redis_takes_nothing(redis, settings, monkeypatch):
    make_job()
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    queue.inference_queue.cache_clear()

    with pytest.raises(CommandError, match="Redis took none of 1 due jobs"):
        command("reconcile")

    queue.inference_queue.cache_clear()


# --- rqworker ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["other"], "listens to one queue, pedi-screen"),
        (["pedi-screen", "other"], "listens to one queue, pedi-screen"),
        (["--concurrency", "-1"], "--concurrency must be 1 or more"),
    ],
)
def test_a_worker_that_cannot_work_says_why(words, said):
    with pytest.raises(CommandError, match=said):
        command("rqworker", *words)


def test_a_worker_without_redis_says_where_it_looked(settings):
    settings.REDIS_URL = "redis://127.0.0.1:9/0"

    with pytest.raises(CommandError, match="Redis does not answer at REDIS_URL"):
        command("rqworker", "pedi-screen", "--burst")
