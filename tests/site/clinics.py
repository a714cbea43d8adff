"""A clinic with something in every state, and words that say whose they are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from routing.models import Task
from screening.models import Clinic, Job, Review, WebhookEndpoint
from screening.services.consents import give_consent
from screening.services.keys import create_key
from screening.services.review import claim_review, save_review
from screening.services.webhooks.endpoints import ALL_EVENTS, add_endpoint
from tests.browser.rows import ROUTE
from tests.browser.task_rows import FAILED
from tests.screening.desk import review_of
from tests.screening.making import make_job
from tests.screening.signing import make_reader, sign

WORD = "zqword"
"""Begins each of the words that say something of a child."""

CASE = "zqcase"
"""Begins the identifier of each case."""


def word(what: str) -> str:
    return f"{WORD}{what}"


PAYLOAD = {
    "observations": f"The {word('observed')} and more.",
    word("part"): {word("inner"): word("value")},
    "age_months": 20,
}
DRAFT: dict[str, Any] = {
    "summary": [f"Uses {word('summary')}."],
    "recommendations": [f"Talk of {word('advice')}."],
    "parent_text": f"Your child {word('family')}.",
    "uncertainty_reason": word("doubt"),
    "explainability": [{"type": "item", "detail": word("evidence"), "score": 0.4}],
    "model_id": word("model"),
    "adapter_id": word("adapter"),
}


def make_person(role: str, *clinics: Clinic, name: str = "") -> User:
    """Make somebody with this role and no right besides, in these clinics."""
    user = User.objects.create_user(
        name or f"the-{role}", password="an-invented-one", is_staff=True
    )
    user.groups.add(Group.objects.get(name=role))
    for clinic in clinics:
        clinic.members.add(user)
    return User.objects.get(pk=user.pk)


def desk_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def make_clinic(slug: str) -> Clinic:
    """Make a clinic, and have everything in it that a page could show."""
    clinic = Clinic.objects.create(slug=slug, name=f"Clinic {slug}")
    doctor = make_reader(f"doctor-{slug}", clinic=clinic)
    add_endpoint(
        clinic=clinic,
        url=f"https://{slug}.example.org/hook",
        events=ALL_EVENTS,
        actor="user:1",
    )
    create_key(name=f"key-{slug}", clinic=clinic, scopes=["jobs:read"], actor="user:1")
    give_consent(
        clinic=clinic,
        case_id=case_of(clinic, "open"),
        consent_id=f"consent-{slug}",
        scopes=["screening"],
        given_by="parent",
        expires_at=None,
        actor="user:1",
    )
    written = open_review(clinic, "open")
    claim_review(written, user=doctor)
    said = {"note": word("note"), "reason_text": word("reason")}
    save_review(written, user=doctor, version=1, values=said)
    Review.objects.filter(pk=written.pk).update(assignee=None)
    sign(open_review(clinic, "signed"), user=doctor, state="DELIVERED")
    _jobs(clinic)
    _tasks(clinic)
    return clinic


def case_of(clinic: Clinic, what: str) -> str:
    return f"{CASE}-{clinic.slug}-{what}"


def open_review(clinic: Clinic, what: str) -> Review:
    """Store a review that anybody of the clinic could sign."""
    review = review_of(case_of(clinic, what), clinic=clinic, **DRAFT)
    job = Job.objects.get(pk=review.job_id)
    payload = {**job.payload, **PAYLOAD}
    Job.objects.filter(pk=job.pk).update(payload=payload, route=ROUTE)
    return review


def _jobs(clinic: Clinic) -> None:
    """Store a job of each state that has no review."""
    now, soon = timezone.now(), timezone.now() + timedelta(minutes=5)
    states: dict[str, dict[str, Any]] = {
        "pending": {},
        "running": {"status": "RUNNING", "lease_until": soon, "attempt": 1},
        "cancelled": {"status": "CANCELLED", "finished_at": now},
        "failed": {
            "status": "FAILED",
            "finished_at": now,
            "error_code": "MODEL_TIMEOUT",
            "error": "The model server did not answer in time.",
        },
        "unusable": {
            "status": "DONE",
            "finished_at": now,
            "risk": "unclassified",
            "model_risk": "unclassified",
            "result": {"answer": word("answer"), "model_id": word("model")},
            "result_problems": ["risk_unknown"],
            "model_id": word("model"),
        },
    }
    for name, values in states.items():
        job = make_job(case_id=case_of(clinic, name), clinic=clinic)
        Job.objects.filter(pk=job.pk).update(payload=PAYLOAD, route=ROUTE, **values)


def _tasks(clinic: Clinic) -> None:
    """Store a task of each state."""
    now = timezone.now()
    failed = {"error_code": "AGENT_REPORTED_FAILURE", "error": "The agent gave up."}
    states: dict[str, dict[str, Any]] = {
        "waits": {},
        "runs": {"status": "RUNNING", "lease_until": now + timedelta(minutes=5)},
        "done": {
            "status": "DONE",
            "finished_at": now,
            "result": {word("name"): word("result"), "said": [word("said")]},
        },
        "dead": {"status": "FAILED", "finished_at": now, "dead_at": now, **failed},
    }
    for name, values in states.items():
        Task.objects.create(
            clinic=clinic.slug,
            client="key:1",
            case_id=case_of(clinic, f"task-{name}"),
            task_type="embed",
            payload=PAYLOAD,
            meta={word("meta"): word("along")},
            route=[{"attempt": 1, "tries": [FAILED]}],
            **values,
        )


def endpoint_of(clinic: Clinic) -> WebhookEndpoint:
    return WebhookEndpoint.objects.get(clinic=clinic)
