"""What the audit log tells of one case, and of one person: for who may see it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, F, Max, Min, Q, QuerySet

from audit import meaning
from audit.actions import Action
from audit.models import Audit
from screening.models import ApiKey
from screening.services.sight import persons_seen_by, slugs_of, to_read_blind

MOST = 200
"""How many rows a page has."""

MOST_COUNTED = 20_000
"""How many events are counted: the newest. A key that asks each second has millions."""

LONGEST_ID = 18
LOOKS = [each.value for each in Action if meaning.operation(each) == "R"]
REFUSALS = [each.value for each in Action if meaning.outcome(each) == "refused"]
OPENED = (Action.RECORD_OPENED, Action.PAGE_OPENED, Action.LIST_READ)
READ = (Action.RECORD_READ, Action.REPORT_READ)
TAKEN = tuple(each for each in Action if each.value.endswith((".exported", ".proven")))
KINDS: Mapping[str, list[str]] = {
    "looked": LOOKS,
    "done": [
        each.value
        for each in Action
        if each not in {*LOOKS, *REFUSALS, Action.REQUEST_ANSWERED}
    ],
    "refused": REFUSALS,
}
"""What a trail can be narrowed to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Looks:
    """How often one looked, or one case was looked at, and how that went last."""

    of: str
    opened: int
    read: int
    taken: int
    first: datetime
    last: datetime
    role: str = ""
    address: str = ""
    clinic: str = ""


def events_seen_by(user: User, events: QuerySet[Audit]) -> QuerySet[Audit]:
    """Leave out what is another clinic's, or of a case to be read blind.

    Events of no clinic need a right of their own.
    """
    if user.is_superuser:
        return events
    seen = Q(clinic__in=slugs_of(user))
    if user.has_perm("screening.view_events_of_no_clinic"):
        seen |= Q(clinic="")
    # What was done about a case says what the first reader thinks of it.
    blind = to_read_blind(user).values("job_id")
    return events.filter(seen).exclude(job_id__in=blind)


def trail_of_case(
    user: User, *, clinic: str, case_id: str, kind: str = "", before: int | None = None
) -> list[Audit]:
    """Return the events of a case and of its jobs, the newest first.

    One more than `MOST` says that there are older ones. Events of jobs name their case.
    """
    own = Audit.objects.filter(clinic=clinic, case_id=case_id)
    return list(_page(events_seen_by(user, own), kind, before))


def trail_of_actor(
    user: User, *, actor: str, kind: str = "", before: int | None = None
) -> list[Audit]:
    """Return what somebody did, the newest first; see `trail_of_case`."""
    own = Audit.objects.filter(actor=actor)
    return list(_page(events_seen_by(user, own), kind, before))


def who_looked(
    user: User, *, clinic: str, case_id: str, known: Iterable[Audit] = ()
) -> list[Looks]:
    """Return who looked at a case, whoever did so last first: `MOST` at most.

    Events that are ``known`` are not read again.
    """
    events = Audit.objects.filter(clinic=clinic, case_id=case_id)
    counted = list(_looks(events_seen_by(user, events), "actor"))
    texts = {event.pk: event.canonical for event in known}
    missing = {row["newest"] for row in counted} - texts.keys()
    if missing:
        others = Audit.objects.filter(pk__in=missing)
        texts |= dict(others.values_list("pk", "canonical"))
    return [
        _counted(
            row,
            of=row["actor"],
            role=role_in(texts[row["newest"]]),
            address=address_in(texts[row["newest"]]),
        )
        for row in counted
    ]


def looked_at(user: User, *, actor: str) -> list[Looks]:
    """Return the cases that somebody looked at, the last one first: `MOST` at most."""
    own = Audit.objects.filter(actor=actor).exclude(case_id="")
    return [
        _counted(row, of=row["case_id"], clinic=row["clinic"])
        for row in _looks(events_seen_by(user, own), "clinic", "case_id")
    ]


def is_cut(looks: Iterable[Looks]) -> bool:
    """Say whether there may be more than was counted."""
    return sum(each.opened + each.read + each.taken for each in looks) >= MOST_COUNTED


def names_for(user: User, actors: Iterable[str]) -> dict[str, str]:
    """Name those of the actors whom a person may know: in two queries at most."""
    wanted = set(actors)
    numbers = {found for actor in wanted if (found := _number(actor)) is not None}
    prefixes = {each.removeprefix("key:") for each in wanted if each.startswith("key:")}
    names: dict[str, str] = {}
    if numbers:
        persons = persons_seen_by(user, User.objects.filter(pk__in=numbers))
        names |= {
            f"user:{person.pk}": person.get_full_name() or person.get_username()
            for person in persons
        }
    if prefixes:
        keys = ApiKey.objects.filter(prefix__in=prefixes)
        keys = keys.filter(clinic__slug__in=slugs_of(user))
        names |= {f"key:{key.prefix}": f"key {key}" for key in keys}
    return names


def role_in(text: str) -> str:
    """Return the role that a person had, by an event's text."""
    return str(json.loads(text)["actor"].get("role", ""))


def address_in(text: str) -> str:
    """Return the address that a request came from, by an event's text."""
    return str(json.loads(text).get("network", ""))


def _page(events: QuerySet[Audit], kind: str, before: int | None) -> QuerySet[Audit]:
    if kind in KINDS:
        events = events.filter(action__in=KINDS[kind])
    if before is not None:
        events = events.filter(pk__lt=before)
    placed = events.annotate(place=F("leaf__tree_index"))
    return placed.order_by("-pk")[: MOST + 1]


def _looks(events: QuerySet[Audit], *by: str) -> Any:
    counts = {"opened": OPENED, "read": READ, "taken": TAKEN}
    looked = events.filter(action__in=LOOKS).order_by("-pk")
    return (
        Audit.objects.filter(pk__in=looked.values("pk")[:MOST_COUNTED])
        .order_by()
        .values(*by)
        .annotate(
            first=Min("occurred_at"),
            last=Max("occurred_at"),
            newest=Max("pk"),
            **{
                name: Count("pk", filter=Q(action__in=actions))
                for name, actions in counts.items()
            },
        )
        .order_by("-newest")[:MOST]
    )


def _counted(row: Mapping[str, Any], **more: Any) -> Looks:
    names = ("opened", "read", "taken", "first", "last")
    return Looks(**{name: row[name] for name in names}, **more)


def _number(actor: str) -> int | None:
    number = actor.removeprefix("user:")
    if not number.isascii() or not number.isdecimal() or len(number) > LONGEST_ID:
        return None
    return int(number)
