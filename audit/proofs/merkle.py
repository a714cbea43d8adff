"""The tree over the log: RFC 6962 hashes, a compact range, and proofs. Plain Python.

A node at (level, position) is the hash over 2**level leaves, of which position *
2**level is the first. Only such whole nodes are ever kept: they do not change when the
log grows. A stretch [begin, end) is what a proof gives one hash for; `cover` says of
which whole nodes that hash is made, so that they can be fetched in one query.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

HASH_BYTES = 32
LARGEST_SIZE = 2**63 - 1
"""What a bigint holds; so a range never has more than 63 hashes."""

EMPTY_ROOT = hashlib.sha256(b"").digest()


class ProofRefused(Exception):
    """What was given does not prove what it should; the message says why."""


class NoSuchProof(Exception):
    """There is no proof between these numbers, whatever the log holds."""


class Place(NamedTuple):
    """Where a whole node is."""

    level: int
    position: int


class Node(NamedTuple):
    """A whole node, and its hash."""

    level: int
    position: int
    hash: bytes


class Stretch(NamedTuple):
    """The leaves from ``begin`` up to, not including, ``end``."""

    begin: int
    end: int


HashAt = Callable[[int, int], bytes]
"""Gives the hash of the whole node at (level, position); level 0 is the leaf's hash."""


def leaf_hash(data: bytes) -> bytes:
    """Hash one entry of the log."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two nodes that stand side by side."""
    return hashlib.sha256(b"\x01" + left + right).digest()


# --- Growing ----------------------------------------------------------------------


@dataclass(slots=True)
class CompactRange:
    """All that a log must keep to grow: one hash for each 1 bit of its size.

    The hashes stand from left to right, from the largest whole node to the smallest.

    Raises:
        ValueError: the hashes cannot be those of a log of this size.
    """

    size: int = 0
    hashes: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not 0 <= self.size <= LARGEST_SIZE:
            raise ValueError("no log has this size")
        if len(self.hashes) != self.size.bit_count():
            raise ValueError("the hashes are not as many as the size has 1 bits")
        if any(len(each) != HASH_BYTES for each in self.hashes):
            raise ValueError("a hash is not 32 bytes long")

    @classmethod
    def load(cls, size: int, hash_at: HashAt) -> CompactRange:
        """Build the range of a log of this size from its whole nodes."""
        whole = cover(Stretch(0, size))
        return cls(size, [hash_at(*place) for place in whole])

    def append(self, leaf: bytes) -> list[Node]:
        """Add the hash of one leaf; give the nodes above it that became whole."""
        level, position, own = 0, self.size, leaf
        whole = []
        while position & 1:
            own = node_hash(self.hashes.pop(), own)
            level, position = level + 1, position >> 1
            whole.append(Node(level, position, own))
        self.hashes.append(own)
        self.size += 1
        return whole

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        return folded(self.hashes)


def folded(hashes: Sequence[bytes]) -> bytes:
    """Fold the whole nodes of a stretch, from left to right, into its one hash."""
    if not hashes:
        return EMPTY_ROOT
    own = hashes[-1]
    for left in reversed(hashes[:-1]):
        own = node_hash(left, own)
    return own


# --- Which hashes a proof has -----------------------------------------------------


def cover(stretch: Stretch) -> list[Place]:
    """List the whole nodes that make up a stretch of the tree, from left to right.

    A stretch of a proof begins where a whole node of its size rounded up to a power
    of two does; so its whole nodes get smaller from left to right.
    """
    begin, end = stretch
    places = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        places.append(Place(level, begin >> level))
        begin += 1 << level
    return places


def split(stretch: Stretch) -> tuple[Stretch, Stretch]:
    """Part a stretch as the tree does: left is the largest power of two below it."""
    begin, end = stretch
    middle = begin + (1 << (end - begin - 1).bit_length() - 1)
    return Stretch(begin, middle), Stretch(middle, end)


def inclusion_path(index: int, size: int) -> list[Stretch]:
    """List the stretches an inclusion proof has hashes of, from the leaf upwards.

    Raises:
        NoSuchProof: the log has no leaf of this index.
    """
    if not 0 <= index < size <= LARGEST_SIZE:
        raise NoSuchProof("a log of this size has no entry of this index")
    path = []
    here = Stretch(0, size)
    while here.end - here.begin > 1:
        left, right = split(here)
        here, beside = (left, right) if index < left.end else (right, left)
        path.append(beside)
    return path[::-1]


def consistency_path(old: int, new: int) -> list[Stretch]:
    """List the stretches a consistency proof has hashes of, in the order of the proof.

    The first is where the old log ended; it is left out where that is the whole of the
    old log, since whoever verifies has its hash.

    Raises:
        NoSuchProof: a log of this size does not grow into one of the other.
    """
    if not 1 <= old <= new <= LARGEST_SIZE:
        raise NoSuchProof("a log of the first size does not grow into the second")
    path = []
    here = Stretch(0, new)
    while here.end != old:
        left, right = split(here)
        here, beside = (left, right) if old <= left.end else (right, left)
        path.append(beside)
    if here.begin:
        path.append(here)
    return path[::-1]


def places(path: Iterable[Stretch]) -> list[Place]:
    """List every whole node that the hashes of a path are made of."""
    return [place for stretch in path for place in cover(stretch)]


# --- Making -----------------------------------------------------------------------


def inclusion_proof(index: int, size: int, hash_at: HashAt) -> list[bytes]:
    """Make the proof that the leaf stands at this index of a log of this size.

    Raises:
        NoSuchProof: the log has no leaf of this index.
    """
    return list(hashes_of(inclusion_path(index, size), hash_at))


def consistency_proof(old: int, new: int, hash_at: HashAt) -> list[bytes]:
    """Make the proof that the log of the old size is the beginning of the new one.

    Raises:
        NoSuchProof: a log of this size does not grow into one of the other.
    """
    return list(hashes_of(consistency_path(old, new), hash_at))


def hashes_of(path: Iterable[Stretch], hash_at: HashAt) -> Iterator[bytes]:
    """Give the hash of each stretch, made of whole nodes."""
    for stretch in path:
        yield folded([hash_at(*place) for place in cover(stretch)])


def over_leaves(leaf_at: Callable[[int], bytes]) -> HashAt:
    """Give the hash of any whole node, computed from nothing but the leaves' hashes."""

    def hash_at(level: int, position: int) -> bytes:
        if not level:
            return leaf_at(position)
        left = hash_at(level - 1, 2 * position)
        return node_hash(left, hash_at(level - 1, 2 * position + 1))

    return hash_at


# --- Verifying --------------------------------------------------------------------


def verify_inclusion(
    *, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Accept that the leaf of this hash is the entry at ``index`` under the root.

    Raises:
        ProofRefused: that is not proven.
    """
    path = _path(inclusion_path, index, size)
    _check_hashes([leaf, *proof], expected=1 + len(path))
    own = leaf
    for stretch, beside in zip(path, proof, strict=True):
        is_left = stretch.end <= index
        own = node_hash(beside, own) if is_left else node_hash(own, beside)
    if own != root:
        raise ProofRefused("the entry does not lead to the root")


def verify_consistency(
    *, old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    """Accept that the log under the old root is the beginning of that under the new.

    Raises:
        ProofRefused: that is not proven.
    """
    path = _path(consistency_path, old, new)
    _check_hashes(proof, expected=len(path))
    if old == new:
        if old_root != new_root:
            raise ProofRefused("one size has two roots")
        return
    # An old log that is one whole node is not sent: who verifies has its root.
    sent = 0 if path[0].begin >= old else 1
    was = now = proof[0] if sent else old_root
    for stretch, beside in zip(path[sent:], proof[sent:], strict=True):
        if stretch.end <= old:
            was = node_hash(beside, was)
            now = node_hash(beside, now)
        else:
            now = node_hash(now, beside)
    if was != old_root:
        raise ProofRefused("the proof does not lead to the old root")
    if now != new_root:
        raise ProofRefused("the proof does not lead to the new root")


def _path(
    path: Callable[[int, int], list[Stretch]], first: int, second: int
) -> list[Stretch]:
    try:
        return path(first, second)
    except NoSuchProof as error:
        raise ProofRefused(str(error)) from error


def _check_hashes(hashes: Sequence[bytes], *, expected: int) -> None:
    if len(hashes) != expected:
        raise ProofRefused("the proof has too many or too few hashes")
    if any(len(each) != HASH_BYTES for each in hashes):
        raise ProofRefused("a hash is not 32 bytes long")
