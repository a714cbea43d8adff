"""Verifying the whole log, or from one index on: is it what was written, and signed?

Nothing is changed. Everything is read as of one moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import OperationalError
from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from audit.actions import Action
from audit.keyring import Believed
from audit.models import Audit, Leaf
from audit.proofs.checkpoints import Checkpoint as Signed
from audit.proofs.merkle import (
    CompactRange,
    Place,
    ProofRefused,
    Stretch,
    cover,
    verify_consistency,
)
from audit.tree import hashes_at, proof_of_consistency
from audit.verifying.checkpoints import PinRefused, pinned
from audit.verifying.earlier import check_counted
from audit.verifying.events import UNREADABLE
from audit.verifying.findings import Finding, Findings, Kind, found
from audit.verifying.snapshot import snapshot
from audit.verifying.waiting import check_waiting
from audit.verifying.walk import Walk

__all__ = [
    "Finding",
    "Findings",
    "Gap",
    "NoKey",
    "PinRefused",
    "Verdict",
    "pinned",
    "untold",
    "verify",
]


MALFORMED = "malformed JSON"
"""What SQLite says of a column that is none. The database is there all the same."""


class NoKey(Exception):
    """No key is believed: whatever the log says, nobody vouches for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """A question whether the log is complete: which jobs have not the event they must.

    The packages above ask it, since this one knows nothing of jobs. ``jobs`` gives the
    ids of those that have not, and may be long.
    """

    kind: str
    words: str
    jobs: Callable[[], Iterable[Any]]
    of: str = "job"
    """What the ids are of: a job, an event, or what the packages above have."""


def untold(work: QuerySet[Any], told_by: Mapping[Action, str]) -> QuerySet[Any]:
    """Keep the work whose newest event of its state tells of another, or of none.

    ``told_by`` is what each action says that the ``status`` is; the ``attempt`` must be
    the event's too. Rows get ``told_status``: the one that the log has, or None.
    """
    newest = Audit.objects.filter(job_id=OuterRef("pk"), action__in=list(told_by))
    newest = newest.order_by("-pk").annotate(
        status=Case(*(When(action=a, then=Value(s)) for a, s in told_by.items()))
    )
    asked = work.annotate(
        told_status=Subquery(newest.values("status")[:1]),
        told_attempt=Coalesce(Subquery(newest.values("attempt")[:1]), 0),
    )
    found: QuerySet[Any] = asked.filter(
        ~Q(status=Coalesce("told_status", Value(""))) | ~Q(attempt=F("told_attempt"))
    )
    return found


@dataclass(kw_only=True, slots=True)
class Verdict:
    """What came of it."""

    begin: int
    size: int = 0
    checkpoints: int = 0
    pins: int = 0
    waiting: int = 0
    findings: Findings = field(default_factory=Findings)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings.total

    def fields(self) -> dict[str, Any]:
        """Return all of it, for machines."""
        return {
            "whole": self.is_whole,
            "from": self.begin,
            "size": self.size,
            "checkpoints": self.checkpoints,
            "pinned": self.pins,
            "waiting": self.waiting,
            "first_bad_index": self.findings.first_index,
            "total": self.findings.total,
            "counts": dict(sorted(self.findings.counts.items())),
            "findings": [each.fields() for each in self.findings.shown()],
        }


def verify(
    *,
    keys: Sequence[Believed],
    begin: int = 0,
    pins: Sequence[Signed] = (),
    gaps: Sequence[Gap] = (),
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Verdict:
    """Verify the log from an index on, against the keys and what was kept outside.

    From an index above zero the leaves before it are not read: the stored nodes stand
    for them, and the next signed root says whether those are right. ``progress`` is
    told how many leaves of how many are done.

    Raises:
        NoKey: see there.
        DatabaseError: the database is away.
    """
    if not keys:
        raise NoKey(NoKey.__doc__)
    verdict = Verdict(begin=begin, pins=len(pins))
    with snapshot():
        tree = _tree_before(begin, verdict.findings)
        verdict.begin = tree.size
        _check_earlier(pins, tree, verdict.findings)
        number = Leaf.objects.filter(tree_index__gte=tree.size).count()
        walk = Walk(
            verdict.findings,
            keys=keys,
            tree=tree,
            pins=pins,
            progress=lambda done: progress(done, number),
        )
        walk.go()
        verdict.size, verdict.checkpoints = walk.next, walk.checkpoints
        if not verdict.begin:
            check_counted(verdict.findings)
        verdict.waiting = check_waiting(verdict.findings)
        for gap in gaps:
            for finding in _missing(gap):
                verdict.findings.add(finding)
    return verdict


def _tree_before(begin: int, findings: Findings) -> CompactRange:
    """Take the tree of this size from the stored nodes, or else begin with nothing."""
    if not begin:
        return CompactRange()
    last = Leaf.objects.order_by("-tree_index").values_list("tree_index", flat=True)
    size = last[0] + 1 if last else 0
    if size < begin:
        findings.add(found(Kind.LOG_SHORTENED, index=size, until=begin))
        return CompactRange()
    try:
        held = hashes_at(cover(Stretch(0, begin)))
        return CompactRange.load(begin, lambda *place: held[Place(*place)])
    except (KeyError, ValueError):
        # From zero on it is found out which.
        return CompactRange()


def _check_earlier(
    pins: Sequence[Signed], tree: CompactRange, findings: Findings
) -> None:
    """Prove the tree to have grown from what was kept of it when it was smaller."""
    root, size = tree.root(), tree.size
    for pin in pins:
        if not 0 < pin.size < size:
            continue
        try:
            verify_consistency(
                old=pin.size,
                new=size,
                proof=proof_of_consistency(pin.size, size),
                old_root=pin.root,
                new_root=root,
            )
        except (KeyError, ProofRefused):
            findings.add(
                found(Kind.PIN_DIFFERS, index=0, until=pin.size, size=pin.size)
            )


def _missing(gap: Gap) -> Iterator[Finding]:
    try:
        yield from _found_missing(gap)
    except (*UNREADABLE, OperationalError) as exc:
        if isinstance(exc, OperationalError) and str(exc) != MALFORMED:
            raise
        more = "not known, since what a row holds cannot be read"
        yield Finding(kind=gap.kind, words=gap.words, more=more)


def _found_missing(gap: Gap) -> Iterator[Finding]:
    for found_id in gap.jobs():
        if gap.of == "job":
            yield Finding(kind=gap.kind, words=gap.words, job=str(found_id))
        elif gap.of == "event":
            yield Finding(kind=gap.kind, words=gap.words, event=int(found_id))
        else:
            more = f"{gap.of} {found_id}"
            yield Finding(kind=gap.kind, words=gap.words, more=more)
