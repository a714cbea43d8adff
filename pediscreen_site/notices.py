"""What stands above every page of the desk while something is wrong."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count
from django.urls import reverse
from django.utils import timezone
from redis.exceptions import RedisError

from milestones.clock import span
from routing.models import Task
from routing.services.overview import READY, overview
from screening import queue
from screening.models import Job
from screening.services.sight import slugs_of

LOOK_EVERY_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """One thing that is wrong: what, and what it means for who reads it."""

    kind: str
    """``bad`` or ``warn``."""

    what: str
    more: str
    url: str = ""
    link: str = ""


@dataclass(kw_only=True, slots=True)
class Seen:
    """What this process saw last, and until when that will do."""

    until: float = 0.0
    drafting: tuple[Notice, ...] = ()
    dead: Mapping[str, int] = field(default_factory=dict)
    """How many dead letters each clinic that has any has, by its slug."""

    clinics: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """The slugs of the clinics of each person who was told since."""


LAST = Seen()


def notices_for(user: Any) -> list[Notice]:
    """List what is wrong now, as far as the person can do anything with it.

    Dead letters are told to who may see all work, and counted in the person's clinics
    alone; who reviews learns whether drafts are being written, which is the same for
    every clinic. It is looked for at most every few seconds, whoever asks.
    """
    reviews = user.has_perm("screening.view_review")
    operates = user.has_perms(["screening.view_job", "routing.view_task"])
    if not reviews and not operates:
        return []
    if time.monotonic() >= LAST.until:
        LAST.drafting = (*_workers(), *_servers())
        LAST.dead, LAST.clinics = _dead_letters(), {}
        LAST.until = time.monotonic() + LOOK_EVERY_SECONDS
    return [*LAST.drafting, *(_told(_seen_by(user)) if operates else ())]


def _workers() -> list[Notice]:
    try:
        count = queue.workers(queue.inference_queue())
    except RedisError:
        return [
            Notice(
                kind="warn",
                what="The queue cannot be reached.",
                more="New screenings are stored safely; drafts are written later.",
            )
        ]
    if count:
        return []
    waiting = Job.objects.filter(status=Job.Status.PENDING).order_by("not_before")
    oldest = waiting.values_list("created_at", flat=True).first()
    stored = "New screenings are stored safely, but no drafts are being written."
    if oldest is None:
        more = f"{stored} None is waiting."
    else:
        number = waiting[:1000].count()
        since = span(timezone.now() - oldest)
        are = "1 is" if number == 1 else f"{number} are"
        more = f"{stored} {are} waiting, the longest for {since}."
    return [Notice(kind="warn", what="No worker is running.", more=more)]


def _servers() -> list[Notice]:
    targets = [row for row in overview() if row.agent is None]
    down = [row for row in targets if row.state != READY]
    if not down:
        return []
    if len(down) < len(targets):
        names = ", ".join(row.name for row in down)
        return [
            Notice(
                kind="warn",
                what=f"A model server does not answer: {names}.",
                more="Drafts are written by the others.",
            )
        ]
    return [
        Notice(
            kind="bad",
            what="No model server answers.",
            more="New screenings wait until one does; nothing is lost.",
        )
    ]


def _dead_letters() -> Mapping[str, int]:
    """Count what is dead, jobs and tasks, clinic by clinic."""
    jobs = Job.objects.filter(status=Job.Status.FAILED).values_list("clinic__slug")
    tasks = Task.objects.all().dead().values_list("clinic")
    found: Counter[str] = Counter()
    for rows in (jobs, tasks):
        found.update(dict(rows.order_by().annotate(number=Count("pk"))))
    return found


def _seen_by(user: Any) -> int:
    """Add up what is dead in the person's clinics, which are asked for if need be."""
    if user.is_superuser or not LAST.dead:
        return sum(LAST.dead.values())
    if user.pk not in LAST.clinics:
        LAST.clinics[user.pk] = tuple(slugs_of(user))
    return sum(LAST.dead.get(slug, 0) for slug in LAST.clinics[user.pk])


def _told(number: int) -> list[Notice]:
    if not number:
        return []
    what = "1 dead letter waits." if number == 1 else f"{number} dead letters wait."
    return [
        Notice(
            kind="warn",
            what=what,
            more="This work was given up after every try.",
            url=f"{reverse('admin:work')}?state=dead",
            link="Look at it",
        )
    ]
