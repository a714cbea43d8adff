"""Leasing tasks to agents that pull them: to take, to renew, to end.

An agent behind a firewall asks for work instead of being called. What it may have is
decided by the same policy, and claimed and fenced like a worker's.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper, Q, QuerySet
from django.db.models.functions import Now

from audit.actions import Action
from audit.services import record
from claims.statements import update_each_returning
from routing.errors import AgentReportedFailure, RoutingError
from routing.fairness import PRIORITIES, Fairness
from routing.models import Agent, Task
from routing.models.tasks import CAPABILITIES
from routing.policy import DEFAULT_P95_MS, Decision, Standing, choose_targets
from routing.registrations import PULL
from routing.services.bell import ring_for_dead
from routing.services.desk import desk
from routing.services.ending import KEPT_ROUTES, end_tasks
from routing.services.events import task_event
from routing.services.registration import hear_from
from routing.services.running import TaskOutcome, grants_for, wish_of_task
from routing.services.upkeep import reap_tasks
from routing.tried import Tried
from wire.errors import Refusal

REAPER = "worker:api"
LEASED_BY = "leased_by"
PAGE, MOST_PAGES = 16, 16
MOST_TRIES = 10
ERROR_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


class AgentMayNotWork(Refusal):
    """The agent is not approved, or it is disabled."""

    code = "CONFLICT"


class HeldNoLonger(Refusal):
    """The agent does not hold this attempt of the task, or not any more."""

    code = "CONFLICT"


@dataclass(kw_only=True, slots=True)
class Shelf:
    """What one process remembers between the leases of one kind, of one agent.

    Two leases at once may use it: then a share is given twice, and no harm is done.
    """

    fairness: Fairness = field(default_factory=Fairness)
    passed: dict[str, int] = field(default_factory=dict)
    """Priority -> how many tasks in front the agent may not have, if very many."""


@lru_cache(maxsize=4096)
def shelf_of(agent_id: str, types: tuple[str, ...]) -> Shelf:
    """Return the shelf for tasks of these types: an agent's own.

    Else one that may not have a kind of task would spend another's share of it.
    """
    return Shelf()


def worker_of(agent_id: str) -> str:
    """Name the agent as the worker that holds a claim."""
    return f"agent:{agent_id}"


# --- To take ------------------------------------------------------------------------


def lease_tasks(
    *, agent_id: str, actor: str, most: int, capabilities: Collection[str] = ()
) -> list[Task]:
    """Claim up to ``most`` due tasks for an agent, the most urgent first.

    Each is audited, and the decision kept on it. ``capabilities`` narrows what the
    agent can do. One that failed several times in a row gets none for a while.

    Raises:
        Agent.DoesNotExist: the key has registered no such agent.
        AgentMayNotWork: it is not approved, or it is disabled.
    """
    agent = Agent.objects.get(agent_id=agent_id, registered_by=actor)
    if agent.approved_at is None:
        raise AgentMayNotWork("The agent is not approved yet: it gets no work.")
    if not agent.is_enabled:
        raise AgentMayNotWork("The agent is disabled: it gets no work.")
    _reap()
    standing = Standing(
        name=agent.agent_id,
        location=agent.location,
        capabilities=tuple(
            name
            for name in agent.capabilities
            if not capabilities or name in capabilities
        ),
        gpu=agent.gpu,
        raw_media=agent.supports_raw_media,
        p95_ms=agent.told_latency_ms or DEFAULT_P95_MS,
        load=agent.load_score,
    )
    free = _places(agent.agent_id, most)
    if not free:
        return []
    lost: list[uuid.UUID] = []
    for _ in range(MOST_TRIES):
        chosen = _choose(agent, standing, free, lost)
        leased = _claim(standing, chosen)
        if leased or not chosen:
            return leased
        # Others were faster for all of these, and there may be more to be had.
        lost += chosen
    return []


def _reap() -> None:
    """Take back what was vanished with, also where no stream worker runs."""
    if Task.objects.all().expired().exists():
        ring_for_dead(reap_tasks(actor=REAPER))


def _places(agent_id: str, most: int) -> int:
    """Say how many tasks the agent may have now: while its circuit is open, none."""
    circuits = desk().circuits
    if circuits.state(agent_id) == "closed":
        return most
    return int(circuits.allows(agent_id))


def _choose(
    agent: Agent, standing: Standing, free: int, lost: Collection[uuid.UUID]
) -> list[uuid.UUID]:
    """Choose by urgency, with the share that each lower priority has."""
    able = set(standing.capabilities)
    types = tuple(name for name, wanted in CAPABILITIES.items() if able & set(wanted))
    shelf = shelf_of(agent.agent_id, types)
    tasks = _waiting().filter(task_type__in=types).exclude(pk__in=lost)
    if agent.clinic:
        tasks = tasks.filter(clinic=agent.clinic)
    suitable = {
        priority: _suitable(tasks.filter(priority=priority), standing, shelf, priority)
        for priority in PRIORITIES
    }
    chosen: list[Task] = []
    for priority, places in shelf.fairness.reserved(free).items():
        found = list(islice(suitable[priority], places))
        if len(found) < places:
            shelf.fairness.forget(priority)
        chosen += found
    for priority in PRIORITIES:
        chosen += islice(suitable[priority], free - len(chosen))
    taken = [task.priority for task in chosen]
    shelf.fairness.note({priority: taken.count(priority) for priority in PRIORITIES})
    chosen.sort(key=lambda task: PRIORITIES.index(task.priority))
    return [task.pk for task in chosen]


def _waiting() -> QuerySet[Task]:
    """Keep what is due, and what waits only for other agents to be well again."""
    untried = Q(failures=0, crashes=0)
    pending = Task.objects.filter(status=Task.Status.PENDING)
    return pending.filter(Q(not_before__lte=Now()) | untried).defer("result")


def _suitable(
    tasks: QuerySet[Task], standing: Standing, shelf: Shelf, priority: str
) -> Iterator[Task]:
    """Go through tasks, the longest due first, for those that the policy lets it have.

    Where very many are not for this agent the next lease goes on behind them, and from
    the front again once there are no more.
    """
    in_order = tasks.order_by("not_before", "pk")
    first = shelf.passed.get(priority, 0)
    last = first + PAGE * MOST_PAGES
    for start in range(first, last, PAGE):
        rows = list(in_order[start : start + PAGE])
        yield from (task for task, _ in _allowed(rows, standing))
        if len(rows) < PAGE:
            shelf.passed[priority] = 0
            return
    shelf.passed[priority] = last


def _allowed(
    tasks: Sequence[Task], standing: Standing
) -> Iterator[tuple[Task, Decision]]:
    """Keep what the policy lets the agent have by the consents of this moment."""
    grants = grants_for(tasks)
    for task in tasks:
        decision = choose_targets([standing], wish_of_task(task, grants), top=1)
        if decision.candidates:
            yield task, decision


@transaction.atomic(durable=True)
def _claim(standing: Standing, chosen: Sequence[uuid.UUID]) -> list[Task]:
    """Claim what is still to be had of it, with the decisions and the audit events.

    The consents are read once more, so that one revoked meanwhile keeps the data here.
    """
    worker = worker_of(standing.name)
    # Passing over rows that another holds: to wait for them would be a deadlock, at
    # times, and they are claimed by then anyway.
    free = _waiting().select_for_update(skip_locked=True).filter(pk__in=chosen)
    decisions = dict(_allowed(list(free), standing))
    ids = [task.pk for task in decisions]
    Task.objects.filter(pk__in=ids, not_before__gt=Now()).update(not_before=Now())
    taken = set(Task.objects.all().claim(ids, worker=worker))
    claimed = [task for task in decisions if task.pk in taken]
    if not claimed:
        return []
    claimed.sort(key=lambda task: chosen.index(task.pk))
    for task in claimed:
        task.attempt += 1
        explained = decisions[task].explain() | {LEASED_BY: standing.name}
        entry = TaskOutcome(task=task, explained=explained).explain()
        task.route = [*task.route, entry][-KEPT_ROUTES:]
    update_each_returning(
        Task.objects.filter(status=Task.Status.RUNNING),
        keys=["id", "attempt"],
        constants={"agent_id": standing.name},
        values=[
            {"id": task.pk, "attempt": task.attempt, "route": task.route}
            for task in claimed
        ],
        returning="attempt",
    )
    record(task_event(t, Action.TASK_STARTED, f"worker:{worker}") for t in claimed)
    return claimed


# --- To renew, and to end -----------------------------------------------------------


def renew_lease(pk: uuid.UUID, *, actor: str, attempt: int) -> None:
    """Extend the lease of an attempt that an agent of the key still holds.

    It is a heartbeat of the agent too.

    Raises:
        Task.DoesNotExist: no agent of the key has ever leased it.
        HeldNoLonger: none of them holds this attempt now.
    """
    _, entry = _leased(pk, actor=actor, attempt=attempt)
    agent_id = entry[LEASED_BY] if entry else ""
    held = Task.objects.all().held(attempt)
    if not agent_id or not held.renew([pk], worker=worker_of(agent_id)):
        raise HeldNoLonger("The task is held no longer.")
    hear_from(agent_id, actor=actor)


def end_lease(
    pk: uuid.UUID, *, actor: str, attempt: int, success: bool, output: Any, error: str
) -> str:
    """Store what an agent says of an attempt; return what became of the task.

    That is ``completed``, ``queued`` for a later try, or ``dead_letter``. Of ``error``
    nothing is kept but a code, if it is one.

    Raises:
        Task.DoesNotExist: no agent of the key has ever leased it.
        HeldNoLonger: the attempt is not held any more; an audit event tells of it.
    """
    task, entry = _leased(pk, actor=actor, attempt=attempt)
    task.attempt = attempt
    if entry is None:
        with transaction.atomic(durable=True):
            record([task_event(task, Action.TASK_STALE_RESULT_REFUSED, actor)])
        raise HeldNoLonger("The task is held no longer.")
    agent_id = entry[LEASED_BY]
    code = error if ERROR_CODE.fullmatch(error) and not success else ""
    tried = Tried(
        target=agent_id,
        seconds=(task.time - task.updated_at).total_seconds(),
        error=None if success else _failure(code),
        provenance={
            "receipt": uuid.uuid4().hex,
            **({"reported": code} if code else {}),
        },
    )
    task.route.remove(entry)
    outcome = TaskOutcome(
        task=task,
        explained={k: v for k, v in entry.items() if k not in {"attempt", "tries"}},
        tries=(tried,),
        agent_id=agent_id,
        output={} if output is None else output,
        error=tried.error,
    )
    dead = end_tasks([outcome], worker=worker_of(agent_id))
    ring_for_dead(dead)
    # Another result of the same attempt may have come at the same moment.
    if outcome.explain() not in Task.objects.values_list("route", flat=True).get(pk=pk):
        raise HeldNoLonger("The task is held no longer.")
    _learn(agent_id, tried, actor)
    if dead:
        return "dead_letter"
    return "completed" if success else "queued"


def _leased(
    pk: uuid.UUID, *, actor: str, attempt: int
) -> tuple[Any, dict[str, Any] | None]:
    """Return a task that the key's agents have leased, and the entry of the attempt.

    Raises:
        Task.DoesNotExist: none of them has.
    """
    now = ExpressionWrapper(Now(), output_field=DateTimeField())
    tasks = Task.objects.defer("payload", "result").annotate(time=now)
    task = tasks.get(pk=pk)
    leases = [entry for entry in task.route if LEASED_BY in entry]
    own = set(
        Agent.objects.filter(
            registered_by=actor, agent_id__in={entry[LEASED_BY] for entry in leases}
        ).values_list("agent_id", flat=True)
    )
    mine = [entry for entry in leases if entry[LEASED_BY] in own]
    if not mine:
        raise Task.DoesNotExist
    of_attempt = (entry for entry in mine if entry["attempt"] == attempt)
    return task, next(of_attempt, None)


def _failure(code: str) -> RoutingError:
    said = f"reported {code}" if code else "answered that it did not succeed"
    return AgentReportedFailure(f"The agent {said}.")


def _learn(agent_id: str, tried: Tried, actor: str) -> None:
    """Remember how the agent did, and that it has been heard of."""
    hear_from(agent_id, actor=actor)
    ours = desk()
    ours.circuits.note(agent_id, error=tried.error)
    # Of one that is called too, the times of its calls are what is to be known.
    if Agent.objects.filter(agent_id=agent_id, protocol=PULL).exists():
        ours.tallies.note(agent_id, seconds=tried.seconds, error=tried.error)
        ours.note([])
