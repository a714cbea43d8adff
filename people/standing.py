"""What a person is and may do at one moment, and what a change of it is called. Pure.

Names of people are not in it: what is written down of a change are ids, the names of
fields and of roles, and rights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """One person, as the desk has it."""

    is_active: bool
    is_staff: bool
    is_superuser: bool
    roles: frozenset[str]
    rights: frozenset[str]
    password: str
    details: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One thing that is told of a person: its verb, and its detail."""

    verb: str
    detail: dict[str, Any]


def changes(before: Standing | None, after: Standing) -> list[Change]:
    """Name what differs; everything of somebody who is new."""
    if before is None:
        return [Change(verb="added", detail={}), *_role(NOBODY, after)]
    found = []
    fields = sorted(
        name for name, value in after.details if dict(before.details)[name] != value
    )
    if fields:
        found.append(Change(verb="changed", detail={"fields": fields}))
    if before.is_active != after.is_active:
        verb = "enabled" if after.is_active else "disabled"
        found.append(Change(verb=verb, detail={}))
    found += _role(before, after)
    if before.password != after.password:
        found.append(Change(verb="password_changed", detail={}))
    return found


def ends_sessions(found: list[Change]) -> bool:
    """Say whether whoever is logged in as this person must log in again."""
    return bool({change.verb for change in found} & ENDING)


ENDING = {"disabled", "role_changed", "password_changed"}
NOBODY = Standing(
    is_active=True,
    is_staff=False,
    is_superuser=False,
    roles=frozenset(),
    rights=frozenset(),
    password="",
    details=(),
)


def _role(before: Standing, after: Standing) -> list[Change]:
    detail: dict[str, Any] = {
        "roles_added": sorted(after.roles - before.roles),
        "roles_removed": sorted(before.roles - after.roles),
        "rights_added": sorted(after.rights - before.rights),
        "rights_removed": sorted(before.rights - after.rights),
    }
    detail = {name: value for name, value in detail.items() if value}
    for name in ("is_staff", "is_superuser"):
        if getattr(before, name) != getattr(after, name):
            detail[name] = getattr(after, name)
    return [Change(verb="role_changed", detail=detail)] if detail else []
