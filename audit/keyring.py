"""The keys of the log: those that sign, and those that are believed.

Private keys are only where the log is sealed. docs/audit.md says how one is made,
kept, and changed for another.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from audit.proofs.checkpoints import Checkpoint
from audit.proofs.keys import KeyRefused, SignerKey, VerifierKey
from audit.proofs.notes import NoteRefused

LOCAL_NAME = "pediscreen.localhost/audit"
PUBLIC_SUFFIX = ".pub"


@dataclass(frozen=True, slots=True)
class Believed:
    """A public key, and up to which size of the log its signatures count.

    A key that was changed for another may be in other hands years later: what it
    signs then of a longer log is not believed.
    """

    key: VerifierKey
    until: int | None = None

    @classmethod
    def parse(cls, line: str) -> Believed:
        """Read ``KEY`` or ``KEY until SIZE``.

        Raises:
            KeyRefused: it is neither.
        """
        text, _, rest = line.strip().partition(" ")
        word, _, size = rest.strip().partition(" ")
        if not rest:
            return cls(VerifierKey.parse(text))
        if word != "until" or not size.strip().isdecimal():
            raise KeyRefused("after a key may stand: until SIZE")
        return cls(VerifierKey.parse(text), int(size))


def signers() -> list[SignerKey]:
    """Return the private keys, that of the log first; none means not to seal here.

    Raises:
        KeyRefused: one is malformed.
        OSError: the file cannot be read.
    """
    text = settings.AUDIT_KEY
    if settings.AUDIT_KEY_FILE:
        text = Path(settings.AUDIT_KEY_FILE).read_text(encoding="utf-8")
    elif not text and settings.DEBUG:
        text = _local_key(settings.BASE_DIR / "var" / "audit.key")
    return [SignerKey.parse(each) for each in text.replace(",", "\n").split()]


def believed() -> list[Believed]:
    """Return the public keys: those of the file, and those of our own private keys.

    Raises:
        KeyRefused: one is malformed.
        OSError: a file cannot be read.
    """
    own = [Believed(signer.verifier) for signer in signers()]
    listed = []
    if settings.AUDIT_PUBLIC_KEYS_FILE:
        text = Path(settings.AUDIT_PUBLIC_KEYS_FILE).read_text(encoding="utf-8")
        lines = [line.partition("#")[0].strip() for line in text.splitlines()]
        listed = [Believed.parse(line) for line in lines if line]
    known = {each.key for each in listed}
    return listed + [each for each in own if each.key not in known]


def opened(note: str, keys: Iterable[Believed]) -> Checkpoint:
    """Read a signed checkpoint, and believe it if a key says so that counts there.

    Raises:
        NoteRefused: it is malformed, or no key that counts for its size signed it.
    """
    keys = list(keys)
    checkpoint, found = Checkpoint.opened_by(note, [each.key for each in keys])
    for each in keys:
        if each.key in found and (each.until is None or checkpoint.size <= each.until):
            return checkpoint
    raise NoteRefused("the key that signed it had been changed for another by then")


def _local_key(path: Path) -> str:
    """Make a key for a machine that holds no child's data, once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = SignerKey.generate(LOCAL_NAME).secret_text()
    try:
        with os.fdopen(
            os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w"
        ) as file:
            file.write(f"{made}\n")
    except FileExistsError:
        pass
    return path.read_text(encoding="utf-8")
