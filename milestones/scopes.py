"""How far a cue such as "not" reaches in a note, and what it makes of a skill."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from milestones.phrases import Skill

ScopeKind = Literal["not", "trouble", "unsure", "lost", "stopped", "used", "harmless"]
MentionKind = Literal["missed", "unsure", "lost_skill", "once"]

REACH = 6
"""Words after a cue, small ones not counted, within which it still holds."""


@dataclass(slots=True)
class Mention:
    """A skill said to be missing or past, until the sentence has been read."""

    skill: Skill
    kind: MentionKind
    at: int
    said: tuple[int, int]
    """The words that say so: the first, and the one after the last."""
    past: bool
    """Said of the past: a "now" without "not" after it sets it aside.

    The other way round for kind "once": only a "now not" after it makes it a loss.
    """


@dataclass(slots=True)
class Scope:
    """The reach of one cue."""

    kind: ScopeKind
    reach: int = REACH
    determiner: bool = False
    """The cue stands before a noun, as in "no speech concerns"."""
    past: bool = False
    few: bool = False
    """Said of how much, as in "not many words"."""
    adjacent: bool = True
    """Nothing but small adverbs has come since the cue."""
    paused: bool = False
    said_be: bool = False
    at: int = -1
    """Where the cue stands."""
    """After a mention came "is" or the like: "no words is a concern"."""
    mentions: list[Mention] = field(default_factory=list)

    def kind_of(self, form: str) -> MentionKind | None:
        """Return what the cue makes of a skill in this form; None for nothing.

        "Does not" goes with "walk", "is not" with "walking"; with "walks" only a cue
        just before it does, as in "never walks".
        """
        if self.kind in {"not", "trouble"}:
            return "missed" if form != "s" or self.adjacent else None
        if self.kind == "unsure":
            return "unsure"
        is_lost = {
            "lost": True,
            "stopped": form in {"ing", "noun"},
            "used": form in {"base", "noun"},
            "harmless": False,
        }
        return "lost_skill" if is_lost[self.kind] else None

    def denies(self) -> bool:
        """Say whether a worry, trouble or loss named next is being denied."""
        return self.kind in {"not", "lost", "harmless"} and not self.mentions
