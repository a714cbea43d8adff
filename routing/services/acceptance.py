"""Accepting tasks: once this returns, they are stored and will be done."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from audit.actions import Action
from audit.services import record
from consent.configured import required_scopes
from consent.services import grants_of
from routing.errors import ConsentRequired
from routing.media import carries_raw_media
from routing.models import Task
from routing.models.tasks import TaskType
from routing.permissions import permit
from routing.policy import Wish
from routing.services.events import task_event
from routing.spans import about_piece
from wire import tracing

logger = logging.getLogger(__name__)

NEED_CONSENT_FOR_MEDIA = frozenset({TaskType.EMBED, TaskType.ANALYZE_REFER})


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskRequest:
    """One piece of work, as it came over HTTP and was found valid."""

    case_id: str
    task_type: str
    payload: dict[str, Any] = field(default_factory=dict)
    priority: str = "normal"
    idempotency_key: str = ""
    consent: dict[str, Any] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)


def accept_task(request: TaskRequest, *, clinic: str, client: str) -> tuple[Task, bool]:
    """Store a task with its audit event; return it, and whether it was there already.

    A known idempotency key of the same client stores nothing. The task is marked as
    rung for: the caller rings, or runs it at once.

    Raises:
        ConsentRequired: raw media without a given consent; nothing is stored.
    """
    check_consent(request, clinic)
    if request.idempotency_key and (known := _known(request, client)):
        return known, True
    try:
        with transaction.atomic(durable=True):
            task = Task.objects.create(
                clinic=clinic,
                client=client,
                case_id=request.case_id,
                task_type=request.task_type,
                priority=request.priority,
                payload=request.payload,
                consent=request.consent,
                meta=request.meta,
                idempotency_key=request.idempotency_key,
                rung_at=Now(),
                traceparent=tracing.current() or None,
            )
            priority = task.priority
            record([task_event(task, Action.TASK_SUBMITTED, client, priority=priority)])
    except IntegrityError:
        # Another request with the key was committed in between: it answers now.
        if not request.idempotency_key:
            raise
        known = _known(request, client)
        if known is None:
            raise
        return known, True
    with about_piece(task):
        logger.info("Accepted a task")
    return task, False


def check_consent(request: TaskRequest, clinic: str) -> None:
    """Refuse what the case's consents do not allow, by the ledger and by its words.

    Raw media needs a consent wherever the work would look at it.

    Raises:
        ConsentRequired: it is not allowed, or not known to be where it must be.
    """
    grants = grants_of([(clinic, request.case_id)])[clinic, request.case_id]
    wish = permit(
        Wish(consent=request.consent.get("consent_given") is True),
        grants,
        named=request.consent.get("consent_id", ""),
        required=required_scopes(),
    )
    if not wish.permitted:
        raise ConsentRequired("The case's consents do not allow this.")
    if (
        request.task_type in NEED_CONSENT_FOR_MEDIA
        and carries_raw_media(request.payload)
        and not (wish.consent and wish.media_allowed)
    ):
        raise ConsentRequired("Raw media needs a given consent.")


def _known(request: TaskRequest, client: str) -> Task | None:
    own = Task.objects.filter(client=client, idempotency_key=request.idempotency_key)
    found: Task | None = own.first()
    return found
