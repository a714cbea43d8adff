"""Invented rows for the pages of the admin: every state that a page can show."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit.actions import Action
from audit.services import Event, record
from consent.models import Consent
from milestones.rules import assess
from pediscreen_site.demo.cases import STORIES
from routing.circuits import Circuits
from routing.connection import connect
from routing.models import Agent, TargetHealth, Task
from routing.policy import Standing, Wish, choose_targets
from screening.models import ApiKey, Case, Clinic, Job, Review
from screening.results import listed_risk
from screening.services.opening import due_within, facts_of
from tests.browser.task_rows import events_of as events_of_task
from tests.browser.task_rows import make_task
from tests.browser.webhook_rows import make_webhooks
from tests.screening.signing import make_reader, sign

REFUSED_ANSWER = {"risk": "fine", "summary": "The child is well.", "confidence": 7.2}
FAILED_TRY = {"target": "edge", "outcome": "MODEL_TIMEOUT", "milliseconds": 10_003}
GOOD_TRY = {"target": "cloud", "outcome": "answered", "milliseconds": 840}
OLD_ROUTE = [
    {
        "attempt": 1,
        "policy_version": "2026-11-24",
        "candidates": [
            {"target": "edge", "reason": "edge first"},
            {"target": "cloud", "reason": "fallback"},
        ],
        "excluded": [],
        "tries": [FAILED_TRY, GOOD_TRY],
    }
]
"""As it was kept before decisions were kept with their inputs."""

STANDINGS = [
    Standing(name="edge", location="edge", p95_ms=4200.0, load=0.35),
    Standing(name="cloud", location="cloud", p95_ms=1450.0),
    Standing(
        name="triage-1",
        location="edge-front",
        capabilities=("screen", "triage"),
        p95_ms=640.0,
        load=0.82,
    ),
    Standing(
        name="gpu-reader-1",
        location="cloud-gpu",
        gpu=True,
        p95_ms=2840.0,
        resting=12.0,
    ),
    Standing(name="embedder-1", location="cloud-west", capabilities=("embed",)),
    Standing(name="night-reader-1", location="edge-ward", unfit="not heard of"),
]
ROUTE = [
    {
        "attempt": 1,
        **choose_targets(STANDINGS, Wish(priority="urgent")).explain(),
        "tries": [{**FAILED_TRY, "target": "triage-1"}, FAILED_TRY, GOOD_TRY],
    }
]
LONG_ROUTE = [
    *OLD_ROUTE,
    {"attempt": 2, "tries": []},
    {
        "attempt": 3,
        **choose_targets(STANDINGS, Wish(cloud_allowed=False)).explain(),
        "tries": [{**FAILED_TRY, "target": "triage-1"}, FAILED_TRY],
    },
]

WORDS = {
    1: "He came twelve weeks early. He smiles when he sees my face, but he does not"
    " turn when I come in and talk. He sleeps through the dog.",
    2: "She used to say mama and bye. Since the summer she says nothing, and she does"
    " not look when we call her.",
}
"""What caregivers said, by the number of the case."""

AGENTS = [
    ("reader", ["screen"], "edge-room-2"),
    ("embedder", ["embed", "indexing"], "cloud-west"),
    ("checker", ["screen", "audit"], "edge-room-4"),
    ("night-reader", ["screen"], "edge-ward"),
    ("indexer", ["indexing"], "cloud"),
    ("old-reader", ["screen"], "edge-attic"),
    ("gpu-reader", ["screen", "analyze_heavy", "analyze_refer"], "cloud-gpu"),
    ("triage", ["screen", "triage"], "edge-front"),
    ("scout", ["analyze_light", "analyze_monitor"], "cloud-east"),
]
"""Name, capabilities and place; each kind is in a state of its own."""


def fill(number: int, *, start: int = 0) -> list[Job]:
    """Store so many cases, each with a job, in turn of every kind; return the jobs."""
    numbers = range(start, start + number)
    clinics = [
        Clinic.objects.get_or_create(slug=slug, defaults={"name": name})[0]
        for slug, name in (
            ("riverside", "Riverside Children's Clinic"),
            ("northgate", "Northgate Health Centre"),
        )
    ]
    jobs = [make_job(n, clinics[n % 2]) for n in numbers]
    with transaction.atomic():
        Job.objects.bulk_create(jobs)
        record(event for job in jobs for event in events_of(job))
    reviews = [(n, make_review(job)) for n, job in enumerate(jobs) if is_done(job)]
    Review.objects.bulk_create(review for _, review in reviews)
    for n, review in reviews:
        if n % 5 == 4 and review.risk != "unclassified":
            sign(review, user=make_reader("a.osei", clinic=review.job.clinic))
    Consent.objects.bulk_create(
        make_consent(n, job) for n, job in zip(numbers, jobs, strict=True)
    )
    tasks = Task.objects.bulk_create(make_task(n) for n in numbers)
    record(event for task in tasks for event in events_of_task(task))
    ApiKey.objects.bulk_create(
        ApiKey(
            name=f"Intake {n}",
            prefix=f"{1000 + n}",
            digest="0" * 64,
            clinic=clinics[n % 2],
            scopes=["jobs:write", "jobs:read"],
        )
        for n in numbers
    )
    make_webhooks(jobs, start=start)
    Agent.objects.bulk_create(make_agent(n) for n in numbers)
    TargetHealth.objects.bulk_create(make_health(n) for n in numbers)
    if not start:
        TargetHealth.objects.bulk_create(configured_health())
    return jobs


def make_job(n: int, clinic: Clinic) -> Job:
    """Make the n-th job: most are done, some wait, run, have failed or are odd."""
    _, payload = STORIES[n % len(STORIES)]
    payload = {key: value for key, value in payload.items() if key != "priority"}
    if n in WORDS:
        payload["observations"] = WORDS[n]
    case = Case.objects.create(clinic=clinic, case_id=f"RC-{2041 + n}")
    now = timezone.now()
    job = Job(
        clinic=clinic,
        case=case,
        client="key:3f9a12bc",
        priority="urgent" if n % 7 == 2 else "normal",
        payload=payload,
        created_at=now - timedelta(minutes=17 * n + 3),
    )
    kind = n % 12
    if kind == 7:
        job.status, job.attempt, job.worker = "RUNNING", 1, "host-1-4711"
        job.lease_until = now + timedelta(seconds=30)
        job.started_at = now
    elif kind == 8:
        job.status, job.attempt, job.failures, job.route = "FAILED", 8, 8, LONG_ROUTE
        job.error_code = "MODEL_TIMEOUT"
        job.error = "The model server did not answer within 10 s."
        job.finished_at = now
    elif kind == 9:
        job.status, job.finished_at = "CANCELLED", now
    elif kind != 10:
        end(job, unusable=kind == 11, lower=kind == 5)
    return job


def end(job: Job, *, unusable: bool, lower: bool) -> None:
    """Give the job a draft: the rules' own, a lower one, or one that is no use."""
    payload = job.payload
    result: dict[str, Any] = assess(
        age_months=payload.get("age_months"),
        gestational_weeks=payload.get("gestational_weeks"),
        answers=payload.get("milestones"),
        flags=payload.get("flags"),
        observations=payload.get("observations", ""),
    )
    job.rules_risk = result["risk"]
    result |= {"model_id": "example-model-4b", "adapter_id": "pedi-screen-1.3"}
    if lower:
        result |= {"risk": "monitor", "confidence": 0.58}
    if unusable:
        result = dict(REFUSED_ANSWER)
        job.result_problems = [
            "risk_unknown",
            "summary_not_a_list_of_text",
            "confidence_out_of_range",
        ]
    job.status, job.attempt, job.target, job.route = "DONE", 1, "cloud", ROUTE
    job.result = result
    job.model_risk = "unclassified" if unusable else result["risk"]
    job.risk = listed_risk(job.model_risk, job.rules_risk)
    job.model_id = result.get("model_id", "")
    job.started_at = job.created_at + timedelta(seconds=2)
    job.finished_at = job.created_at + timedelta(seconds=13)


def is_done(job: Job) -> bool:
    return job.status == "DONE"


def make_review(job: Job) -> Review:
    """Open the job's review."""
    usable = {} if job.result_problems else job.result or {}
    assert job.finished_at is not None
    return Review(
        job=job,
        clinic=job.clinic,
        due_at=job.finished_at + due_within(job, job.risk),
        listed_risk=job.risk,
        draft_risk=job.model_risk,
        confidence=usable.get("confidence"),
        **facts_of(job),
        risk=job.risk,
        summary=usable.get("summary", []),
        recommendations=usable.get("recommendations", []),
        parent_text=usable.get("parent_text", ""),
    )


def make_consent(n: int, job: Job) -> Consent:
    """Make a consent of the job's case."""
    return Consent(
        clinic=job.clinic.slug,
        case_id=job.case.case_id,
        consent_id=f"consent-{n}",
        scopes=["screening", "cloud_inference"],
        given_by="parent",
        recorded_by="key:intake",
    )


def events_of(job: Job) -> list[Event]:
    """Make the audit events that such a job would have."""
    ends = {
        "DONE": Action.JOB_COMPLETED,
        "FAILED": Action.JOB_FAILED,
        "CANCELLED": Action.JOB_CANCELLED,
    }
    actions = [(Action.JOB_SUBMITTED, job.client)]
    if job.attempt:
        actions.append((Action.JOB_STARTED, "worker:host-1-4711"))
    if job.status in ends:
        actions.append((ends[job.status], "worker:host-1-4711"))
    return [
        Event(
            action=action,
            actor=actor,
            clinic=job.clinic.slug,
            case_id=job.case.case_id,
            job_id=job.pk,
            attempt=job.attempt or None,
            detail={"code": job.error_code} if job.error_code else {},
        )
        for action, actor in actions
    ]


def name_of_agent(n: int) -> str:
    """Name the n-th agent: each kind of them in turn."""
    return f"{AGENTS[n % len(AGENTS)][0]}-{1 + n // len(AGENTS)}"


def make_agent(n: int) -> Agent:
    """Make the n-th agent: some wait, are silent, disabled, or not allowed."""
    name, capabilities, location = AGENTS[n % len(AGENTS)]
    now = timezone.now()
    agent = Agent(
        agent_id=name_of_agent(n),
        clinic="" if n % 3 else "riverside",
        registered_by="key:3f9a12bc",
        endpoint=f"https://{name}.example.org/v1",
        model="example-model-4b",
        version="1.3.0",
        capabilities=capabilities,
        location=location,
        load_score=(0.12 + 0.17 * n) % 1,
        gpu=name == "gpu-reader",
        told_latency_ms=640.0,
        registered_at=now - timedelta(days=3, hours=n),
        heard_at=now - timedelta(seconds=4 + 3 * n % 60),
        approved_at=now - timedelta(days=2, hours=n),
        approved_by="user:1",
    )
    if name == "embedder":
        agent.approved_at, agent.approved_by = None, ""
        agent.registered_at = now - timedelta(minutes=3)
    elif name == "night-reader":
        agent.heard_at = now - timedelta(minutes=6)
    elif name == "indexer":
        agent.is_enabled = False
    elif name == "old-reader":
        agent.endpoint = "http://10.20.0.7:8000/v1"
    return agent


def make_health(n: int) -> TargetHealth:
    """Make what was seen of the n-th agent."""
    name = AGENTS[n % len(AGENTS)][0]
    now = timezone.now()
    health = TargetHealth(name=name_of_agent(n))
    if name == "embedder":
        return health
    health.p50_ms, health.p95_ms = 380.0 + 90 * (n % 9), 980.0 + 310 * (n % 9)
    health.answered, health.failed = 1204 + 7 * n, n % 4
    health.answered_at = health.checked_at = now - timedelta(seconds=9)
    if n % 4:
        health.last_error = "MODEL_TIMEOUT"
        health.failed_at = now - timedelta(minutes=41 * n + 2)
    if name == "checker":
        health.check_failures, health.check_error = 3, "MODEL_UNREACHABLE"
        health.checked_at = now + timedelta(minutes=2)  # for as long as pictures take
    if name in {"gpu-reader", "scout"}:
        health.last_error, health.failed = "MODEL_SERVER_ERROR", 7
        health.failed_at = now - timedelta(seconds=20)
    return health


def configured_health() -> list[TargetHealth]:
    """Make what was seen of the targets that settings name, or named once."""
    now = timezone.now()
    edge = {"p50_ms": 1900.0, "p95_ms": 4200.0, "answered": 18_211, "failed": 12}
    cloud = {"p50_ms": 800.0, "p95_ms": 1450.0, "answered": 7_420, "failed": 31}
    seen = {"checked_at": now - timedelta(seconds=6), "answered_at": now}
    failed = {"last_error": "MODEL_TIMEOUT", "failed_at": now - timedelta(hours=5)}
    return [
        TargetHealth(name="edge", **edge, **seen),
        TargetHealth(name="cloud", **cloud, **seen, **failed),
        TargetHealth(name="retired-reader", answered=311, failed_at=None),
    ]


def rest_some() -> None:
    """Let some agents rest after failures, and others be due for a probe."""
    circuits = Circuits(connect())
    asked = {"gpu-reader-1": 600.0, "scout-1": 0.1}
    for name, seconds in asked.items():
        circuits.failed(name, error="MODEL_SERVER_ERROR", retry_after=seconds)
