"""What is not in the tree: events that wait to be sealed, and some that do not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from audit.models import Audit, Leaf, Pending
from audit.verifying.events import problems, rows
from audit.verifying.findings import MOST_SHOWN, Findings, Kind, found

LONGEST_SECONDS = 60
AT_ONCE = 1000

LEAF = Exists(Leaf.objects.filter(event_id=OuterRef("pk")))
WAITS = Exists(Pending.objects.filter(pk=OuterRef("pk")))
EVENT = Exists(Audit.objects.filter(pk=OuterRef("pk")))


def check_waiting(findings: Findings) -> int:
    """Find what waits and should not, or should and does not; return how many wait.

    An event and what makes it wait are stored in one transaction, and so are its leaf
    and that it waits no more: read as of one moment, each event has one of the two.
    """
    outside = Audit.objects.filter(~LEAF)
    late = outside.filter(
        WAITS, occurred_at__lt=Now() - timedelta(seconds=LONGEST_SECONDS)
    )
    _note(findings, Kind.EVENT_LEFT_OUT, outside.filter(~WAITS))
    _note(findings, Kind.UNSEALED, late)
    _note(findings, Kind.PENDING_SEALED, Pending.objects.filter(LEAF))
    _note(findings, Kind.PENDING_WITHOUT_EVENT, Pending.objects.filter(~EVENT))
    for pk, kind, more in _wrong_in_themselves(outside):
        findings.add(found(kind, event=pk, more=more))
    return Pending.objects.count()


def _note(findings: Findings, kind: Kind, wrong: QuerySet[Audit | Pending]) -> None:
    pks = list(wrong.order_by("pk").values_list("pk", flat=True)[: MOST_SHOWN + 1])
    for pk in pks[:MOST_SHOWN]:
        findings.add(found(kind, event=pk))
    if len(pks) > MOST_SHOWN:
        findings.count_more(kind, wrong.count() - MOST_SHOWN)


def _wrong_in_themselves(
    outside: QuerySet[Audit],
) -> Iterator[tuple[int, Kind, str]]:
    """Check the texts of what no hash fixes yet."""
    batch = rows(outside.order_by("pk")[:AT_ONCE])
    while batch:
        for pk, row in batch.items():
            for kind, more in problems(row):
                yield pk, kind, more
        batch = rows(outside.filter(pk__gt=max(batch)).order_by("pk")[:AT_ONCE])
