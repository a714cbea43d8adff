"""``manage.py route_simulate``: where stored work would go under other settings."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db.models.functions import Now

from routing.policy import Decision, Wish, choose_targets, replay
from routing.registrations import LOCATION
from screening.models import Job
from screening.services.reading import note_simulated

ACTOR = "system:route_simulate"
NOBODY = "nobody"
MOST_EXAMPLES = 100
MOST_MILLISECONDS = 3_600_000
PLACES = ("edge", "cloud", "auto")


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What is different from how it was when the decisions were made."""

    top: int | None = None
    without: frozenset[str] = frozenset()
    p95_ms: Mapping[str, float] = field(default_factory=dict)
    prefer: str = ""
    location: Mapping[str, str] = field(default_factory=dict)

    @property
    def named(self) -> set[str]:
        """Name the targets that it speaks of."""
        return {*self.without, *self.p95_ms, *self.location}

    def decide(self, made: Decision) -> Decision:
        """Decide once more, with what is different."""
        standings = [
            replace(
                each,
                p95_ms=self.p95_ms.get(each.name, each.p95_ms),
                location=self.location.get(each.name, each.location),
            )
            for each in made.standings
            if each.name not in self.without
        ]
        return choose_targets(
            standings, self._wish(made.wish), top=self.top or made.top
        )

    def _wish(self, wish: Wish) -> Wish:
        """Prefer another place, except where the one named was demanded."""
        if not self.prefer or wish.strict:
            return wish
        return replace(wish, preferred=self.prefer)


@dataclass(kw_only=True, slots=True)
class Found:
    """What the decisions would be."""

    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    """First choice before and now -> decisions."""

    examples: dict[tuple[str, str], list[UUID]] = field(default_factory=dict)
    others: int = 0
    """Decisions of the same first choice, with other targets after it."""

    nowhere: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Code and words of why there is no target -> decisions."""

    unreadable: int = 0
    names: set[str] = field(default_factory=set)
    jobs: int = 0

    @property
    def decisions(self) -> int:
        """Count the decisions that could be made once more."""
        return self.moves.total()

    def add(self, job_id: UUID, kept: Mapping[str, Any], change: Change) -> None:
        """Decide once more, and note what is different."""
        try:
            made = replay(kept)
        except (KeyError, TypeError):
            self.unreadable += 1
            return
        now = change.decide(made)
        self.names |= {standing.name for standing in made.standings}
        before = [each["target"] for each in kept["candidates"]]
        after = [each.name for each in now.candidates]
        move = ((before or [NOBODY])[0], (after or [NOBODY])[0])
        self.moves[move] += 1
        if move[0] != move[1]:
            known = self.examples.setdefault(move, [])
            if job_id not in known and len(known) < MOST_EXAMPLES:
                known.append(job_id)
        elif before != after:
            self.others += 1
        if now.error is not None:
            self.nowhere[now.error.code, str(now.error)] += 1


class Command(BaseCommand):
    """Reads the decisions that were kept with jobs, and records that it did."""

    help = "Say how the first choice of stored decisions changes under other settings."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--days", default="7", help="how far back; default 7")
        parser.add_argument("--top", help="how many targets are tried at most")
        parser.add_argument(
            "--without",
            action="append",
            default=[],
            metavar="NAME",
            help="as if this target were not there; may be given several times",
        )
        parser.add_argument(
            "--p95",
            action="append",
            default=[],
            metavar="NAME=MS",
            help="as if this target were so fast; may be given several times",
        )
        parser.add_argument(
            "--prefer",
            metavar="PLACE",
            help="edge, cloud or auto, for all work that does not demand a place",
        )
        parser.add_argument(
            "--location",
            action="append",
            default=[],
            metavar="NAME=PLACE",
            help="as if this target were there, such as edge-2; may be repeated",
        )
        parser.add_argument(
            "--limit", default="100000", help="at most so many jobs, newest first"
        )
        parser.add_argument(
            "--show",
            default="0",
            metavar="N",
            help="name up to N jobs for each change",
        )

    def handle(self, **options: Any) -> None:
        """Decide once more and print what changes.

        Raises:
            CommandError: an option cannot be used; it says which, and the rule.
        """
        days = whole("--days", options["days"], most=366)
        limit = whole("--limit", options["limit"], most=10_000_000)
        show = whole("--show", options["show"], least=0, most=MOST_EXAMPLES)
        change = change_of(options)
        found = Found()
        since = Now() - timedelta(days=days)
        jobs = Job.objects.filter(created_at__gte=since).values_list("pk", "route")
        for job_id, route in jobs[:limit].iterator(chunk_size=1000):
            found.jobs += 1
            for kept in route:
                found.add(job_id, kept, change)
        note_simulated(jobs=found.jobs, days=days, actor=ACTOR)
        for line in report(found, change, days=days, show=show):
            self.stdout.write(line)


# --- The options ----------------------------------------------------------------------


def whole(option: str, given: Any, *, least: int = 1, most: int) -> int:
    """Read a whole number."""
    text = str(given)
    rule = f"{option} must be a whole number from {least} to {most}."
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise CommandError(rule)
    if not least <= int(text) <= most:
        raise CommandError(rule)
    return int(text)


def change_of(options: Mapping[str, Any]) -> Change:
    """Read what is to be different."""
    prefer = options["prefer"] or ""
    if prefer and prefer not in PLACES:
        raise CommandError(f"--prefer must be one of {', '.join(PLACES)}.")
    if "" in options["without"]:
        raise CommandError("--without must name a target.")
    return Change(
        top=None
        if options["top"] is None
        else whole("--top", options["top"], most=100),
        without=frozenset(options["without"]),
        p95_ms=pairs("--p95 must be NAME=MS", options["p95"], milliseconds),
        prefer=prefer,
        location=pairs("--location must be NAME=PLACE", options["location"], place),
    )


def pairs(rule: str, given: list[str], read: Callable[[str], Any]) -> dict[str, Any]:
    """Read NAME=VALUE, several times."""
    found = {}
    for text in given:
        name, _, value = text.partition("=")
        try:
            found[name] = read(value)
        except ValueError as exc:
            raise CommandError(f"{rule}: {exc}") from None
        if not name:
            raise CommandError(f"{rule}: the name is missing.")
    return found


def milliseconds(text: str) -> float:
    """Read a time.

    Raises:
        ValueError: it says the rule.
    """
    rule = f"MS is a number above 0, at most {MOST_MILLISECONDS}."
    try:
        value = float(text)
    except ValueError:
        raise ValueError(rule) from None
    if not 0 < value <= MOST_MILLISECONDS:
        raise ValueError(rule)
    return value


def place(text: str) -> str:
    """Read where a target is.

    Raises:
        ValueError: it says the rule.
    """
    try:
        LOCATION(text)
    except ValidationError as exc:
        raise ValueError(f"PLACE is {exc.message}") from None
    return text


# --- What is printed ------------------------------------------------------------------


def report(found: Found, change: Change, *, days: int, show: int) -> Iterator[str]:
    """Put what was found into lines."""
    yield (
        f"{found.decisions} decisions of {found.jobs} jobs of the last {days} days; "
        f"{found.unreadable} more were kept without inputs that can be used."
    )
    for name in sorted(change.named - found.names):
        yield f"None of them knows {name}."
    if not found.decisions:
        return
    yield ""
    yield from table(found, show=show)
    yield f"Of those unchanged, {found.others} have other targets after the first."
    had_none = sum(n for (before, _), n in found.moves.items() if before == NOBODY)
    yield f"No target at all: {found.nowhere.total()}; it was {had_none}."
    for (code, words), number in found.nowhere.most_common():
        yield f"  {number}  {code}: {words}"


def table(found: Found, *, show: int) -> Iterator[str]:
    """List the changes of the first choice, the most frequent first."""
    changed = [(m, n) for m, n in found.moves.most_common() if m[0] != m[1]]
    unchanged = found.decisions - sum(number for _, number in changed)
    rows = [(f"{a} -> {b}", number, (a, b)) for (a, b), number in changed]
    rows.append(("unchanged", unchanged, (NOBODY, NOBODY)))
    width = max(len(words) for words, _, _ in rows)
    yield f"{'First choice':{max(width, 12)}}  decisions   share"
    for words, number, move in rows:
        share = number / found.decisions
        yield f"{words:{max(width, 12)}}  {number:9}  {share:6.1%}"
        for job_id in found.examples.get(move, [])[:show]:
            yield f"  job {job_id}"
