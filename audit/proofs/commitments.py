"""Holding somebody to a content without keeping it: a salted HMAC. Plain Python.

The event keeps the commitment; the salt is kept with the content, and is erased with
it. Who has both can show that the content is the one that was meant. Without the salt,
trying likely contents finds nothing, so what stays in the log says nothing.
"""

from __future__ import annotations

import hmac
import secrets

SALT_BYTES = 32


def new_salt() -> bytes:
    """Make the salt of one record. It is never used for another."""
    return secrets.token_bytes(SALT_BYTES)


def commit(content: bytes, *, salt: bytes) -> str:
    """Commit to a content: HMAC-SHA256 under the salt, as 64 lower-case hex digits.

    Raises:
        ValueError: the salt is not 32 bytes. HMAC fills up a shorter one with zeros
            and hashes a long one, so two salts could open one commitment.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError("a salt is 32 bytes long")
    return hmac.digest(salt, content, "sha256").hex()


def opens(commitment: str, content: bytes, *, salt: bytes) -> bool:
    """Say whether the commitment is to this content."""
    expected = commit(content, salt=salt)
    return hmac.compare_digest(expected.encode(), commitment.encode())
