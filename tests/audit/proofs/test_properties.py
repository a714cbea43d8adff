"""What holds of every tree."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from audit.proofs import merkle
from tests.audit.proofs.trees import (
    entries_of,
    is_consistent,
    is_included,
    leaves_of,
    nodes_over,
    root_by_definition,
)

LARGEST = 130
ENTRIES = entries_of(LARGEST)
LEAVES = leaves_of(ENTRIES)
HASH_AT = nodes_over(LEAVES)
ROOTS = [root_by_definition(ENTRIES[:size]) for size in range(LARGEST + 1)]

sizes = st.integers(1, LARGEST)
hashes = st.binary(min_size=32, max_size=32)


@st.composite
def inclusions(draw):
    size = draw(sizes)
    index = draw(st.integers(0, size - 1))
    return {
        "leaf": LEAVES[index],
        "index": index,
        "size": size,
        "proof": merkle.inclusion_proof(index, size, HASH_AT),
        "root": ROOTS[size],
    }


@st.composite
def consistencies(draw, smallest_step=0):
    new = draw(st.integers(1 + smallest_step, LARGEST))
    old = draw(st.integers(1, new - smallest_step))
    return {
        "old": old,
        "new": new,
        "proof": merkle.consistency_proof(old, new, HASH_AT),
        "old_root": ROOTS[old],
        "new_root": ROOTS[new],
    }


def with_one_bit_flipped(data, proof):
    """The same with any one bit flipped in one of its hashes."""
    names = [name for name, value in proof.items() if isinstance(value, bytes)]
    places = [*names, *range(len(proof["proof"]))]
    place = data.draw(st.sampled_from(places), "where")
    before = proof[place] if place in names else proof["proof"][place]
    bit = data.draw(st.integers(0, 255), "bit")
    number = int.from_bytes(before, "big") ^ (1 << bit)
    after = number.to_bytes(32, "big")
    if place in names:
        return proof | {place: after}
    bent = list(proof["proof"])
    bent[place] = after
    return proof | {"proof": bent}


@given(st.lists(st.binary(max_size=40), max_size=80))
def test_a_range_has_the_root_of_the_definition_at_every_size(entries):
    grown = merkle.CompactRange()

    for size, entry in enumerate(entries, 1):
        grown.append(merkle.leaf_hash(entry))
        assert grown.root() == root_by_definition(entries[:size])
        assert len(grown.hashes) == size.bit_count()


@given(st.lists(hashes, max_size=100), st.data())
def test_kept_nodes_give_what_leaves_give(leaves, data):
    grown = merkle.CompactRange()
    kept = {(0, place): leaf for place, leaf in enumerate(leaves)}
    for leaf in leaves:
        kept |= {(node[0], node[1]): node[2] for node in grown.append(leaf)}

    size = data.draw(st.integers(0, len(leaves)))

    from_kept = merkle.CompactRange.load(size, lambda *place: kept[place])
    assert from_kept == merkle.CompactRange.load(size, nodes_over(leaves))
    if size:
        index = data.draw(st.integers(0, size - 1))
        made = [
            merkle.inclusion_proof(index, size, hash_at)
            for hash_at in (lambda *place: kept[place], nodes_over(leaves))
        ]
        assert made[0] == made[1]


@given(inclusions())
def test_every_inclusion_proof_is_accepted(proof):
    assert is_included(**proof)
    assert len(proof["proof"]) <= (proof["size"] - 1).bit_length()


@given(consistencies())
def test_every_consistency_proof_is_accepted(proof):
    assert is_consistent(**proof)
    assert len(proof["proof"]) <= (proof["new"] - 1).bit_length() + 1


@given(inclusions(), st.data())
def test_an_inclusion_proof_with_any_one_bit_flipped_is_refused(proof, data):
    assert not is_included(**with_one_bit_flipped(data, proof))


@given(consistencies(), st.data())
def test_a_consistency_proof_with_any_one_bit_flipped_is_refused(proof, data):
    assert not is_consistent(**with_one_bit_flipped(data, proof))


@given(inclusions(), st.integers(0, LARGEST))
def test_an_entry_is_proven_at_its_own_index_only(proof, other):
    assert is_included(**proof | {"index": other}) == (other == proof["index"])


@given(consistencies(smallest_step=1), st.integers(0, LARGEST), st.binary())
def test_a_log_in_which_an_old_entry_changed_is_not_consistent(proof, place, entry):
    place %= proof["old"]
    if entry == ENTRIES[place]:
        entry += b"!"
    leaves = [*LEAVES]
    leaves[place] = merkle.leaf_hash(entry)
    hash_at = nodes_over(leaves)
    forged = merkle.CompactRange.load(proof["new"], hash_at).root()
    made = merkle.consistency_proof(proof["old"], proof["new"], hash_at)

    assert not is_consistent(**proof | {"proof": made, "new_root": forged})
    assert not is_consistent(**proof | {"new_root": forged})


@given(
    st.integers(-2, 40) | st.integers(2**62, 2**65),
    st.integers(-2, 40) | st.integers(2**62, 2**65),
    st.lists(hashes | st.binary(max_size=33), max_size=8),
    hashes,
    hashes,
)
def test_the_two_verifiers_agree_on_what_nobody_made(first, second, proof, one, other):
    assert is_consistent(
        old=first, new=second, proof=proof, old_root=one, new_root=other
    ) == (first == second and 1 <= first < 2**63 and not proof and one == other)
    assert is_included(leaf=one, index=first, size=second, proof=proof, root=other) == (
        (first, second, proof) == (0, 1, []) and one == other
    )


@given(consistencies(), st.data())
def test_the_two_verifiers_agree_on_proofs_for_other_sizes(proof, data):
    sizes = st.integers(0, LARGEST)
    other = proof | {"old": data.draw(sizes), "new": data.draw(sizes)}

    is_consistent(**other)
