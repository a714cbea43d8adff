"""Replay in the admin: what it would do, shown first, and what it has done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone

from routing.models import Task
from routing.models.tasks import TaskType
from routing.services.replay import (
    BULKY,
    RATE,
    counted,
    replay_tasks,
)

MOST = 1000
"""How many are replayed in one go."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """So many pieces of work of one kind that were stopped by the same thing."""

    cause: str
    work: str
    number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DryRun:
    """What a replay of the chosen would do."""

    groups: Sequence[Group]
    left_out: Sequence[tuple[int, str]] = field(default_factory=list)
    """How many would not be replayed, and why."""

    paced: int = 0
    """How many of them begin one after the other: tasks do, jobs do not."""

    @property
    def number(self) -> int:
        """Count what would run again."""
        return sum(group.number for group in self.groups)

    @property
    def chosen(self) -> int:
        """Count all that was looked at."""
        return self.number + sum(number for number, _ in self.left_out)

    @property
    def seconds(self) -> int:
        """Say how long it takes until the last of the paced may begin."""
        return round(max(0, self.paced - 1) / RATE)


def groups_of_tasks(tasks: QuerySet[Task]) -> list[Group]:
    """Count tasks by what stopped them and what they are."""
    return [
        Group(cause=code, work=str(TaskType(task_type).label), number=number)
        for code, task_type, number in counted(tasks)
    ]


def confirmation(
    request: HttpRequest,
    dry_run: DryRun,
    *,
    title: str,
    action: str,
    hidden: Mapping[str, str],
    back: str,
    back_words: str,
) -> TemplateResponse:
    """Show what would be done, with the button that does it."""
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": title,
        "dry_run": dry_run,
        "now": timezone.now(),
        "rate": f"{RATE:g}",
        "action": action,
        "hidden": dict(hidden),
        "back": back,
        "back_words": back_words,
    }
    return TemplateResponse(request, "admin/replay.html", context)


def read_ids(words: str) -> list[UUID]:
    """Read ids between spaces; what is none is passed over."""
    found = []
    for word in words.split()[:MOST]:
        try:
            found.append(UUID(hex=word))
        except ValueError:
            continue
    return list(dict.fromkeys(found))


def replay_paced(tasks: QuerySet[Task], *, actor: str) -> int:
    """Replay those that are dead letters, the oldest first; return how many were."""
    letters = tasks.filter(dead_at__isnull=False).order_by("dead_at", "id")
    return len(replay_tasks(list(letters.defer(*BULKY)), actor=actor, rate=RATE))


def told(replayed: int, left: int) -> list[tuple[int, str]]:
    """Say what was done with tasks: level and words."""
    said = []
    if replayed:
        tasks = "1 task runs" if replayed == 1 else f"{replayed:,} tasks run"
        pace = "" if replayed == 1 else f", {RATE:g} a second"
        said.append((messages.SUCCESS, f"{tasks} again{pace}."))
    if left:
        were = "was no dead letter" if left == 1 else "were no dead letters"
        words = f"{left:,} {were} any more: nothing was done."
        said.append((messages.WARNING, words))
    return said
