"""Notes and checkpoints are signed, read and believed as C2SP has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.proofs.checkpoints import Checkpoint
from audit.proofs.exact import written
from audit.proofs.keys import SignerKey, VerifierKey
from audit.proofs.notes import MOST_SIGNATURES, Note, NoteRefused, sign
from tests.audit.proofs import vectors

LOG = "clinic.example/audit"
OLD, NEW, OTHER_LOG = SignerKey.generate(LOG), SignerKey.generate(LOG), "other.example"
STRANGER = SignerKey.generate(OTHER_LOG)
KNOWN = VerifierKey.parse(vectors.NOTE_KEY)
DASH = "\N{EM DASH}"
TEXT = "One line.\n"
ROOT = vectors.ROOTS[8]
CHECKPOINT = Checkpoint(LOG, 8, ROOT)


def test_the_published_notes_are_believed():
    assert Note.parse(vectors.NOTE).signers([KNOWN]) == (KNOWN,)
    assert Note.parse(vectors.NOTE).text == vectors.NOTE_TEXT
    assert str(Note.parse(vectors.NOTE)) == vectors.NOTE


def test_signing_gives_the_published_note_each_time():
    key = SignerKey.parse(vectors.GO_SIGNER)
    text = Note.parse(vectors.GO_NOTE).text

    assert sign(text, [key]) == vectors.GO_NOTE
    assert sign(text, [key]) == vectors.GO_NOTE


def test_in_a_rotation_both_keys_sign_and_either_is_enough_to_believe():
    note = Note.parse(sign(TEXT, [OLD, NEW]))

    assert note.signers([OLD.verifier]) == (OLD.verifier,)
    assert note.signers([NEW.verifier]) == (NEW.verifier,)
    assert note.signers([NEW.verifier, OLD.verifier]) == (OLD.verifier, NEW.verifier)


def test_a_signature_by_a_key_that_is_not_known_is_passed_over():
    note = Note.parse(sign(TEXT, [STRANGER, OLD]))

    assert note.signers([OLD.verifier]) == (OLD.verifier,)
    witness = f"{DASH} w\u00eftness.example {written(bytes(90))}\n"
    assert Note.parse(str(note) + witness).signers([OLD.verifier]) == (OLD.verifier,)


def test_a_note_that_no_known_key_signed_is_refused():
    note = Note.parse(sign(TEXT, [OLD]))
    namesake = VerifierKey(LOG, NEW.verifier.public)

    for keys in ([], [STRANGER.verifier], [namesake], [KNOWN]):
        with pytest.raises(NoteRefused, match="no known key"):
            note.signers(keys)


def test_one_wrong_signature_of_a_known_key_spoils_the_note():
    lines = sign(TEXT, [NEW]) + sign("Another.\n", [OLD]).rpartition("\n\n")[2]
    note = Note.parse(lines)

    assert note.signers([NEW.verifier]) == (NEW.verifier,)
    with pytest.raises(NoteRefused, match="is wrong"):
        note.signers([NEW.verifier, OLD.verifier])


def test_a_second_wrong_signature_of_the_same_key_spoils_the_note_too():
    note = Note.parse(sign(TEXT, [OLD]) + sign("Other.\n", [OLD]).split("\n\n")[1])

    with pytest.raises(NoteRefused, match="is wrong"):
        note.signers([OLD.verifier])


def test_two_keys_that_cannot_be_told_apart_are_refused(monkeypatch):
    note = Note.parse(sign(TEXT, [OLD]))
    monkeypatch.setattr(VerifierKey, "key_id", property(lambda key: b"same"))

    with pytest.raises(NoteRefused, match="one name and one id"):
        note.signers([OLD.verifier, NEW.verifier])
    with pytest.raises(NoteRefused, match="no known key"):
        note.signers([OLD.verifier, OLD.verifier])


@given(st.integers(0, 8 * len(vectors.NOTE.encode()) - 1))
def test_a_note_with_any_one_bit_flipped_is_refused(bit):
    data = bytearray(vectors.NOTE.encode())
    data[bit // 8] ^= 1 << bit % 8

    with pytest.raises((NoteRefused, UnicodeDecodeError)):
        Note.parse(data.decode()).signers([KNOWN])


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        "\n\n",
        vectors.NOTE_TEXT,
        vectors.NOTE_TEXT + "\n",
        vectors.NOTE[:-1],
        vectors.NOTE + "\n",
        vectors.NOTE + "more\n",
        vectors.NOTE + "\n\n",
        vectors.NOTE.removeprefix(vectors.NOTE_TEXT),
        vectors.NOTE.replace("\n\n", "\n"),
        vectors.NOTE.replace("\n", "\r\n"),
        vectors.NOTE.replace("message", "mess\tage"),
        vectors.NOTE.replace("message", "mess\0age"),
        vectors.NOTE.replace("message", "mess\ud83dage"),
        vectors.NOTE.replace(DASH, "-"),
        vectors.NOTE.replace(DASH, "--"),
        vectors.NOTE.replace(f"{DASH} ", DASH),
        vectors.NOTE.replace(f"{DASH} ", f"{DASH}  "),
        vectors.NOTE.replace(f"{DASH} ", f" {DASH} "),
        vectors.NOTE.replace("foo Uw", "foo  Uw"),
        vectors.NOTE.replace("foo Uw", "foo\u00a0Uw"),
        vectors.NOTE.replace("example.com/foo ", " "),
        vectors.NOTE.replace("com/foo", "com+foo"),
        vectors.NOTE.replace("com/foo", "com\u2003foo"),
        vectors.NOTE.replace("yaQM=", "yaQN="),
        vectors.NOTE.replace("yaQM=", "yaQM"),
        vectors.NOTE.replace("yaQM=", "yaQM= "),
        vectors.NOTE.replace("yaQM=", "yaQM=="),
        f"{vectors.NOTE_TEXT}\n{DASH} example.com/foo {written(bytes(4))}\n",
        f"{vectors.NOTE_TEXT}\n{DASH} example.com/foo \n",
        pytest.param("x" * 1_000_000 + vectors.NOTE, id="very long"),
    ],
)
def test_a_malformed_note_is_refused(note):
    with pytest.raises(NoteRefused):
        Note.parse(note)


@pytest.mark.parametrize("length", [63, 65, 1])
def test_a_signature_of_another_length_is_wrong(length):
    data = written(OLD.verifier.key_id + OLD.sign(TEXT).ljust(65, b"\0")[:length])
    note = Note.parse(f"{TEXT}\n{DASH} {LOG} {data}\n")

    with pytest.raises(NoteRefused, match="is wrong"):
        note.signers([OLD.verifier])


def test_the_last_empty_line_ends_the_text():
    text = "First.\n\nSecond.\n\n"

    assert Note.parse(sign(text, [OLD])).text == text


def test_a_note_has_a_hundred_signatures_at_most():
    line = sign(TEXT, [OLD]).rpartition("\n\n")[2]

    most = Note.parse(f"{TEXT}\n{line * MOST_SIGNATURES}")

    assert most.signers([OLD.verifier]) == (OLD.verifier,)
    with pytest.raises(NoteRefused, match="too many"):
        Note.parse(f"{TEXT}\n{line * (MOST_SIGNATURES + 1)}")


@pytest.mark.parametrize(
    "text", ["", "\n", "no newline", "a\tb\n", "a\r\n", "\ud83d\n"]
)
def test_a_text_that_could_not_be_read_again_is_not_signed(text):
    with pytest.raises(NoteRefused):
        sign(text, [OLD])


def test_a_note_that_nobody_signs_is_not_written():
    with pytest.raises(NoteRefused, match="nobody"):
        sign(TEXT, [])


# --- Checkpoints ------------------------------------------------------------------


def test_the_published_checkpoint_is_read():
    note = Note.parse(vectors.CHECKPOINT)

    checkpoint = Checkpoint.parse(note.text)

    assert (checkpoint.origin, checkpoint.size) == (
        "example.com/behind-the-sofa",
        20_852_163,
    )
    assert checkpoint.text() == note.text == vectors.CHECKPOINT_TEXT
    assert str(note) == vectors.CHECKPOINT


@given(st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_is_read_as_it_was_signed(size, root):
    checkpoint = Checkpoint(LOG, size, root)

    note = checkpoint.signed([OLD, NEW])

    assert Checkpoint.opened(note, [OLD.verifier]) == checkpoint
    assert Checkpoint.opened(note, [NEW.verifier]) == checkpoint
    assert note == checkpoint.signed([OLD, NEW])


@pytest.mark.parametrize(
    "text",
    [
        "",
        CHECKPOINT.text()[:-1],
        CHECKPOINT.text() + "\n",
        CHECKPOINT.text() + "an extension\n",
        "\n" + CHECKPOINT.text(),
        CHECKPOINT.text().replace("\n8\n", "\n08\n"),
        CHECKPOINT.text().replace("\n8\n", "\n+8\n"),
        CHECKPOINT.text().replace("\n8\n", "\n-8\n"),
        CHECKPOINT.text().replace("\n8\n", "\n 8\n"),
        CHECKPOINT.text().replace("\n8\n", "\n8.0\n"),
        CHECKPOINT.text().replace("\n8\n", "\n1_0\n"),
        CHECKPOINT.text().replace("\n8\n", "\n\u0668\n"),
        CHECKPOINT.text().replace("\n8\n", "\n\n"),
        CHECKPOINT.text().replace("\n8\n", f"\n{2**63}\n"),
        pytest.param(
            CHECKPOINT.text().replace("\n8\n", f"\n{'9' * 5_000}\n"), id="very large"
        ),
        CHECKPOINT.text().replace(LOG, ""),
        CHECKPOINT.text().replace(LOG, "a b"),
        CHECKPOINT.text().replace(written(ROOT), written(ROOT[:31])),
        CHECKPOINT.text().replace(written(ROOT), ROOT.hex()),
        CHECKPOINT.text().replace(written(ROOT), written(ROOT)[:-1]),
    ],
)
def test_a_malformed_checkpoint_is_refused(text):
    with pytest.raises(NoteRefused):
        Checkpoint.parse(text)
    if text.endswith("\n"):
        with pytest.raises(NoteRefused):
            Checkpoint.opened(sign(text, [OLD]), [OLD.verifier])


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        (LOG, -1, ROOT),
        (LOG, 2**63, ROOT),
        (LOG, 8, ROOT[:31]),
        (LOG, 8, b""),
        ("a b", 8, ROOT),
        ("a+b", 8, ROOT),
        ("", 8, ROOT),
    ],
)
def test_a_checkpoint_that_cannot_be_is_not_made(origin, size, root):
    with pytest.raises(NoteRefused):
        Checkpoint(origin, size, root)


def test_only_a_key_of_the_log_itself_makes_its_checkpoint_believed():
    by_another = sign(CHECKPOINT.text(), [STRANGER])

    with pytest.raises(NoteRefused, match="no key of this log"):
        Checkpoint.opened(by_another, [OLD.verifier, STRANGER.verifier])
    with pytest.raises(NoteRefused, match="no key of this log"):
        CHECKPOINT.signed([STRANGER])
    both = CHECKPOINT.signed([STRANGER, OLD])
    assert Checkpoint.opened(both, [OLD.verifier, STRANGER.verifier]) == CHECKPOINT
