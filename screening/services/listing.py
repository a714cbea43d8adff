"""Lists as they leave: ids, states, times and risks, and no child's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import BooleanField, Case, Q, QuerySet, Value, When

from audit.actions import Action
from audit.services import Event, record
from screening.errors import NotYours
from screening.models import Case as ScreeningCase
from screening.models import Review, Risk
from screening.services.sight import may_read_words

MOST_ROWS = 10_000
HIDDEN = "Hidden"
REVIEW_HEAD = (
    *("case", "clinic", "job", "state", "risk", "listed as", "draft says", "outcome"),
    *("waiting since", "due", "signed", "released"),
)
CASE_HEAD = ("case", "clinic", "first seen", "screenings", "last screened")
OF_THE_DRAFT = ("listed_risk", "draft_risk", "outcome")
RISKS = ("risk", *OF_THE_DRAFT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """A list that is ready to leave."""

    head: Sequence[str]
    rows: Sequence[Sequence[Any]]
    is_cut: bool
    """Whether there were more rows than `MOST_ROWS`."""


def export_reviews(reviews: QuerySet[Review], *, user: User, blind: Q) -> Listing:
    """Read reviews for a file, and write to the audit log that they left.

    Of the rows that ``blind`` keeps the person must see no risk yet: it is hidden. So
    is what the draft said, from whoever may not read drafts.

    Raises:
        NotYours: the person has not got both rights.
    """
    columns = (
        *("job__case__case_id", "clinic__slug", "job_id", "state"),
        *RISKS,
        *("created_at", "due_at", "signed_off_at", "released_at"),
    )
    hides = Case(
        When(blind, then=Value(True)),
        default=Value(False),
        output_field=BooleanField(),
    )
    _check(user, "screening.view_review")
    with transaction.atomic(durable=True):
        found = (
            reviews.annotate(is_hidden=hides)
            .order_by("-created_at", "-pk")
            .values("is_hidden", *columns)[: MOST_ROWS + 1]
        )
        drafts = may_read_words(user)
        rows = [_review_row(row, columns, drafts=drafts) for row in found]
        return _leave("reviews", REVIEW_HEAD, rows, user)


def export_cases(cases: QuerySet[ScreeningCase], *, user: User) -> Listing:
    """Read cases for a file, and write to the audit log that they left.

    The rows are counted already: see the list that they are of.

    Raises:
        NotYours: the person has not got both rights.
    """
    _check(user, "screening.view_case")
    columns = ("case_id", "clinic__slug", "created_at", "n_jobs", "last_job")
    with transaction.atomic(durable=True):
        found = cases.values_list(*columns)[: MOST_ROWS + 1]
        rows = [[_written(value) for value in row] for row in found]
        return _leave("cases", CASE_HEAD, rows, user)


def _check(user: User, right: str) -> None:
    if not (user.has_perm(right) and user.has_perm("screening.export_lists")):
        raise NotYours("Only who has the right exports lists.")


def _leave(
    kind: str, head: Sequence[str], rows: list[list[Any]], user: User
) -> Listing:
    is_cut = len(rows) > MOST_ROWS
    kept = rows[:MOST_ROWS]
    record(
        [
            Event(
                action=Action.LIST_EXPORTED,
                actor=f"user:{user.pk}",
                detail={"kind": kind, "count": len(kept), "is_cut": is_cut},
            )
        ]
    )
    return Listing(head=head, rows=kept, is_cut=is_cut)


def _review_row(
    row: dict[str, Any], columns: Sequence[str], *, drafts: bool
) -> list[Any]:
    hidden = set(RISKS) if row["is_hidden"] else set() if drafts else set(OF_THE_DRAFT)
    return [
        HIDDEN if name in hidden else _in_words(name, row[name]) for name in columns
    ]


def _in_words(name: str, value: Any) -> Any:
    """Write a stored value as people read it."""
    choices: Any = {"state": Review.State, "outcome": Review.Outcome}.get(name, Risk)
    if name in {"state", *RISKS} and value in choices.values:
        return choices(value).label
    return _written(value)


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(sep=" ", timespec="seconds")
    return value
