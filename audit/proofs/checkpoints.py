"""Checkpoints, as C2SP has them: what the log was, in three lines that are signed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from audit.proofs.exact import read, written
from audit.proofs.keys import KeyRefused, SignerKey, VerifierKey, check_name
from audit.proofs.merkle import HASH_BYTES, LARGEST_SIZE
from audit.proofs.notes import Note, NoteRefused, sign

SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log was: its name, how many entries it had, and the root over them.

    Raises:
        NoteRefused: no log was ever like this.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        try:
            check_name(self.origin)
        except KeyRefused as error:
            raise NoteRefused(str(error)) from error
        if not 0 <= self.size <= LARGEST_SIZE or len(self.root) != HASH_BYTES:
            raise NoteRefused("no log has this size, or this root")

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text of a checkpoint, exactly as `text` writes it.

        The lines that C2SP allows after the root are refused: our log writes none.

        Raises:
            NoteRefused: it is not such a text.
        """
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] or not SIZE.fullmatch(lines[1]):
            raise NoteRefused("a checkpoint is a name, a size and a root")
        try:
            root = read(lines[2])
        except ValueError:
            raise NoteRefused("a root is written in base64") from None
        return cls(lines[0], int(lines[1]), root)

    @classmethod
    def opened(cls, note: str, keys: Iterable[VerifierKey]) -> Checkpoint:
        """Read a signed checkpoint, and believe it: a key of the log itself signed it.

        Raises:
            NoteRefused: it is malformed, or not signed by a key with the log's name.
        """
        return cls.opened_by(note, keys)[0]

    @classmethod
    def opened_by(
        cls, note: str, keys: Iterable[VerifierKey]
    ) -> tuple[Checkpoint, tuple[VerifierKey, ...]]:
        """Read a signed checkpoint as `opened` does; say which of the keys signed it.

        Raises:
            NoteRefused: see `opened`.
        """
        parsed = Note.parse(note)
        signers = parsed.signers(keys)
        checkpoint = cls.parse(parsed.text)
        if all(key.name != checkpoint.origin for key in signers):
            raise NoteRefused("no key of this log signed the checkpoint")
        return checkpoint, signers

    def text(self) -> str:
        """Write what is signed."""
        return f"{self.origin}\n{self.size}\n{written(self.root)}\n"

    def signed(self, signers: Sequence[SignerKey]) -> str:
        """Write the note, signed by each; one of them has the log's name.

        Raises:
            NoteRefused: none of them has.
        """
        if all(signer.name != self.origin for signer in signers):
            raise NoteRefused("no key of this log signs the checkpoint")
        return sign(self.text(), signers)
