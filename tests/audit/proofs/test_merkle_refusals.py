"""What does not prove it is refused by both verifiers: the families of bad proofs that
the reference implementation tries, on the published tree."""

from __future__ import annotations

import hashlib

import pytest

from audit.proofs import merkle
from tests.audit.proofs import vectors
from tests.audit.proofs.trees import (
    is_consistent,
    is_included,
    nodes_over,
    refused,
)

HASH_AT = nodes_over(vectors.LEAVES)
GARBAGE = hashlib.sha256(b"garbage").digest()
EVERY_INCLUSION = [(index, size) for size in range(1, 9) for index in range(size)]
EVERY_CONSISTENCY = [(old, new) for new in range(1, 9) for old in range(1, new + 1)]


def flipped(data, bit=4):
    at, within = divmod(bit, 8)
    return data[:at] + bytes([data[at] ^ (1 << within)]) + data[at + 1 :]


def bad_lists(proof, *others):
    """Proofs that are too long, too short, out of order, or bent."""
    for extra in (b"", GARBAGE, vectors.ROOTS[8], *others, *proof[:1]):
        yield [*proof, extra]
        yield [extra, *proof]
    for at, each in enumerate(proof):
        yield proof[:at] + proof[at + 1 :]
        for bent in (flipped(each), each[:-1], each + b"\0", b"", bytes(32)):
            yield [*proof[:at], bent, *proof[at + 1 :]]
    yield from (
        [*proof[:at], proof[at + 1], proof[at], *proof[at + 2 :]]
        for at in range(len(proof) - 1)
    )
    if len(proof) > 1:
        yield proof[::-1]
    if proof:
        yield []


@pytest.mark.parametrize(("index", "size"), EVERY_INCLUSION)
def test_an_inclusion_proof_is_accepted_only_as_it_is(index, size):
    root = vectors.ROOTS[size]
    good = {
        "leaf": vectors.LEAVES[index],
        "index": index,
        "size": size,
        "proof": merkle.inclusion_proof(index, size, HASH_AT),
        "root": root,
    }

    assert is_included(**good)
    wrong_places = {index - 1, index + 1, index ^ 2, index + size, -1, size, 2**63}
    for place in wrong_places:
        assert not is_included(**good | {"index": place})
    for bad in (b"", GARBAGE, flipped(good["leaf"]), good["leaf"][:-1], bytes(32)):
        assert not is_included(**good | {"leaf": bad})
    for bad in (b"", GARBAGE, flipped(root), root[:-1], root + b"\0"):
        assert not is_included(**good | {"root": bad})
    for bad in bad_lists(good["proof"], good["leaf"]):
        assert not is_included(**good | {"proof": bad})


@pytest.mark.parametrize(("index", "size"), EVERY_INCLUSION)
def test_an_inclusion_proof_is_refused_for_a_size_that_has_another_path(index, size):
    proof = merkle.inclusion_proof(index, size, HASH_AT)
    good = {"leaf": vectors.LEAVES[index], "index": index, "proof": proof}
    root = vectors.ROOTS[size]

    for other in {0, -1, size * 2, size // 2, size - 1, size + 1, 2**63, 2**64}:
        if sides_of(index, other) != sides_of(index, size):
            assert not is_included(**good, root=root, size=other)


def sides_of(index, size):
    """On which side each hash of the proof stands: all that the size changes."""
    try:
        path = merkle.inclusion_path(index, size)
    except merkle.NoSuchProof:
        return None
    return [stretch.end <= index for stretch in path]


@pytest.mark.parametrize(("old", "new"), EVERY_CONSISTENCY)
def test_a_consistency_proof_is_accepted_only_as_it_is(old, new):
    good = {
        "old": old,
        "new": new,
        "proof": merkle.consistency_proof(old, new, HASH_AT),
        "old_root": vectors.ROOTS[old],
        "new_root": vectors.ROOTS[new],
    }

    assert is_consistent(**good)
    for name in ("old_root", "new_root"):
        for bad in (b"", GARBAGE, flipped(good[name]), good[name][:-1]):
            assert not is_consistent(**good | {name: bad})
    for bad in bad_lists(good["proof"], good["old_root"], good["new_root"]):
        assert not is_consistent(**good | {"proof": bad})
    if old != new:
        swapped = {"old_root": good["new_root"], "new_root": good["old_root"]}
        assert not is_consistent(**good | swapped)
        assert not is_consistent(**good | {"old": new, "new": old})
        assert not is_consistent(**good | {"old": new})
        assert not is_consistent(**good | {"new": old})


@pytest.mark.parametrize(
    ("old", "new"), [(0, 0), (0, 1), (0, 8), (1, 0), (8, 0), (-1, 8), (8, 2**63)]
)
@pytest.mark.parametrize("proof", [[], [GARBAGE], [vectors.LEAVES[0]]])
def test_nothing_is_consistent_with_a_log_of_size_0_or_of_no_size(old, new, proof):
    roots = [*vectors.ROOTS, vectors.ROOTS[0]]

    assert not is_consistent(
        old=old,
        new=new,
        proof=proof,
        old_root=roots[min(old, 8)],
        new_root=roots[min(new, 8)],
    )


def test_a_long_proof_is_refused_at_once():
    assert not is_included(
        leaf=GARBAGE, index=0, size=2**62, proof=[GARBAGE] * 100_000, root=GARBAGE
    )
    assert not is_consistent(
        old=1,
        new=2**62,
        proof=[GARBAGE] * 100_000,
        old_root=GARBAGE,
        new_root=GARBAGE,
    )


def test_an_inner_node_cannot_pass_for_an_entry():
    inside = vectors.N01 + vectors.N23

    assert merkle.leaf_hash(inside) != vectors.N03
    assert not is_included(
        leaf=merkle.leaf_hash(inside),
        index=0,
        size=2,
        proof=[vectors.N47],
        root=vectors.ROOTS[8],
    )


@pytest.mark.parametrize("length", [0, 31, 33])
def test_what_is_no_hash_is_not_the_only_entry_of_a_log(length):
    same = GARBAGE.ljust(33, b"!")[:length]

    assert not is_included(leaf=same, index=0, size=1, proof=[], root=same)


@pytest.mark.parametrize(("index", "size"), EVERY_INCLUSION)
def test_a_hash_left_over_is_refused_even_if_the_root_was_made_for_it(index, size):
    proof = merkle.inclusion_proof(index, size, HASH_AT)
    given = {"leaf": vectors.LEAVES[index], "index": index, "size": size}
    root = vectors.ROOTS[size]

    for forged in (merkle.node_hash(GARBAGE, root), merkle.node_hash(root, GARBAGE)):
        assert not is_included(**given, proof=[*proof, GARBAGE], root=forged)


@pytest.mark.parametrize(("old", "new"), EVERY_CONSISTENCY)
def test_hashes_left_over_or_missing_are_refused_whatever_the_roots_are(old, new):
    proof = merkle.consistency_proof(old, new, HASH_AT)
    roots = vectors.ROOTS[old], vectors.ROOTS[new]
    given = {"old": old, "new": new, "proof": [*proof, GARBAGE]}
    above = [merkle.node_hash(GARBAGE, root) for root in roots]

    assert not is_consistent(**given, old_root=above[0], new_root=above[1])
    assert not is_consistent(**given, old_root=roots[0], new_root=above[1])
    larger = {"old": old, "new": 1 << 62, "proof": proof}
    assert not is_consistent(**larger, old_root=roots[0], new_root=roots[1])


@pytest.mark.parametrize(
    ("size", "length"), [(2**63 - 1, 63), (2**63, 63), (2**64, 64)]
)
def test_a_log_larger_than_can_be_is_refused_even_if_its_proof_is_right(size, length):
    proof = [GARBAGE] * length
    root = vectors.LEAVES[0]
    for each in proof:
        root = merkle.node_hash(root, each)
    given = {"leaf": vectors.LEAVES[0], "index": 0, "size": size}

    assert is_included(**given, proof=proof, root=root) == (size < 2**63)


def test_a_refusal_says_what_is_wrong_and_quotes_nothing():
    good = {"leaf": GARBAGE, "index": 0, "size": 2, "proof": [GARBAGE], "root": GARBAGE}

    for change, why in [
        ({"index": 2}, "no entry of this index"),
        ({"proof": []}, "too many or too few"),
        ({"proof": [b"short"]}, "not 32 bytes"),
        ({}, "does not lead to the root"),
    ]:
        assert refused(merkle.verify_inclusion, **good | change)
        with pytest.raises(merkle.ProofRefused, match=why):
            merkle.verify_inclusion(**good | change)
