"""Trees to test with, and the definition of RFC 6962, word for word."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from audit import check
from audit.proofs import merkle


def root_by_definition(entries: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, knowing nothing of our code."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    left = 1
    while left * 2 < len(entries):
        left *= 2
    both = root_by_definition(entries[:left]) + root_by_definition(entries[left:])
    return hashlib.sha256(b"\x01" + both).digest()


def entries_of(size: int) -> list[bytes]:
    return [b"entry %d" % number for number in range(size)]


def leaves_of(entries: Sequence[bytes]) -> list[bytes]:
    return [merkle.leaf_hash(entry) for entry in entries]


def nodes_over(leaves: Sequence[bytes]) -> merkle.HashAt:
    return merkle.over_leaves(leaves.__getitem__)


def refused(verify: Callable[..., None], **given: Any) -> bool:
    try:
        verify(**given)
    except merkle.ProofRefused:
        return True
    return False


def is_included(**given: Any) -> bool:
    """What both verifiers say; they must say the same."""
    ours = not refused(merkle.verify_inclusion, **given)
    theirs = check.is_included(**given)
    assert ours == theirs
    return ours


def is_consistent(**given: Any) -> bool:
    """What both verifiers say; they must say the same."""
    ours = not refused(merkle.verify_consistency, **given)
    theirs = check.is_consistent(**given)
    assert ours == theirs
    return ours
