"""Proof bundles: all that somebody without the log needs, but for the public keys.

They are what `audit/check.py` reads. Plain Python.
"""

from __future__ import annotations

import json
from collections.abc import Sequence


def inclusion_bundle(
    *, canonical: str, index: int, size: int, proof: Sequence[bytes], checkpoint: str
) -> str:
    """Write the proof that an event is in the log of the signed checkpoint."""
    return _text(
        {
            "canonical": canonical,
            "index": index,
            "size": size,
            "proof": [each.hex() for each in proof],
            "checkpoint": checkpoint,
        }
    )


def consistency_bundle(*, old: str, new: str, proof: Sequence[bytes]) -> str:
    """Write the proof that the log has only grown between two signed checkpoints."""
    return _text({"old": old, "new": new, "proof": [each.hex() for each in proof]})


def _text(fields: dict[str, object]) -> str:
    return json.dumps(fields, ensure_ascii=False, indent=2) + "\n"
