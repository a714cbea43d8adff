"""A case with everything that can hang on one, each with a planted word."""

from __future__ import annotations

from typing import Any

from django.db import connection

from audit.actions import Action
from audit.services import record
from routing.models import Task
from routing.services.events import task_event
from screening.models import (
    Case,
    FollowUp,
    IdempotencyKey,
    Job,
    Review,
    WebhookDelivery,
    WebhookEndpoint,
)
from screening.services.keys import default_clinic
from screening.services.review import save_review, send_second_read
from screening.services.signing import add_addendum, release_report, sign_off
from screening.services.submission import Submission, submit_jobs
from tests.screening.signing import PASSWORD, make_reader
from tests.screening.test_signing import ANSWER, make_review

WORD = "zqbabble"


def full_case() -> Case:
    """Take a case through a second read, signature, release, addendum and the rest."""
    doctor, other = make_reader(), make_reader("dr-lind")
    answer = {**ANSWER, "risk": "refer", "summary": [f"Says {WORD}."]}
    review = make_review(answer, observations=f"Says {WORD} only.")
    values = {"risk": "monitor", "reason_code": "other", "reason_text": f"So: {WORD}."}
    save_review(review, user=doctor, version=1, values=values)
    review = Review.objects.select_related("job__case", "job__clinic").get()
    send_second_read(review, user=other, risk="monitor", why=f"I agree: {WORD}.")
    signed = sign_off(review, user=doctor, password=PASSWORD, version=2)
    release_report(signed, user=doctor)
    add_addendum(signed, user=doctor, password=PASSWORD, text=f"Says {WORD}.")
    job = Job.objects.select_related("case__clinic").get(pk=signed.job_id)
    FollowUp.objects.create(
        review=signed, kind="referral", to=f"Dr {WORD}", asked_by=doctor
    )
    case = job.case
    endpoint = WebhookEndpoint.objects.create(
        clinic=case.clinic, url="https://hooks.example.org/", salt="0" * 64
    )
    WebhookDelivery.objects.create(
        endpoint=endpoint,
        event="job.completed",
        job=job,
        url=f"https://hooks.example.org/{WORD}",
    )
    task = Task.objects.create(
        clinic=case.clinic.slug,
        client="key:test",
        case_id=case.case_id,
        task_type=Task._meta.get_field("task_type").choices[0][0],
        payload={"text": WORD},
        status="FAILED",
        finished_at=job.finished_at,
        error_code="MODEL_SERVER_REJECTED",
    )
    told = (Action.TASK_SUBMITTED, Action.TASK_FAILED)
    record(task_event(task, action, "key:test") for action in told)
    IdempotencyKey.objects.create(
        client="key:test",
        endpoint="submit",
        key=f"of-{WORD}",
        fingerprint="0" * 64,
        answer={"job_id": str(job.pk), "case_id": case.case_id},
    )
    return case


def places_of(word: str) -> list[str]:
    """List every column of every table that has a word in it, as text or in JSON."""
    return [
        f"{table}.{column}"
        for table, column in columns()
        if count(table, f"LOWER(CAST({quoted(column)} AS TEXT)) LIKE %s", word)
    ]


def columns() -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        return [
            (table.name, column.name)
            for table in connection.introspection.get_table_list(cursor)
            for column in connection.introspection.get_table_description(
                cursor, table.name
            )
        ]


def snapshot() -> dict[str, Any]:
    """Count the rows of every table."""
    return {table: count(table, "1 = 1 OR %s = ''", "") for table, _ in columns()}


def count(table: str, where: str, word: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT COUNT(*) FROM {quoted(table)} WHERE {where}", [f"%{word}%"]
        )
        [(found,)] = cursor.fetchall()
    return int(found)


def quoted(name: str) -> str:
    return connection.ops.quote_name(name)


def unsigned_case() -> Case:
    return Case.objects.select_related("clinic").get(
        pk=make_review(case_id="case-9").job.case_id
    )


def submitted_again(case: Case) -> Case:
    submit_jobs(
        clinic=default_clinic(),
        client="key:test",
        submissions=[Submission(case_id=case.case_id, payload={})],
    )
    return Case.objects.get(case_id=case.case_id)


def review_of(case: Case) -> Review:
    return Review.objects.get(job__case=case)
