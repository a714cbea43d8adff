"""The keys that sign notes, as C2SP writes them: Ed25519 (type 1), with a name.

Knows no file and no setting.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from audit.proofs.exact import read, written

ED25519 = b"\x01"
KEY_BYTES = 32
ID_BYTES = 4
PRIVATE = "PRIVATE+KEY+"
NAME = re.compile(r"[!-*,-~]+")
KEY_ID = re.compile(r"[0-9a-f]{8}")


class KeyRefused(Exception):
    """A key's text is malformed; the message says how, and never quotes it."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name, which both belong to its id.

    Raises:
        KeyRefused: the name or the key cannot be one.
    """

    name: str
    public: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.public) != KEY_BYTES:
            raise KeyRefused("a public key is 32 bytes long")

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read ``name+id+key``, as `str` writes it.

        Raises:
            KeyRefused: it is not such a text.
        """
        name, key_id, data = _parted(text)
        key = cls(name, data)
        if key.key_id.hex() != key_id:
            raise KeyRefused("the id is not that of the name and the key")
        return key

    @property
    def key_id(self) -> bytes:
        """The first four bytes of a hash over name, kind and key."""
        named = self.name.encode() + b"\n" + ED25519 + self.public
        return hashlib.sha256(named).digest()[:ID_BYTES]

    def signed(self, text: str, signature: bytes) -> bool:
        """Say whether this key made the signature of the text."""
        try:
            key = Ed25519PublicKey.from_public_bytes(self.public)
            key.verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{written(ED25519 + self.public)}"


@dataclass(frozen=True, slots=True)
class SignerKey:
    """A private key with its name. It shows neither in `str` nor in `repr`."""

    name: str
    private: Ed25519PrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        check_name(self.name)

    @classmethod
    def generate(cls, name: str) -> SignerKey:
        """Make a new key.

        Raises:
            KeyRefused: there is no such name.
        """
        return cls(name, Ed25519PrivateKey.generate())

    @classmethod
    def parse(cls, text: str) -> SignerKey:
        """Read ``PRIVATE+KEY+name+id+key``, as `secret_text` writes it.

        Raises:
            KeyRefused: it is not such a text.
        """
        if not text.startswith(PRIVATE):
            raise KeyRefused("it does not begin as a private key does")
        name, key_id, seed = _parted(text.removeprefix(PRIVATE))
        if len(seed) != KEY_BYTES:
            raise KeyRefused("a private key is 32 bytes long")
        key = cls(name, Ed25519PrivateKey.from_private_bytes(seed))
        if key.verifier.key_id.hex() != key_id:
            raise KeyRefused("the id is not that of the name and the key")
        return key

    @property
    def verifier(self) -> VerifierKey:
        """The public key that belongs to it."""
        return VerifierKey(self.name, self.private.public_key().public_bytes_raw())

    def secret_text(self) -> str:
        """Write the key so that it can be kept, and read again with `parse`."""
        data = written(ED25519 + self.private.private_bytes_raw())
        return f"{PRIVATE}{self.name}+{self.verifier.key_id.hex()}+{data}"

    def sign(self, text: str) -> bytes:
        """Sign a text. Ed25519 gives the same signature each time."""
        return self.private.sign(text.encode())


def check_name(name: str) -> None:
    """Accept the name of one of our keys, or of a log.

    Raises:
        KeyRefused: it is not printable ASCII, or has a space or a plus.
    """
    if not NAME.fullmatch(name):
        raise KeyRefused("a name is ASCII without space or plus")


def _parted(text: str) -> tuple[str, str, bytes]:
    parts = text.split("+", 2)
    if len(parts) != 3 or not KEY_ID.fullmatch(parts[1]):
        raise KeyRefused("a key is written name+id+key")
    try:
        data = read(parts[2])
    except ValueError:
        raise KeyRefused("a key is written in base64") from None
    if data[:1] != ED25519:
        raise KeyRefused("it is not an Ed25519 key")
    return parts[0], parts[1], data[1:]
