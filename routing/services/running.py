"""Running tasks: decide, claim, ask the agents. The one retry loop of tasks is here."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from audit.actions import Action
from audit.services import record
from consent.configured import required_scopes
from consent.decision import Grant
from consent.services import grants_of
from routing.circuits import Circuits
from routing.client import ModelClient
from routing.directory import Choice, Directory
from routing.errors import (
    AgentReportedFailure,
    ConsentMissing,
    NoModelEndpoints,
    RoutingError,
    TargetsResting,
    TryAnother,
)
from routing.media import carries_raw_media
from routing.models import Task
from routing.permissions import permit
from routing.policy import Standing, Wish, refusal_of
from routing.protocols import envelope
from routing.services.events import task_event
from routing.targets import Target
from routing.tried import Tried
from wire import tracing


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskOutcome:
    """What came of one claim of one task: a result, or an error."""

    task: Task
    explained: dict[str, Any]
    """The decision, in the words that are kept on the task."""

    tries: tuple[Tried, ...] = ()
    agent_id: str = ""
    output: Any = None
    error: RoutingError | None = None

    def explain(self) -> dict[str, Any]:
        """Put decision and tries into the words that are kept on the task."""
        return {
            "attempt": self.task.attempt,
            **self.explained,
            "tries": [tried.explain() for tried in self.tries],
        }


def read_tasks(ids: Iterable[UUID]) -> list[Task]:
    """Read those of the tasks that are due."""
    return list(Task.objects.all().due().filter(pk__in=list(ids)).defer("result"))


Grants = Mapping[tuple[str, str], tuple[Grant, ...]]
"""The consents of each case, by clinic and identifier."""


def grants_for(tasks: Iterable[Task]) -> Grants:
    """Read the consents of the cases of many tasks, in one query."""
    return grants_of({(task.clinic, task.case_id) for task in tasks})


def choose_agents(
    task: Task, directory: Directory, circuits: Circuits, *, grants: Grants
) -> Choice:
    """Decide which agents the task may go to now."""
    return directory.choose(
        wish_of_task(task, grants),
        clinic=task.clinic,
        circuits=circuits,
        agents_only=True,
    )


def wish_of_task(task: Task, grants: Grants) -> Wish:
    """Read what a task asks for, and where it may go by its words and its consents."""
    wish = Wish(
        wanted=task.wanted,
        priority=task.priority,
        preferred="",
        consent=task.consent.get("consent_given") is True,
        raw_media=carries_raw_media(task.payload),
    )
    return permit(
        wish,
        grants[task.clinic, task.case_id],
        named=task.consent.get("consent_id", ""),
        required=required_scopes(),
    )


def still_allowed(task: Task, standing: Standing) -> bool:
    """Say whether the consents allow the task to go to a target at this very moment."""
    try:
        wish = wish_of_task(task, grants_for([task]))
    finally:
        connection.close()
    return not refusal_of(standing, wish)


def is_for_later(choice: Choice) -> bool:
    """Say whether a task without candidates waits, rather than being refused."""
    return isinstance(choice.decision.error, TargetsResting | NoModelEndpoints)


def put_off(task: Task, choice: Choice) -> None:
    """Let a task that nobody can be asked to do now wait, unclaimed.

    Where there is somebody who rests, until then; otherwise until upkeep finds that
    somebody can do it. A lease of a pull agent may come first.
    """
    wait = getattr(choice.decision.error, "retry_after", None) or 0.0
    waiting = Task.objects.all().due().filter(pk=task.pk)
    waiting.update(not_before=Now() + timedelta(seconds=wait), rung_at=None)


def claim_tasks(tasks: Sequence[Task], *, worker: str) -> list[Task]:
    """Take those that are still due, with one audit event each; return them."""
    if not tasks:
        return []
    with transaction.atomic(durable=True):
        taken = set(
            Task.objects.all().claim([task.pk for task in tasks], worker=worker)
        )
        claimed = [task for task in tasks if task.pk in taken]
        attempts = dict(Task.objects.filter(pk__in=taken).values_list("pk", "attempt"))
        for task in claimed:
            task.attempt = attempts[task.pk]
            task.status = Task.Status.RUNNING
        actor = f"worker:{worker}"
        record(task_event(task, Action.TASK_STARTED, actor) for task in claimed)
    return claimed


async def ask_agents(
    client: ModelClient,
    task: Task,
    choice: Choice,
    *,
    has_consents: bool,
    seconds: float,
    in_all: float | None = None,
) -> TaskOutcome:
    """Ask the candidates in turn until one does it; never raises a routing error.

    Each call has ``seconds``, and all of them ``in_all``. Of a case that has consents
    they are read once more before each call, so that one revoked meanwhile keeps the
    data here.
    """
    until = time.monotonic() + in_all if in_all is not None else float("inf")
    outcome = TaskOutcome(
        task=task, explained=choice.decision.explain(), error=choice.decision.error
    )
    for target in choice.targets:
        begun = time.monotonic()
        left = min(seconds, until - begun)
        if left <= 0:
            break
        standing = choice.decision.standing(target.name)
        if has_consents and not await asyncio.to_thread(still_allowed, task, standing):
            return replace(outcome, error=ConsentMissing(ConsentMissing.__doc__))
        error: RoutingError | None = None
        output: Any = None
        try:
            with tracing.model_call(target.name):
                output = await _ask(client, task, target, left)
        except RoutingError as exc:
            error = exc
        outcome = replace(
            outcome,
            tries=(*outcome.tries, Tried.of(target, begun, error=error)),
            agent_id=target.name,
            output=output,
            error=error,
        )
        if not isinstance(error, TryAnother):
            break
    return outcome


async def _ask(client: ModelClient, task: Task, target: Target, seconds: float) -> Any:
    request = envelope.request(
        target,
        request_id=task.public_id,
        case_id=task.case_id,
        payload=task.payload,
        meta=task.meta,
        secrets=os.environ,
    )
    body = await client.call(
        request,
        seconds=seconds,
        max_bytes=settings.MODEL_RESPONSE_MAX_BYTES,
        guarded=target.is_agent,
    )
    if body.get("success") is not True:
        raise AgentReportedFailure("The agent answered that it did not succeed.")
    output = body.get("output")
    return {} if output is None else output
