"""What an event belongs to, carried along without passing it around."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Set by the middleware for the time of one request; empty outside of one."""


def no_role() -> str:
    """Say that nobody's role is known."""
    return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """By which door a request came in, from where, and as what.

    The role is only asked for when an event is written, since it costs a query.
    """

    service: str = ""
    address: str = ""
    role: Callable[[], str] = no_role


NOWHERE = Surroundings()
recorded: ContextVar[list[str] | None] = ContextVar("recorded", default=None)
"""The actions recorded so far in one request; a middleware looks what is missing."""

surroundings: ContextVar[Surroundings] = ContextVar("surroundings", default=NOWHERE)
"""Set by a middleware for the time of one request; empty outside of one."""
