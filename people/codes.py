"""The codes that people type: six digits from an app, or a recovery code. Pure."""

from __future__ import annotations

import secrets

DIGITS = 6
RECOVERY_CODES = 10
RECOVERY_DIGITS = 16
SELECTOR_DIGITS = 4
LONGEST_TYPED = 64
SPACES = str.maketrans("", "", " -\t\u00a0\u2009")


def digits_of(typed: str) -> str:
    """Return what was typed as digits alone; nothing where other signs are in it."""
    found = typed.translate(SPACES)
    return found if found.isascii() and found.isdigit() else ""


def is_recovery(digits: str) -> bool:
    """Say whether these digits have the form of a recovery code."""
    return len(digits) == RECOVERY_DIGITS


def new_recovery_codes() -> list[str]:
    """Make recovery codes, no two with the same beginning."""
    found: dict[str, str] = {}
    while len(found) < RECOVERY_CODES:
        code = "".join(secrets.choice("0123456789") for _ in range(RECOVERY_DIGITS))
        found[code[:SELECTOR_DIGITS]] = code
    return list(found.values())


def split(digits: str) -> tuple[str, str]:
    """Part a recovery code into what finds its row and what proves it."""
    return digits[:SELECTOR_DIGITS], digits[SELECTOR_DIGITS:]


def grouped(code: str) -> str:
    """Write a code or a secret in groups of four, to be read and typed."""
    return " ".join(code[at : at + 4] for at in range(0, len(code), 4))
