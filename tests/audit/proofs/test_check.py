"""The offline check accepts what is proven, and nothing else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import check
from audit.proofs import canonical, merkle
from audit.proofs.checkpoints import Checkpoint
from audit.proofs.keys import KeyRefused, SignerKey, VerifierKey
from audit.proofs.notes import NoteRefused, sign
from tests.audit.proofs import vectors
from tests.audit.proofs.logs import (
    EVENTS,
    KEY,
    KEYS,
    LOG,
    NEXT_KEY,
    SIZE,
    STRANGER,
    checkpoint,
    consistency,
    inclusion,
)
from tests.audit.proofs.test_canonical import events, nested

texts = st.text(alphabet='{}[]",:1a.-e \\u0n', max_size=12)


def is_refused(bundle, keys=KEYS):
    try:
        check.check(bundle, keys)
    except check.Refused:
        return True
    return False


@pytest.mark.parametrize("size", range(1, SIZE + 1))
def test_every_event_is_proven_in_every_log_that_has_it(size):
    for index in range(size):
        told = check.check(inclusion(index, size), KEYS)

        assert f"number {index}, counted from 0, of the {size} " in told
        assert f'"actor": "key:{index}"' in told


@pytest.mark.parametrize("new", range(1, SIZE + 1))
def test_every_log_is_proven_to_begin_with_every_earlier_one(new):
    for old in range(1, new + 1):
        told = check.check(consistency(old, new), KEYS)

        assert f"the {old} events" in told
        assert f"first of the {new} of" in told


@pytest.mark.parametrize(
    "change",
    [
        {"canonical": EVENTS[4]},
        {"canonical": EVENTS[5] + " "},
        {"canonical": EVENTS[5].replace("submitted", "cancelled")},
        {"canonical": json.loads(EVENTS[5])},
        {"canonical": None},
        {"canonical": "\ud83d"},
        {"index": 4},
        {"index": -1},
        {"index": SIZE},
        {"index": "5"},
        {"index": 5.0},
        {"index": None},
        {"size": SIZE - 1},
        {"size": SIZE + 1},
        {"size": 0},
        {"size": str(SIZE)},
        {"size": float(SIZE)},
        {"size": 10**4000},
        {"proof": []},
        {"proof": inclusion(4)["proof"]},
        {"proof": inclusion(5)["proof"][::-1]},
        {"proof": inclusion(5)["proof"][:-1]},
        {"proof": [*inclusion(5)["proof"], "00" * 32]},
        {"proof": [each.upper() for each in inclusion(5)["proof"]]},
        {"proof": [each[:-2] for each in inclusion(5)["proof"]]},
        {"proof": [each + "00" for each in inclusion(5)["proof"]]},
        {"proof": [each + "\n" for each in inclusion(5)["proof"]]},
        {"proof": dict.fromkeys(inclusion(5)["proof"])},
        {"proof": "".join(inclusion(5)["proof"])},
        {"proof": [None]},
        {"checkpoint": checkpoint(SIZE - 1)},
        {"checkpoint": checkpoint(SIZE, NEXT_KEY)},
        {"checkpoint": sign(checkpoint(SIZE).split("\n\n")[0] + "\n", [STRANGER])},
        {"checkpoint": sign("Anything.\n", [KEY])},
        {"checkpoint": vectors.NOTE},
        {"checkpoint": checkpoint(SIZE)[:-1]},
        {"checkpoint": ""},
        {"checkpoint": None},
        {"checkpoint": 7},
    ],
)
def test_a_bundle_with_anything_changed_is_refused(change):
    good = inclusion(5)

    assert not is_refused(good)
    assert is_refused(good | change)


def test_an_event_proven_at_one_index_is_not_proven_at_another():
    good = inclusion(5)

    assert all(
        is_refused(good | {"index": index}) for index in range(SIZE) if index != 5
    )


@pytest.mark.parametrize(
    "change",
    [
        {"old": checkpoint(6)},
        {"new": checkpoint(SIZE - 1)},
        {"old": checkpoint(SIZE), "new": checkpoint(5)},
        {"old": checkpoint(0)},
        {"old": checkpoint(0), "new": checkpoint(0), "proof": []},
        {"old": checkpoint(0), "proof": []},
        {"old": checkpoint(5, NEXT_KEY)},
        {"proof": []},
        {"proof": consistency(5)["proof"][1:]},
        {"proof": [*consistency(5)["proof"], "00" * 32]},
        {"proof": None},
        {"old": None},
    ],
)
def test_a_log_that_did_not_only_grow_is_refused(change):
    good = consistency(5)

    assert not is_refused(good)
    assert is_refused(good | change)


def test_checkpoints_of_two_logs_prove_nothing_of_one():
    other = SignerKey.generate("other.example")
    mixed = consistency(5) | {"old": checkpoint(5, other, origin="other.example")}

    assert is_refused(mixed, [*KEYS, str(other.verifier)])


def test_a_checkpoint_signed_by_a_known_key_of_another_log_is_refused():
    text = checkpoint(SIZE).split("\n\n")[0] + "\n"
    bundle = inclusion(5) | {"checkpoint": sign(text, [STRANGER])}

    assert is_refused(bundle, [*KEYS, str(STRANGER.verifier)])


def test_true_is_not_the_number_one():
    assert not is_refused(inclusion(1))
    assert is_refused(inclusion(1) | {"index": True})
    assert is_refused(inclusion(0, 1) | {"size": True})


@pytest.mark.parametrize("text", ['{"a": 1}', '{"a":1,"a":2}', '{"a":1.5}', "x", "[]"])
def test_an_event_that_is_in_the_log_but_is_not_canonical_is_refused(text):
    root = merkle.leaf_hash(text.encode())
    note = Checkpoint(LOG, 1, root).signed([KEY])
    bundle = {"canonical": text, "index": 0, "size": 1, "proof": [], "checkpoint": note}

    assert is_refused(bundle)


def test_in_a_rotation_either_key_is_enough_and_both_must_be_right():
    bundle = inclusion(5, SIZE, KEY, NEXT_KEY)
    both = [str(KEY.verifier), str(NEXT_KEY.verifier)]
    smaller = checkpoint(SIZE - 1, NEXT_KEY).rpartition("\n\n")[2]
    half_wrong = inclusion(5) | {"checkpoint": checkpoint(SIZE) + smaller}

    assert not any(is_refused(bundle, keys) for keys in (both, both[:1], both[1:]))
    assert not is_refused(half_wrong, both[:1])
    assert is_refused(half_wrong, both)
    assert is_refused(half_wrong, both[1:])


@pytest.mark.parametrize(
    "bundle",
    [
        {},
        inclusion(5) | {"note": "This patient consented."},
        {name: value for name, value in inclusion(5).items() if name != "size"},
        consistency(5) | inclusion(5),
    ],
)
def test_what_has_other_fields_is_no_bundle(bundle):
    with pytest.raises(check.NotChecked, match="fields"):
        check.check(bundle, KEYS)


@pytest.mark.parametrize("key", ["", "x", *KEYS[0].split("+", 2), KEYS[0] + "\n"])
def test_without_a_proper_key_nothing_is_checked(key):
    with pytest.raises(check.NotChecked, match="key"):
        check.check(inclusion(5), [])
    with pytest.raises(check.NotChecked, match="key"):
        check.check(inclusion(5), [*KEYS, key])


# --- Both verifiers say the same ---------------------------------------------------


def agree(ours, refusals, theirs):
    """Whether both accept; neither may accept alone."""
    answers = []
    for ask, refused in [(ours, refusals), (theirs, (check.Refused, check.NotChecked))]:
        try:
            answers.append(ask())
        except refused:
            answers.append(None)
    assert answers[0] == answers[1]
    return answers[0]


def read_by_both(text):
    return agree(
        lambda: canonical.decode(text),
        canonical.NotCanonical,
        lambda: check.read_canonical(text),
    )


def opened_by_both(note, keys=(KEY, NEXT_KEY)):
    def ours():
        found = Checkpoint.opened(note, [key.verifier for key in keys])
        return found.origin, found.size, found.root

    pairs = [(key.name, key.verifier.public) for key in keys]
    return agree(ours, NoteRefused, lambda: check.open_checkpoint(note, pairs))


@given(events)
def test_both_read_every_event(event):
    assert read_by_both(canonical.encode(event)) == event


@given(texts | events.map(json.dumps), st.text(max_size=2))
def test_both_refuse_the_same_texts(text, more):
    read_by_both(text)
    read_by_both(text + more)


@pytest.mark.parametrize(
    "text",
    [
        canonical.encode(nested(16)),
        json.dumps(nested(17), separators=(",", ":")),
        '{"a":9007199254740991}',
        '{"a":9007199254740992}',
        '{"a":"\\u0000"}',
        '{"a":"\ud83d"}',
        '{"\u00e9":1}',
        '{"a":1,"a":1}',
        '{"a":1.5}',
        "[]",
        pytest.param("[" * 100_000, id="very deep"),
        pytest.param('{"a":' + "9" * 5_000 + "}", id="very large number"),
    ],
)
def test_both_agree_at_the_edges_of_the_format(text):
    read_by_both(text)


@given(st.integers(0, SIZE), st.data())
def test_both_agree_on_a_note_with_a_character_changed(size, data):
    note = checkpoint(size, KEY, NEXT_KEY, STRANGER)
    assert opened_by_both(note)[1] == size
    place = data.draw(st.integers(0, len(note)))
    change = data.draw(st.text(max_size=2) | st.sampled_from(["\n", " ", "\n\n", "="]))
    gone = data.draw(st.integers(0, 2))

    opened_by_both(note[:place] + change + note[place + gone :])


@pytest.mark.parametrize(
    "text",
    [
        f"{LOG}\n08\n{check.base64.b64encode(bytes(32)).decode()}\n",
        f"{LOG}\n{2**63}\n{check.base64.b64encode(bytes(32)).decode()}\n",
        f"{LOG}\n{2**63 - 1}\n{check.base64.b64encode(bytes(32)).decode()}\n",
        f"{LOG}\n1\n{check.base64.b64encode(bytes(31)).decode()}\n",
        f"{LOG}\n1\n{check.base64.b64encode(bytes(32)).decode()}\nmore\n",
        f"{LOG}\n1\n\n",
        f"\n1\n{check.base64.b64encode(bytes(32)).decode()}\n",
        f"{LOG}\n1\n{check.base64.b64encode(bytes(32)).decode()}\n\n",
    ],
)
def test_both_agree_on_signed_texts_that_are_hardly_checkpoints(text):
    opened_by_both(sign(text, [KEY]))


@pytest.mark.parametrize(("lines", "length"), [(100, 0), (101, 0), (1, 10**6)])
def test_both_agree_on_how_long_a_note_may_be(lines, length):
    text, _, line = checkpoint(5).rpartition("\n\n")
    stranger = f"\N{EM DASH} {'x' * length} AAAAAAA=\n" if length else ""

    opened = opened_by_both(f"{text}\n\n{line * lines}{stranger}")

    assert (opened is not None) == ((lines, length) == (100, 0))


@given(st.integers(0, 80), st.text(max_size=2))
def test_both_agree_on_what_is_a_key(place, change):
    text = KEYS[0][:place] + change + KEYS[0][place + len(change) :]

    def ours():
        key = VerifierKey.parse(text)
        return key.name, key.public

    agree(ours, KeyRefused, lambda: check.read_key(text))


@pytest.mark.parametrize(("index", "size", "proof"), vectors.INCLUSION)
def test_the_check_accepts_the_published_proofs(index, size, proof):
    leaf = merkle.leaf_hash(vectors.ENTRIES[index])

    assert check.is_included(leaf, index, size, proof, vectors.ROOTS[size])
