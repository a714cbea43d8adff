"""Reviews in the states that a picture shows: begun, flagged, read twice."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from screening.models import Job, Review
from screening.services.review import (
    approve_family_text,
    ask_for_second_read,
    claim_review,
    save_review,
)
from tests.screening.signing import make_reader


def prepare(person: User) -> None:
    """Let a person have begun some reviews, and a colleague another."""
    now = timezone.now()
    waiting = Review.objects.filter(state="REQUIRES_REVIEW").select_related(
        "job__case", "job__clinic"
    )
    usable = list(waiting.exclude(risk="unclassified").order_by("pk")[:6])
    for n, review in enumerate(usable):
        due = now + timedelta(hours=31 * n - 3, minutes=17)
        Review.objects.filter(pk=review.pk).update(
            due_at=due,
            created_at=now - timedelta(hours=30, minutes=7 * n),
        )
    begun, flagged, theirs = usable[1], usable[2], usable[3]
    claim_review(begun, user=person)
    written = {
        "risk": "refer" if begun.risk != "refer" else "discuss",
        "reason_code": "finding",
        "reason_text": "Does not turn to a voice; hearing not tested.",
        "summary": [*begun.summary[1:], "Does not turn to a voice in the room."],
        "note": "Ask intake.",
    }
    version = save_review(begun, user=person, version=1, values=written)
    if Review.objects.get(pk=begun.pk).parent_text:
        approve_family_text(begun, user=person, version=version)
    result = dict(flagged.job.result or {})
    result["summary"] = [
        *result.get("summary", []),
        "This is consistent with autism.",
    ]
    Job.objects.filter(pk=flagged.job_id).update(result=result)
    Review.objects.filter(pk=flagged.pk).update(summary=result["summary"])
    colleague = make_reader("b.lind", clinic=theirs.job.clinic)
    claim_review(theirs, user=colleague)
    ask_for_second_read(theirs, user=colleague, version=1)
