"""What a request is about, and whose it is, in the names that the audit log uses.

Only what there is gets a name: an address may hold anything, a child's name too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model

from consent.models import Consent
from routing.models import Agent, Task
from routing.models.tasks import private_id
from screening.models import (
    Addendum,
    ApiKey,
    Case,
    Clinic,
    Job,
    Review,
    WebhookDelivery,
    WebhookEndpoint,
)

NUL = "\0"


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """One thing that there is, as an event names it."""

    clinic: str = ""
    case_id: str = ""
    job_id: UUID | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


def named_in(path: Mapping[str, Any], *, clinic: str) -> Named | None:
    """Return what the parameters of an API path name: the clinic's own, if it has it.

    None if they name nothing, or nothing that there is in any clinic.
    """
    for name, find in FINDERS.items():
        if name in path and NUL not in str(path[name]):
            return find(str(path[name]), clinic)
    return None


def named_row(model: type[Model], pk: str) -> Named | None:
    """Return what a row is called, whoever may see it; None if there is none."""
    try:
        row = model._default_manager.filter(pk=pk).first()
    except (ValueError, ValidationError):
        return None
    return None if row is None else name_of(row)


def name_of(row: Model) -> Named:
    """Return what a row is called: by its case and job, if it is about one."""
    detail = {"model": row._meta.label_lower, "id": str(row.pk)}
    if isinstance(row, Review | Addendum | WebhookDelivery):
        job = row.review.job if isinstance(row, Addendum) else row.job
        if job is not None:
            return _of_job(job, detail)
    if isinstance(row, Job):
        return _of_job(row, detail)
    if isinstance(row, Case):
        return Named(clinic=row.clinic.slug, case_id=row.case_id, detail=detail)
    if isinstance(row, Task):
        return Named(
            clinic=row.clinic, case_id=row.case_id, job_id=row.pk, detail=detail
        )
    if isinstance(row, Consent):
        return Named(clinic=row.clinic, case_id=row.case_id, detail=detail)
    return Named(clinic=_clinic_of(row), detail=detail)


def model_of(url_name: str) -> type[Model] | None:
    """Return the model whose page of the desk has this name."""
    for model in admin.site._registry:
        if url_name.startswith(f"{model._meta.app_label}_{model._meta.model_name}_"):
            return model
    return None


def _of_job(job: Job, detail: Mapping[str, Any]) -> Named:
    return Named(
        clinic=job.clinic.slug, case_id=job.case.case_id, job_id=job.pk, detail=detail
    )


def _clinic_of(row: Model) -> str:
    if isinstance(row, Clinic):
        return row.slug
    if isinstance(row, ApiKey | WebhookEndpoint):
        return row.clinic.slug
    if isinstance(row, WebhookDelivery):
        return row.endpoint.clinic.slug
    return row.clinic if isinstance(row, Agent) else ""


# --- By the ids of the API ------------------------------------------------------------


def _job(text: str, clinic: str) -> Named | None:
    try:
        pk = UUID(text)
    except ValueError:
        return None
    found = Job.objects.filter(pk=pk).select_related("clinic", "case").first()
    return None if found is None else _of_job(found, {})


def _case(text: str, clinic: str) -> Named | None:
    # The index begins with the clinic.
    found = Case.objects.filter(clinic__in=Clinic.objects.all(), case_id=text)
    slug = _own(list(found.values_list("clinic__slug", flat=True)), clinic)
    return None if slug is None else Named(clinic=slug, case_id=text)


def _consent(text: str, clinic: str) -> Named | None:
    everywhere = list(Clinic.objects.values_list("slug", flat=True))
    found = Consent.objects.filter(clinic__in=everywhere, consent_id=text)
    of_clinics = dict(found.order_by("version").values_list("clinic", "case_id"))
    slug = _own(list(of_clinics), clinic)
    if slug is None:
        return None
    detail = {"consent_id": text}
    return Named(clinic=slug, case_id=of_clinics[slug], detail=detail)


def _task(text: str, clinic: str) -> Named | None:
    pk = private_id(text)
    found = Task.objects.filter(pk=pk).first() if pk else None
    if found is None:
        return None
    return Named(clinic=found.clinic, case_id=found.case_id, job_id=found.pk)


def _agent(text: str, clinic: str) -> Named | None:
    found = Agent.objects.filter(agent_id=text).first()
    if found is None:
        return None
    return Named(clinic=found.clinic or clinic, detail={"agent_id": found.agent_id})


def _own(slugs: list[str], clinic: str) -> str | None:
    """Choose among clinics that have it: the one that asks, else always the same."""
    return clinic if clinic in slugs else min(slugs, default=None)


FINDERS: Mapping[str, Callable[[str, str], Named | None]] = {
    "job_id": _job,
    "case_id": _case,
    "consent_id": _consent,
    "task_id": _task,
    "agent_id": _agent,
}
"""How each parameter of an API path is looked up."""
