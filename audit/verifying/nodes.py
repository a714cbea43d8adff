"""The stored nodes against those that the leaves make."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from audit.models import Node
from audit.proofs.merkle import Node as Made
from audit.proofs.merkle import Place
from audit.verifying.checkpoints import as_bytes
from audit.verifying.findings import MOST_SHOWN, Findings, Kind, found

LEVELS = range(1, 63)


class Nodes:
    """Compares the nodes over some leaves at a time, from left to right."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.wrong: set[Place] = set()

    def compare(self, made: Iterable[Made], begin: int, end: int) -> None:
        """Compare what became whole while the tree grew from one size to another."""
        stored = _completed(begin, end)
        for level, position, hashed in made:
            held = stored.get(Place(level, position))
            if held is None:
                self._note(Kind.NODE_MISSING, level, position)
            elif held != hashed and not self._follows(level, position):
                self._note(Kind.NODE_DIFFERS, level, position)

    def count_foreign(self, size: int) -> None:
        """Find the nodes that a tree of this size has not."""
        levels = range(1, size.bit_length())
        foreign = Q(position__lt=0) | Q(level__lt=1) | Q(level__gte=size.bit_length())
        for level in levels:
            foreign |= Q(level=level, position__gte=size >> level)
        places = Node.objects.filter(foreign).order_by("level", "position")
        shown = list(places.values_list("level", "position")[: MOST_SHOWN + 1])
        for level, position in shown[:MOST_SHOWN]:
            self.findings.add(found(Kind.NODE_FOREIGN, more=_name(level, position)))
        if len(shown) > MOST_SHOWN:
            self.findings.count_more(Kind.NODE_FOREIGN, places.count() - MOST_SHOWN)

    def _follows(self, level: int, position: int) -> bool:
        """Say whether a node differs because one below it does, which is said already.

        The stored hash may be right for another tree; which leaf is meant, the lowest
        node says best.
        """
        below = {Place(level - 1, 2 * position), Place(level - 1, 2 * position + 1)}
        follows = bool(below & self.wrong)
        self.wrong -= below
        self.wrong.add(Place(level, position))
        return follows

    def _note(self, kind: Kind, level: int, position: int) -> None:
        begin, end = position << level, (position + 1) << level
        self.findings.add(
            found(kind, index=begin, until=end, more=_name(level, position))
        )


def _completed(begin: int, end: int) -> dict[Place, bytes]:
    asked = Q(pk__in=[])
    for level in LEVELS:
        first, last = begin >> level, (end >> level) - 1
        if last >= first:
            asked |= Q(level=level, position__range=(first, last))
    stored = Node.objects.filter(asked).values_list("level", "position", "hash")
    return {Place(level, position): as_bytes(held) for level, position, held in stored}


def _name(level: int, position: int) -> str:
    return f"node {position} of level {level}"
