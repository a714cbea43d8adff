"""What the commands of the log ask for: keys, and files. Their exit status is 2."""

from __future__ import annotations

from pathlib import Path

from django.core.management.base import CommandError

from audit.keyring import Believed, believed
from audit.proofs.keys import KeyRefused

BROKEN, NOT_RUN = 1, 2
LARGEST_FILE = 256 * 1024 * 1024


class CouldNotRun(CommandError):
    """The command could not do what it was asked to: nothing is said of the log."""

    def __init__(self, message: str) -> None:
        super().__init__(message, returncode=NOT_RUN)


def known_keys() -> list[Believed]:
    """Read the public keys that are believed.

    Raises:
        CouldNotRun: there is none, or one cannot be read.
    """
    try:
        keys = believed()
    except (KeyRefused, OSError, UnicodeDecodeError) as exc:
        said = str(exc) if isinstance(exc, KeyRefused) else type(exc).__name__
        raise CouldNotRun(f"The keys of the log cannot be read: {said}.") from exc
    if not keys:
        raise CouldNotRun("No key is believed. Set AUDIT_PUBLIC_KEYS_FILE.")
    return keys


def text_of(name: str) -> str:
    """Read a file of signed notes.

    Raises:
        CouldNotRun: it cannot be read, or is no text.
    """
    path = Path(name)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise CouldNotRun(f"{name} is too large.")
        # As it is: a changed newline would be another note.
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as exc:
        raise CouldNotRun(f"{name} cannot be read ({type(exc).__name__}).") from exc


def write_out(name: str, text: str) -> None:
    """Write a new file.

    Raises:
        CouldNotRun: it is there already, or cannot be made.
    """
    try:
        with Path(name).open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as exc:
        raise CouldNotRun(f"{name} cannot be made ({type(exc).__name__}).") from exc
