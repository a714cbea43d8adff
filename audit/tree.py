"""The stored tree: the hashes that proofs are made of, and the proofs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Q

from audit.models import Leaf, Node
from audit.proofs.merkle import (
    Place,
    Stretch,
    consistency_path,
    hashes_of,
    inclusion_path,
    places,
)


def hashes_at(wanted: Iterable[Place]) -> dict[Place, bytes]:
    """Read the hashes of whole nodes, in two queries.

    Raises:
        KeyError: one of them is not stored.
    """
    wanted = list(wanted)
    leaves = [place.position for place in wanted if not place.level]
    nodes = Q(pk__in=[])
    for place in wanted:
        if place.level:
            nodes |= Q(level=place.level, position=place.position)
    found = {
        Place(0, index): bytes(hashed)
        for index, hashed in Leaf.objects.filter(tree_index__in=leaves).values_list(
            "tree_index", "hash"
        )
    }
    for level, position, hashed in Node.objects.filter(nodes).values_list(
        "level", "position", "hash"
    ):
        found[Place(level, position)] = bytes(hashed)
    for place in wanted:
        found[place]
    return found


def proof_of_inclusion(index: int, size: int) -> list[bytes]:
    """Make the proof that a leaf stands at this index of the tree of this size.

    Raises:
        NoSuchProof: the tree has no leaf of this index.
        KeyError: a hash of the proof is not stored.
    """
    return _proof(inclusion_path(index, size))


def proof_of_consistency(old: int, new: int) -> list[bytes]:
    """Make the proof that the tree of one size is the beginning of that of another.

    Raises:
        NoSuchProof: no tree of the first size grows into one of the second.
        KeyError: a hash of the proof is not stored.
    """
    return _proof(consistency_path(old, new))


def _proof(path: Sequence[Stretch]) -> list[bytes]:
    found = hashes_at(places(path))
    return list(hashes_of(path, lambda *place: found[Place(*place)]))
