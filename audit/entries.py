"""An event as the log holds it: its canonical text, and what its columns must be.

The text is what is hashed, and is written once, by whoever records the event. The
columns are copies, to search by. docs/audit-format.md has every field.
"""

from __future__ import annotations

import functools
import os
import socket
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from audit import meaning
from audit.actions import Action
from audit.context import Surroundings
from audit.proofs import canonical

VERSION = 1
VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
"""The digit of a UUID that says which kind it is, and has two bits of chance."""


class Event(NamedTuple):
    """One event yet to be recorded.

    ``detail`` is read by auditors: codes, counts, versions and commitments, never
    observations, embeddings, names or keys.
    """

    action: Action
    actor: str
    clinic: str = ""
    case_id: str = ""
    job_id: UUID | None = None
    attempt: int | None = None
    detail: dict[str, Any] | None = None


class Text(NamedTuple):
    """An event's text on both sides of its time, which the database writes."""

    before: str
    after: str


def text_of(
    event: Event,
    *,
    event_id: str,
    request_id: str,
    around: Surroundings,
    version: str,
) -> Text:
    """Write an event, but for its time. What is empty is left out.

    The fields come in the order of their names, as `canonical.encode` would have them.

    Raises:
        NotCanonical: the detail holds what an event may not, such as a float.
    """
    action, said = str(event.action), canonical.text
    kind = event.actor.partition(":")[0]
    role = around.role() if kind == "user" else ""
    before = _actor(action, event.actor, role)
    if event.detail:
        before += f',"detail":{canonical.encode(event.detail, depth=2)}'
    if entity := _entity(event):
        before += f',"entity":{{{entity}}}'
    before += f',"event_id":"{event_id}"'
    if around.address:
        before += f',"network":{said(around.address)}'
    service = around.service or ("worker" if kind == "worker" else "command")
    requested = f',"request_id":{said(request_id)}' if request_id else ""
    outcome, source = _ends(action, service, version)
    return Text(f'{before},"occurred_at":"', f"{outcome}{requested}{source}")


@functools.lru_cache(maxsize=256)
def _actor(action: str, actor: str, role: str) -> str:
    said, kind = canonical.text, actor.partition(":")[0]
    shown = f',"role":{said(role)}' if role else ""
    return (
        f'{{"action":"{meaning.operation(action)}"'
        f',"actor":{{"id":{said(actor)},"kind":{said(kind)}{shown}}}'
    )


@functools.lru_cache(maxsize=256)
def _ends(action: str, service: str, version: str) -> tuple[str, str]:
    said = {"host": host(), "service": service, "version": version}
    return (
        f'","outcome":"{meaning.outcome(action)}","purpose":"{meaning.purpose(action)}"',
        f',"source":{canonical.encode(said)},"type":"{action}","v":{VERSION}}}',
    )


def new_event_id() -> str:
    """Make an event's id: a UUID of version 7, which grows with the time (RFC 9562).

    An index of ids that grow is added to at its end alone. One of random ids is touched
    everywhere, and PostgreSQL writes each page that it touches to its log.
    """
    at = f"{time.time_ns() // 1_000_000:012x}"
    chance = os.urandom(10).hex()
    variant = VARIANT[chance[0]]
    return f"{at[:8]}-{at[8:]}-7{chance[1:4]}-{variant}{chance[4:7]}-{chance[7:19]}"


def _entity(event: Event) -> str:
    found = []
    if event.attempt is not None:
        found.append(f'"attempt":{event.attempt:d}')
    if event.case_id:
        found.append(f'"case_id":{canonical.text(event.case_id)}')
    if event.clinic:
        found.append(f'"clinic":{canonical.text(event.clinic)}')
    if event.job_id is not None:
        found.append(f'"job_id":"{event.job_id}"')
    return ",".join(found)


def columns_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the columns of an event must be, by what its text says.

    ``occurred_at`` stays a text, as the event has it.
    """
    entity = fields.get("entity", {})
    return {
        "event_id": UUID(fields["event_id"]),
        "occurred_at": fields["occurred_at"],
        "action": fields["type"],
        "actor": fields["actor"]["id"],
        "clinic": entity.get("clinic", ""),
        "case_id": entity.get("case_id", ""),
        "job_id": UUID(entity["job_id"]) if "job_id" in entity else None,
        "attempt": entity.get("attempt"),
        "request_id": fields.get("request_id", ""),
        "detail": fields.get("detail", {}),
    }


def written_time(at: datetime) -> str:
    """Write a time as the texts have it: in UTC, to the microsecond."""
    plain = at.astimezone(UTC).replace(tzinfo=None)
    return f"{plain.isoformat(timespec='microseconds')}Z"


@functools.cache
def host() -> str:
    """Return the name of this machine, or of the pod."""
    return socket.gethostname()
