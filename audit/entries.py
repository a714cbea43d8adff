"""An event as the log holds it: its canonical text, and what its columns must be.

The text is what is hashed, and is written once, by whoever records the event. The
columns are copies, to search by. docs/audit-format.md has every field.
"""

from __future__ import annotations

import functools
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from audit import meaning
from audit.actions import Action
from audit.context import Surroundings
from audit.proofs import canonical

VERSION = 1
COPIED = ("case_id", "clinic", "job_id", "attempt")
"""The fields of the text's ``entity``, each a column too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
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
    detail: dict[str, Any] = field(default_factory=dict)


class Text(NamedTuple):
    """An event's text on both sides of its time, which the database writes."""

    before: str
    after: str


def text_of(
    event: Event,
    *,
    event_id: UUID,
    request_id: str,
    around: Surroundings,
    version: str,
) -> Text:
    """Write an event, but for its time. What is empty is left out.

    Raises:
        NotCanonical: the detail holds what an event may not, such as a float.
    """
    kind = event.actor.partition(":")[0]
    # No other part of an event can be this.
    mark = f"at:{event_id}"
    entity = {
        name: str(value) if isinstance(value, UUID) else value
        for name in COPIED
        if (value := getattr(event, name)) not in {"", None}
    }
    fields: dict[str, Any] = {
        "v": VERSION,
        "event_id": str(event_id),
        "occurred_at": mark,
        "type": str(event.action),
        "action": meaning.operation(event.action),
        "outcome": meaning.outcome(event.action),
        "purpose": meaning.purpose(event.action),
        "actor": {"id": event.actor, "kind": kind},
        "source": {
            "service": around.service or ("worker" if kind == "worker" else "command"),
            "version": version,
            "host": host(),
        },
    }
    role = around.role() if kind == "user" else ""
    fields["actor"] |= {"role": role} if role else {}
    fields |= {"network": around.address} if around.address else {}
    fields |= {"entity": entity} if entity else {}
    fields |= {"request_id": request_id} if request_id else {}
    fields |= {"detail": event.detail} if event.detail else {}
    before, _, after = canonical.encode(fields).partition(mark)
    return Text(before, after)


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
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@functools.cache
def host() -> str:
    """Return the name of this machine, or of the pod."""
    return socket.gethostname()
