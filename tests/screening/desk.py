"""What the tests of the review pages share."""

from __future__ import annotations

import html
import re
from typing import Any

from django.urls import reverse
from django.utils import timezone

from screening.models import Clinic, Job, Review
from screening.services.opening import facts_of
from tests.screening.making import make_job

LIST = "/admin/"
DRAFT = {
    "risk": "discuss",
    "summary": ["Plays with others.", "Uses few words."],
    "recommendations": ["Talk about language."],
    "parent_text": "Your child plays well. We would like to talk about words.",
    "confidence": 0.62,
    "explainability": [{"type": "item", "detail": "Few words", "score": 0.4}],
    "model_id": "draft-model-zq",
    "adapter_id": "adapter-zq",
}


def review_of(
    case_id: str = "case-1",
    *,
    clinic: Clinic | None = None,
    flags: Any = None,
    **draft: Any,
) -> Review:
    """Store a case with a draft and its review, as the worker leaves them."""
    job = make_job(
        case_id=case_id,
        clinic=clinic,
        age_months=20,
        observations="Not walking yet, and only 5 words.",
        flags=flags or {},
        milestones={"18m.movement.walks_alone": "not_yet"},
    )
    result = {**DRAFT, **draft}
    Job.objects.filter(pk=job.pk).update(
        status="DONE",
        attempt=1,
        finished_at=timezone.now(),
        result=result,
        risk=result["risk"],
        model_risk=result["risk"],
        rules_risk=result["risk"],
        model_id=result["model_id"],
    )
    review = Review.objects.create(
        job_id=job.pk,
        clinic=job.clinic,
        listed_risk=result["risk"],
        draft_risk=result["risk"],
        confidence=result["confidence"],
        **facts_of(job),
        risk=result["risk"],
        summary=result["summary"],
        recommendations=result["recommendations"],
        parent_text=result["parent_text"],
    )
    return Review.objects.select_related("job__case", "job__clinic").get(pk=review.pk)


def page_of(review: Review, step: str = "change") -> str:
    return reverse(f"admin:screening_review_{step}", args=[review.pk])


def form_of(client: Any, review: Review) -> dict[str, Any]:
    """Return what the form of a review would send if nothing was typed."""
    form = client.get(page_of(review)).context["form"]
    values = {name: form[name].value() for name in form.fields}
    del values["family_approved"]
    return {name: "" if value is None else value for name, value in values.items()}


def words_of(page: str) -> str:
    """Return what a reader sees of a page, in one line."""
    main = page[page.index('<div id="content"') : page.index("</main>")]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())


def shown(page: Any) -> list[str]:
    """Return the cases that a page of the worklist lists, in order."""
    return re.findall(r'class="case-link"[^>]*>([^<]+)<', page.text)
