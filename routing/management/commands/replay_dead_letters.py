"""``manage.py replay_dead_letters``: have what was given up run again."""

from __future__ import annotations

import contextlib
import math
import re
import signal
import threading
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from datetime import timedelta
from types import FrameType
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from redis.exceptions import RedisError

from routing.connection import connect
from routing.models import Task
from routing.models.tasks import TaskType
from routing.services.replay import (
    RATE,
    counted,
    dead_letters,
    in_turn,
    note_looked,
    replay_task,
    sweep_dead_letters,
)

ACTOR = "system:replay_dead_letters"
CODE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
SLUG = re.compile(r"[A-Za-z0-9_-]{1,64}")
FASTEST = 10_000.0
MOST = 10_000_000
LONGEST_AGO = 10 * 365 * 86_400


class Command(BaseCommand):
    """Safe to run at any time, and by several people at once."""

    help = "Have dead letters run again, the oldest first and not all at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be replayed, no more"
        )
        parser.add_argument(
            "--rate",
            type=float,
            default=RATE,
            metavar="N",
            help=f"dead letters a second (default {RATE:g})",
        )
        parser.add_argument(
            "--limit", type=int, metavar="N", help="at most so many (default all)"
        )
        parser.add_argument("--code", help="only what this code stopped")
        parser.add_argument(
            "--task-type",
            choices=TaskType.values,
            metavar="TYPE",
            help=f"only one of {', '.join(TaskType.values)}",
        )
        parser.add_argument("--clinic", metavar="SLUG", help="only its own")
        parser.add_argument(
            "--older-than",
            type=int,
            metavar="SECONDS",
            help="only what has been dead for so long",
        )

    def handle(
        self,
        *,
        dry_run: bool,
        rate: float,
        limit: int | None,
        code: str | None,
        task_type: str | None,
        clinic: str | None,
        older_than: int | None,
        **options: Any,
    ) -> None:
        """Say what is there, and replay it at the rate unless this is a dry run.

        Raises:
            CommandError: an option cannot be used; nothing was replayed.
        """
        _check(rate=rate, limit=limit, code=code, clinic=clinic, older_than=older_than)
        letters = dead_letters(
            code=code or "",
            task_type=task_type or "",
            clinic=clinic or "",
            older_than=None if older_than is None else timedelta(seconds=older_than),
        )
        ids = list(letters.values_list("pk", flat=True)[:limit])
        some = letters if limit is None else Task.objects.filter(pk__in=letters[:limit])
        narrowed = {"code": code, "task_type": task_type, "older_than": older_than}
        note_looked(
            filters=[name for name, word in narrowed.items() if word is not None],
            count=len(ids),
            clinic=clinic or "",
            actor=ACTOR,
        )
        self._say_what(some)
        seconds = math.ceil((len(ids) - 1) / rate) if ids else 0
        pace = f"{len(ids)} at {rate:g} a second, in about {seconds} s"
        if dry_run:
            self.stdout.write(f"Dry run: nothing was replayed. It would be {pace}.")
            return
        if ids:
            self.stdout.write(f"Replaying {pace}.")
        with stoppable() as stop:
            replayed = self._replay(ids, rate, stop)
        stopped = "Stopped: " if stop.is_set() else ""
        self.stdout.write(f"{stopped}{replayed} of {len(ids)} dead letters replayed.")
        self._sweep()

    def _say_what(self, letters: Any) -> None:
        for code, task_type, number in counted(letters):
            self.stdout.write(f"{number:>8}  {code}  {task_type}")

    def _replay(self, ids: Sequence[UUID], rate: float, stop: threading.Event) -> int:
        """Replay one after the other until told to stop; return how many."""
        begun, replayed = time.monotonic(), 0
        for place, task in enumerate(in_turn(ids)):
            if stop.wait(max(0.0, begun + place / rate - time.monotonic())):
                break
            replayed += replay_task(task, actor=ACTOR)
        return replayed

    def _sweep(self) -> None:
        try:
            sweep_dead_letters(connect())
        except RedisError as exc:
            self.stderr.write(
                f"Redis does not answer at REDIS_URL ({type(exc).__name__}): the tasks "
                "run once it does, and entries are left on the stream of dead letters."
            )


@contextlib.contextmanager
def stoppable() -> Iterator[threading.Event]:
    """Let SIGTERM and Ctrl-C set a flag, and no more."""
    stop = threading.Event()

    def set_flag(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {n: signal.signal(n, set_flag) for n in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _check(
    *,
    rate: float,
    limit: int | None,
    code: str | None,
    clinic: str | None,
    older_than: int | None,
) -> None:
    """Refuse what cannot be meant.

    Raises:
        CommandError: it names the option and the rule.
    """
    if not 0 < rate <= FASTEST:  # nor NaN
        raise CommandError(f"--rate must be more than 0 and at most {FASTEST:g}.")
    if limit is not None and not 1 <= limit <= MOST:
        raise CommandError(f"--limit must be 1 to {MOST}.")
    if older_than is not None and not 0 <= older_than <= LONGEST_AGO:
        raise CommandError(f"--older-than must be 0 to {LONGEST_AGO} seconds.")
    # An empty word is a variable that was not set: it does not mean all of them.
    if code is not None and not CODE.fullmatch(code):
        raise CommandError("--code must be an error code, such as MODEL_TIMEOUT.")
    if clinic is not None and not SLUG.fullmatch(clinic):
        raise CommandError("--clinic must be a slug: letters, digits, - and _.")
