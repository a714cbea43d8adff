"""What must never be, the database itself refuses: agents and tasks."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.utils import timezone

from routing.models import Agent, Task
from tests.routing.making import make_agent

VIOLATIONS: list[tuple[str, type, dict[str, Any]]] = [
    ("agent_approved_by_someone", Agent, {"approved_by": ""}),
    ("agent_approved_by_someone", Agent, {"approved_at": None}),
    ("agent_is_no_configured_target", Agent, {"agent_id": "edge"}),
    ("agent_is_no_configured_target", Agent, {"agent_id": "cloud"}),
    ("agent_is_sent_no_other_secret", Agent, {"token_env": "DJANGO_SECRET_KEY"}),
    ("agent_load_is_a_share", Agent, {"load_score": 1.5}),
    ("agent_load_is_a_share", Agent, {"load_score": -0.1}),
    ("task_status_known", Task, {"status": "LOST"}),
    ("task_type_known", Task, {"task_type": "sing"}),
    ("task_priority_known", Task, {"priority": "soon"}),
    ("task_leased_iff_running", Task, {"status": "RUNNING"}),
    ("task_leased_iff_running", Task, {"lease_until": timezone.now()}),
    ("task_failed_iff_error_code", Task, {"status": "FAILED"}),
    ("task_failed_iff_error_code", Task, {"error_code": "X"}),
    ("task_done_iff_result", Task, {"status": "DONE"}),
    ("task_done_iff_result", Task, {"result": {"a": 1}}),
    ("task_dead_only_if_failed", Task, {"dead_at": timezone.now()}),
]


def make_task(**fields: Any) -> Task:
    usual = {"clinic": "default", "client": "key:test", "case_id": "case-1"}
    return Task.objects.create(**usual | {"task_type": "embed"} | fields)


def test_every_constraint_has_a_violation_to_refuse():
    found = {
        constraint.name
        for model in apps.get_app_config("routing").get_models()
        for constraint in model._meta.constraints
    }

    assert {name for name, *_ in VIOLATIONS} | {"task_key_once_per_client"} == found


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "model", "wrong"), VIOLATIONS)
def test_the_constraint_refuses_its_violation(name, model, wrong):
    make_agent()
    make_task()

    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        model.objects.update(**wrong)


@pytest.mark.django_db
def test_a_key_is_used_once_by_a_client_and_none_as_often_as_it_likes():
    make_task(idempotency_key="k-1")
    make_task(idempotency_key="k-1", client="key:other")
    make_task()
    make_task()

    with pytest.raises(IntegrityError), transaction.atomic():
        make_task(idempotency_key="k-1")
