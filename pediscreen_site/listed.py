"""What a list showed: how it was narrowed, by names and codes, and how long it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import Model

from pediscreen_site.naming import Named, name_of

UNMATCHED, OTHERWISE = "nothing found", "another field"


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A list, as an event tells of it: never what was typed, unless it is an id."""

    detail: Mapping[str, Any] = field(default_factory=dict)
    named: Named | None = None


def listed_by_client(query: Mapping[str, Any], rows: Sequence[Any]) -> Listed:
    """Tell of a list of the API, whose query was found to be in order.

    A case is only named if there is something of it.
    """
    detail = {"filters": sorted(query), "count": len(rows)}
    case_id = query.get("case_id", "") if rows else ""
    named = Named(case_id=str(case_id)) if case_id else None
    return Listed(detail=detail, named=named)


def listed_in_desk(context: Mapping[str, Any]) -> Listed | None:
    """Tell of the list that a page of the desk shows, if it shows one."""
    if "wanted" in context:
        return _worklist(context)
    if "cl" in context:
        return _changelist(context["cl"])
    return None


def _worklist(context: Mapping[str, Any]) -> Listed:
    wanted = context["wanted"]
    detail = {
        "view": wanted.view,
        "filters": [f"{name}={value}" for name, value in wanted.filters],
        "count": context["shown"],
    }
    return _searched(detail, wanted.search, context["first"])


def _changelist(changelist: Any) -> Listed:
    detail = {
        "filters": sorted(changelist.get_filters_params()),
        "count": changelist.result_count,
    }
    first = next(iter(changelist.result_list), None)
    return _searched(detail, changelist.query.strip(), first)


def _searched(detail: dict[str, Any], term: str, first: Model | None) -> Listed:
    """Name the case or job that was searched for, if that is what was found.

    A search is for whole ids: what the first row shows, all do.
    """
    if not term:
        return Listed(detail=detail)
    if first is None:
        return Listed(detail={**detail, "search": UNMATCHED})
    named = name_of(first)
    if named.case_id == term:
        found = Named(clinic=named.clinic, case_id=term)
        return Listed(detail={**detail, "search": "case_id"}, named=found)
    if str(named.job_id) == term:
        found = replace(named, detail={})
        return Listed(detail={**detail, "search": "job_id"}, named=found)
    return Listed(detail={**detail, "search": OTHERWISE})
