"""The tree gives the published hashes, roots and proofs."""

from __future__ import annotations

import pytest

from audit.proofs import merkle
from tests.audit.proofs import vectors
from tests.audit.proofs.trees import (
    is_consistent,
    is_included,
    nodes_over,
    root_by_definition,
)

SIZES = range(9)
HASH_AT = nodes_over(vectors.LEAVES)


def range_of(size: int) -> merkle.CompactRange:
    grown = merkle.CompactRange()
    for leaf in vectors.LEAVES[:size]:
        grown.append(leaf)
    return grown


def test_a_leaf_and_a_node_have_the_published_hashes():
    data, leaf = vectors.SINGLE_LEAF
    left, right, node = vectors.SINGLE_NODE

    assert merkle.leaf_hash(data) == leaf
    assert merkle.node_hash(left, right) == node
    assert [merkle.leaf_hash(entry) for entry in vectors.ENTRIES] == vectors.LEAVES


def test_the_definition_used_in_these_tests_gives_the_published_roots():
    roots = [root_by_definition(vectors.ENTRIES[:size]) for size in SIZES]

    assert roots == vectors.ROOTS


@pytest.mark.parametrize("size", SIZES)
def test_a_range_has_the_published_root(size):
    assert range_of(size).root() == vectors.ROOTS[size]


def test_a_log_without_entries_has_the_root_of_nothing():
    assert merkle.CompactRange().root() == merkle.EMPTY_ROOT == vectors.ROOTS[0]


def test_growing_gives_each_whole_node_once_as_soon_as_it_is_whole():
    grown = merkle.CompactRange()

    given = [grown.append(leaf) for leaf in vectors.LEAVES]

    nodes = [node for step in given for node in step]
    assert [len(step) for step in given] == [0, 1, 0, 2, 0, 1, 0, 3]
    assert {(node.level, node.position): node.hash for node in nodes} == {
        **vectors.WHOLE,
        (3, 0): vectors.ROOTS[8],
    }
    assert len(nodes) == 7


def test_whole_nodes_can_be_computed_from_leaves_alone():
    assert {place: HASH_AT(*place) for place in vectors.WHOLE} == vectors.WHOLE


@pytest.mark.parametrize("size", SIZES)
def test_a_range_is_loaded_from_whole_nodes_and_grows_on(size):
    loaded = merkle.CompactRange.load(size, HASH_AT)

    assert loaded == range_of(size)
    assert loaded.root() == vectors.ROOTS[size]
    for leaf in vectors.LEAVES[size:]:
        loaded.append(leaf)
    assert loaded.root() == vectors.ROOTS[8]


@pytest.mark.parametrize(
    ("size", "hashes"),
    [
        (-1, []),
        (1, []),
        (2, [bytes(32), bytes(32)]),
        (3, [bytes(32)]),
        (1, [bytes(31)]),
        (1, [bytes(33)]),
        (2**63, [bytes(32)]),
        (2**64 - 1, [bytes(32)] * 64),
    ],
)
def test_a_range_that_cannot_be_is_refused(size, hashes):
    with pytest.raises(ValueError, match=r"size|32 bytes"):
        merkle.CompactRange(size, hashes)


def test_a_range_of_the_largest_log_has_no_more_than_64_hashes():
    largest = merkle.CompactRange(merkle.LARGEST_SIZE, [bytes(32)] * 63)

    assert len(largest.hashes) <= 64
    assert len(largest.root()) == 32


@pytest.mark.parametrize(("index", "size", "proof"), vectors.INCLUSION)
def test_the_published_inclusion_proofs_are_made_and_accepted(index, size, proof):
    made = merkle.inclusion_proof(index, size, HASH_AT)

    assert made == proof
    assert is_included(
        leaf=vectors.LEAVES[index],
        index=index,
        size=size,
        proof=proof,
        root=vectors.ROOTS[size],
    )


@pytest.mark.parametrize(("old", "new", "proof"), vectors.CONSISTENCY)
def test_the_published_consistency_proofs_are_made_and_accepted(old, new, proof):
    made = merkle.consistency_proof(old, new, HASH_AT)

    assert made == proof
    assert is_consistent(
        old=old,
        new=new,
        proof=proof,
        old_root=vectors.ROOTS[old],
        new_root=vectors.ROOTS[new],
    )


def test_logs_of_one_size_are_one_log_if_their_roots_are_equal_whatever_these_are():
    root = b"placeholder!"

    same = {"old": 1, "new": 1, "proof": [], "old_root": root}

    assert is_consistent(**same, new_root=root)
    assert not is_consistent(**same, new_root=b"another one!")


def test_a_proof_asks_only_for_the_whole_nodes_that_were_told_before():
    for size in range(1, 9):
        for index in range(size):
            asked = asked_for(merkle.inclusion_proof, index, size)
            assert asked == merkle.places(merkle.inclusion_path(index, size))
            asked = asked_for(merkle.consistency_proof, index + 1, size)
            assert asked == merkle.places(merkle.consistency_path(index + 1, size))


def asked_for(make, first, second):
    asked = []

    def hash_at(level, position):
        asked.append((level, position))
        assert (position + 1) << level <= second
        return HASH_AT(level, position)

    make(first, second, hash_at)
    return asked


@pytest.mark.parametrize(
    ("index", "size"), [(0, 0), (1, 1), (-1, 1), (9, 8), (0, 2**63), (2**63, 2**63 + 1)]
)
def test_no_inclusion_proof_is_made_where_there_can_be_none(index, size):
    with pytest.raises(merkle.NoSuchProof):
        merkle.inclusion_proof(index, size, HASH_AT)


@pytest.mark.parametrize(
    ("old", "new"), [(0, 0), (0, 1), (2, 1), (-1, 1), (1, 0), (1, 2**63)]
)
def test_no_consistency_proof_is_made_where_there_can_be_none(old, new):
    with pytest.raises(merkle.NoSuchProof):
        merkle.consistency_proof(old, new, HASH_AT)


def test_a_proof_in_a_log_of_the_largest_size_is_short():
    size = merkle.LARGEST_SIZE

    assert len(merkle.inclusion_path(0, size)) == 63
    assert len(merkle.inclusion_path(size - 1, size)) == 62
    assert len(merkle.places(merkle.inclusion_path(0, size))) < 63 * 63
    assert len(merkle.consistency_path(size - 1, size)) <= 64
