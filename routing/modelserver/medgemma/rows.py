"""A row of a batch: what is read, how it is to be answered, and what was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A question as the model reads it; its repr shows none of it."""

    ids: Any = field(repr=False)
    """Tokens, [n]; where soft tokens go they are padding."""
    types: Any = field(repr=False)
    """1 for a token of a picture, else 0; [n]."""
    pixels: Any = field(repr=False)
    """Pictures, [pictures, 3, side, side], or None."""
    soft: Any = field(repr=False)
    """Soft tokens, [rows, hidden], or None."""
    soft_at: int
    """The place of the first of them."""

    def length(self) -> int:
        """Count its tokens."""
        return int(self.ids.shape[0])


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A prepared question, and how it is to be answered."""

    prepared: Prepared
    max_new_tokens: int
    temperature: float
    """0 takes the best token each time; above, tokens are drawn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What the model wrote for one row."""

    text: str = field(repr=False)
    tokens: int
    is_cut_off: bool
    """It had no token left before it came to an end."""
