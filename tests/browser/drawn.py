"""The case of the design, with all that a page of a case can hold. It is invented."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.services import record
from milestones.checklist import checklist
from screening.models import Case, Clinic, Job, Review
from screening.services.review import acknowledge_flags, claim_review, save_review
from tests.browser.rows import end, events_of, make_review
from tests.screening.signing import make_reader, sign

DRAWN = "RC-9041"
NOTE = (
    "He has no words yet, only mama and dada. He points at nothing; when he wants"
    " something he takes my hand and pulls. He turns when I call him, and if I say come"
    " and wave, he comes.\n\nHe stacks his blocks, walks everywhere since summer and"
    " loves showing me his cars. I am worried about the talking. His cousin said ten"
    " words at this age."
)
NOT_YET = ("15m.language.one_or_two_words", "15m.language.points_to_ask")
DRAFT = {
    "risk": "discuss",
    "confidence": 0.71,
    "uncertainty_reason": 'One answer "not sure".',
    "summary": [
        "Uses no words besides mama and dada; turns to own name.",
        "Follows a word with a gesture; does not point to ask for things.",
        "Findings are consistent with expressive language disorder.",
    ],
    "recommendations": [
        "Talk with the family about language at this visit.",
        "Repeat the checklist in two months.",
    ],
    "parent_text": "Your child is doing well in play and movement. Talking is a little"
    " behind what we expect at this age. Your child will catch up with time. We would"
    " like to see you again in two months.",
    "explainability": [
        {"type": "milestone", "detail": f"{NOT_YET[1]}: not yet", "score": 0.42},
        {"type": "milestone", "detail": f"{NOT_YET[0]}: not yet", "score": 0.35},
        {"type": "free_text", "detail": "no words yet, only mama", "score": 0.18},
        {"type": "milestone", "detail": "Follows a word: yes", "score": 0.05},
    ],
}
WRITTEN = {
    "risk": "refer",
    "reason_code": "checklist",
    "reason_text": "No pointing and no words at 17 months corrected; hearing not"
    " tested.",
    "summary": [
        *DRAFT["summary"][:2],  # type: ignore[index]
        "Plays and moves as expected at 17 months corrected age.",
    ],
    "recommendations": [
        "Refer to early intervention for a language evaluation.",
        "Hearing test within four weeks.",
        "Repeat the checklist at 18 months corrected age.",
    ],
    "parent_text": "Your child enjoys playing and moves well. Words and pointing are"
    " coming more slowly than we expect. We would like to look more closely: a language"
    " specialist will meet you, and we will test hearing. Please call the clinic with"
    " any question.",
    "note": "Ask intake for the newborn hearing result.",
}


def draw(person: User) -> None:
    """Store the case with three signed screenings and one that the person has begun."""
    clinic = Clinic.objects.get(slug="riverside")
    case = Case.objects.create(clinic=clinic, case_id=DRAWN)
    for age in (9, 12, 15):
        answers = {item.key: "yes" for item in checklist(age - 3)}
        ago = timedelta(days=30 * (20 - age))
        earlier = _done(case, ago, age_months=age, milestones=answers)
        sign(_reviewed(earlier), user=make_reader("a.osei", clinic=clinic))
    answers = {item.key: "yes" for item in checklist(15)}
    answers |= dict.fromkeys(NOT_YET, "not_yet")
    answers["15m.social_emotional.hugs_doll"] = "not_sure"
    now = _done(
        case,
        timedelta(hours=2),
        draft=DRAFT,
        age_months=20,
        observations=NOTE,
        milestones=answers,
        flags={"parent_concern": True},
    )
    review = _reviewed(now)
    claim_review(review, user=person)
    version = save_review(review, user=person, version=1, values=WRITTEN)
    acknowledge_flags(review, user=person, version=version, keys=["diagnosis:disorder"])


def _done(case: Case, ago: timedelta, draft: Any = None, **payload: Any) -> Job:
    job = Job(
        clinic=case.clinic,
        case=case,
        client="key:3f9a12bc",
        payload={"gestational_weeks": 29, **payload},
        created_at=timezone.now() - ago,
    )
    end(job, unusable=False, lower=False)
    assert job.result is not None
    job.result |= draft or {}
    job.model_risk = job.result["risk"]
    with transaction.atomic():
        Job.objects.bulk_create([job])
        record(events_of(job))
    return job


def _reviewed(job: Job) -> Review:
    review = make_review(job)
    review.save()
    return Review.objects.select_related("job__case", "job__clinic").get(pk=review.pk)
