"""How many events of each kind there have been: counters that nothing sets back.

Events are only ever added, so a count of them only grows, whatever else is erased, and
whichever process counts. So that it costs the same however long the log is, old events
are counted once, in `Count`; only those since `CountedTo` are counted when asked.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import CharField, F, Max, QuerySet, Value
from django.db.models import Count as CountOf
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce, Left, Now

from audit.actions import Action
from audit.models import Audit, Count, CountedTo

COUNTED = (
    *(Action.JOB_SUBMITTED, Action.JOB_COMPLETED, Action.JOB_FAILED),
    *(Action.JOB_RELEASED, Action.JOB_CANCELLED, Action.JOB_REPLAYED),
    *(Action.STALE_RESULT_REFUSED, Action.TASK_STALE_RESULT_REFUSED),
    *(Action.TASK_SUBMITTED, Action.TASK_COMPLETED, Action.TASK_FAILED),
    *(Action.TASK_RELEASED, Action.TASK_DEAD, Action.TASK_REPLAYED),
)
"""Nothing else is: pages that were opened are many, and nobody asks how many."""

TOLD = ("task_type", "priority", "code")
SETTLED = timedelta(seconds=10)
"""Twice what a statement may take: what has an id by now has a transaction by then."""

TOGETHER = 200_000


class Number(NamedTuple):
    """How many events of one kind there were."""

    action: str
    task_type: str
    priority: str
    code: str
    number: int


def counts() -> list[Number]:
    """Count all events of the kinds in `COUNTED`, by what they tell; some come twice.

    Two queries, of which the second reads the events since the last `count_on`.
    """
    while True:
        known = CountedTo.objects.values_list("event_id", flat=True).first() or 0
        # One statement sees one moment: either all of a count_on or nothing of it.
        rows = list(_counted().union(_to(), _since(known), all=True))
        numbers = [Number(*row) for row in rows]
        if sum(each.number for each in numbers if not each.action) == known:
            return [each for each in numbers if each.action]


def count_on(*, settled: timedelta = SETTLED) -> int:
    """Count what is old enough for no earlier event to come; return up to which.

    Ids come in another order than commits: so the highest id is noted first, and
    counted up to once every transaction that was open then has ended. Stored are the
    counts, and how far they go; of several processes one counts.
    """
    with transaction.atomic(durable=True):
        CountedTo.objects.get_or_create(id=1)
        rows = CountedTo.objects.select_for_update(skip_locked=True)
        to = rows.annotate(waited=Now() - F("noted_at")).first()
        if to is None or to.waited < settled:
            return 0
        oldest, following = _transactions()
        if oldest >= to.noted_xid and to.noted_id > to.event_id:
            last = min(to.noted_id, to.event_id + TOGETHER)
            _add(_since(to.event_id).filter(pk__lte=last))
            to.event_id = last
        if to.noted_id <= to.event_id:
            to.noted_id = Audit.objects.aggregate(last=Max("pk"))["last"] or 0
            to.noted_xid = following
            CountedTo.objects.filter(id=1).update(noted_at=Now())
        to.save(update_fields=["event_id", "noted_id", "noted_xid"])
        return to.event_id


def _add(found: QuerySet[Any, Any]) -> None:
    for action, task_type, priority, code, number in found:
        count, _ = Count.objects.get_or_create(
            action=action, task_type=task_type, priority=priority, code=code
        )
        Count.objects.filter(pk=count.pk).update(number=F("number") + number)


def _counted() -> QuerySet[Any, Any]:
    return Count.objects.order_by().values_list("action", *TOLD, "number")


def _to() -> QuerySet[Any, Any]:
    nothing = {name: Value("", CharField()) for name in ("action", *TOLD)}
    rows = CountedTo.objects.order_by().annotate(**nothing)
    return rows.values_list("action", *TOLD, "event_id")


def _since(event_id: int) -> QuerySet[Any, Any]:
    events = Audit.objects.order_by().filter(pk__gt=event_id, action__in=COUNTED)
    told = {
        f"told_{name}": Left(Coalesce(KT(f"detail__{name}"), Value("")), 64)
        for name in TOLD
    }
    found: QuerySet[Any, Any] = (
        events.annotate(kind=Cast("action", CharField()), **told)
        .values("kind", *told)
        .annotate(number=CountOf("pk"))
        .values_list("kind", *told, "number")
    )
    return found


def _transactions() -> tuple[int, int]:
    """Return the oldest transaction that is open, and the next that will be.

    SQLite lets but one process write: there its ids come in the order of commits.
    """
    if connection.vendor != "postgresql":
        return 0, 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_snapshot_xmin(now)::text::bigint, "
            "pg_snapshot_xmax(now)::text::bigint FROM pg_current_snapshot() AS now"
        )
        oldest, following = cursor.fetchone()
    return oldest, following
