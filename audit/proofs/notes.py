"""Signed notes, as C2SP has them: a text, an empty line, a line for each signature."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from audit.proofs.exact import read, written
from audit.proofs.keys import ID_BYTES, SignerKey, VerifierKey

MOST_SIGNATURES = 100
LARGEST_NOTE = 1_000_000
"""Characters; a checkpoint of ours has some hundred."""

DASH = "\N{EM DASH} "
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class NoteRefused(Exception):
    """A note is malformed, or no known key signed it; the message says which."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature under a note; whether it is right is another question."""

    name: str
    key_id: bytes
    made: bytes

    def __str__(self) -> str:
        return f"{DASH}{self.name} {written(self.key_id + self.made)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text with signatures. `str` gives exactly what was parsed."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, note: str) -> Note:
        """Take a note apart. Nothing in it is to be believed yet: see `signers`.

        Raises:
            NoteRefused: it is not a signed note.
        """
        if len(note) > LARGEST_NOTE:
            raise NoteRefused("the note is too long")
        check_text(note)
        text, blank, lines = note.rpartition("\n\n")
        if not text or not blank or not lines:
            raise NoteRefused("a note is a text, an empty line, and signatures")
        parts = lines.removesuffix("\n").split("\n")
        if len(parts) > MOST_SIGNATURES:
            raise NoteRefused("the note has too many signatures")
        return cls(f"{text}\n", tuple(_signature(part) for part in parts))

    def signers(self, keys: Iterable[VerifierKey]) -> tuple[VerifierKey, ...]:
        """Return which of the keys signed the note; there is at least one.

        A signature by a key that is not given is passed over. If one of a given key
        is wrong, the whole note is, whatever else has signed it.

        Raises:
            NoteRefused: none of the keys signed it, or a signature is wrong.
        """
        known: dict[tuple[str, bytes], VerifierKey] = {}
        for key in keys:
            if known.setdefault((key.name, key.key_id), key) != key:
                raise NoteRefused("two of the keys have one name and one id")
        found = []
        for signature in self.signatures:
            signer = known.get((signature.name, signature.key_id))
            if signer is None:
                continue
            if not signer.signed(self.text, signature.made):
                raise NoteRefused("a signature is wrong")
            found.append(signer)
        if not found:
            raise NoteRefused("no known key signed the note")
        return tuple(dict.fromkeys(found))

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(str(each) for each in self.signatures)}"


def sign(text: str, signers: Sequence[SignerKey]) -> str:
    """Write the note of a text, signed by each: by the old and the new key in rotation.

    Raises:
        NoteRefused: the text cannot be a note's, or nobody signs it.
    """
    check_text(text)
    if not signers:
        raise NoteRefused("nobody signs the note")
    signatures = [
        Signature(signer.name, signer.verifier.key_id, signer.sign(text))
        for signer in signers
    ]
    return str(Note(text, tuple(signatures)))


def check_text(text: str) -> None:
    """Accept what a note, and the text of one, is made of.

    Raises:
        NoteRefused: it does not end in a newline, has a control character, or a
            surrogate, which UTF-8 cannot write.
    """
    if not text.endswith("\n") or text == "\n":
        raise NoteRefused("it does not end in a newline")
    if CONTROL.search(text):
        raise NoteRefused("it has a control character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NoteRefused("it is not UTF-8") from None


def _signature(line: str) -> Signature:
    dash, *parts = line.split(" ")
    if f"{dash} " != DASH or len(parts) != 2:
        raise NoteRefused("a signature is a dash, a name and base64")
    name, data = parts
    if not name or "+" in name or any(each.isspace() for each in name):
        raise NoteRefused("a signature has no name")
    try:
        raw = read(data)
    except ValueError:
        raise NoteRefused("a signature is not base64") from None
    if len(raw) <= ID_BYTES:
        raise NoteRefused("a signature is too short")
    return Signature(name, raw[:ID_BYTES], raw[ID_BYTES:])
