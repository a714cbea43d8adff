"""What the tiny Gemmas were taught to say, by the name each is served under."""

from __future__ import annotations

import json

DRAFT = {
    "risk": "monitor",
    "summary": ["Several answers are still open."],
    "recommendations": ["Ask again in three months."],
    "parent_text": "Thank you for telling us. We will ask again soon.",
    "explainability": [{"type": "milestone", "detail": "open items", "score": 0.4}],
    "confidence": 0.6,
    "uncertainty_reason": "",
}


def _fenced(draft: dict[str, object]) -> str:
    """Write it the way Gemma does where nothing holds it to a schema."""
    return f"```json\n{json.dumps(draft, indent=2)}\n```"


ANSWERS: dict[str, str | None] = {
    "drafts": _fenced(DRAFT),
    "reassures": json.dumps(DRAFT | {"risk": "on_track", "confidence": 0.9}),
    "boasts": json.dumps(DRAFT | {"risk": "on_track", "confidence": 1.7}),
    "chats": "What a lovely child! Do tell me more.",
    "is-silent": "",
    "is-cut-short": _fenced(DRAFT)[:120],
    "babbles": None,
    "ponders": None,
}
"""``None`` was taught nothing."""

LOOKS_BACK = "ponders"
"""This one looks back at all that it was told, and not at some dozen tokens only."""
