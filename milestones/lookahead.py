"""What stands just after a skill in a note: an answer, a difficulty, a number of words.

Each function goes through the note once, or looks at a handful of words around one
place, so that reading a note stays in proportion to its length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from milestones import cues
from milestones.words import LINK, STOP, Word


def or_follows(found: Sequence[Word]) -> list[bool]:
    """Say for each word whether "or" follows before the clause ends."""
    ahead = []
    follows = False
    for word in reversed(found):
        ahead.append(follows)
        if word.text in {"or", "nor"}:
            follows = True
        elif word.text in {STOP, LINK, "but"}:
            follows = False
    return ahead[::-1]


def answered_no(found: Sequence[Word], at: int) -> bool:
    """Say whether "no" or "not yet" is the answer to what ends before ``at``.

    So in "Walks alone? No." and "Points: not yet", and in "walking not yet".
    """
    ahead = found[at : at + 7]
    first_mark = next((n for n, w in enumerate(ahead[:4]) if w.form == "mark"), None)
    linked = first_mark is not None and ahead[first_mark].text == LINK
    rest = ahead[first_mark + 1 :] if linked and first_mark is not None else ahead
    if not rest or rest[0].text not in cues.NO_ANSWER:
        return False
    after = 2 if rest[1:2] and rest[1].text == "yet" else 1
    return bool(rest[after:]) and rest[after].form == "mark"


def trouble_follows(found: Sequence[Word], at: int) -> bool:
    """Say whether the noun before ``at`` is called poor, delayed or the like."""
    for n, word in enumerate(found[at : at + 4], start=at):
        if word.text in cues.TROUBLE_AFTER:
            return not answered_no(found, n + 1)
        if cues.is_not(word.text):
            return found[n + 1].text in cues.GOOD
        if word.text not in cues.ADVERBS and word.text != LINK:
            return False
    return False


SEVERAL = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class WordCount:
    """A number of words that a child is said to have."""

    number: int | None
    """None where a number of words stands, but no vocabulary: "2 words together"."""
    only: bool
    """Said as few: "only 5 words", "fewer than 5 words"."""
    more: bool
    """Said as a lower bound: "more than 5 words"."""
    said: bool
    """Beside a verb such as "says" or "has"."""
    after: int
    """Where the note goes on."""


def word_count(found: Sequence[Word], at: int) -> WordCount | None:
    """Read a vocabulary such as "only 5 or 6 words", from its first number on."""
    if found[at].form != "number":
        return None
    last = at
    while last < at + 4 and (
        found[last + 1].form == "number"
        or (found[last + 1].text == "or" and found[last + 2].form == "number")
    ):
        last += 1
    noun = last + 1
    while noun < last + 3 and found[noun].text in cues.WORD_KINDS:
        noun += 1
    if found[noun].stem != "word":
        return None
    after = noun + 1
    before = found[max(0, at - 4) : at]
    said = {word.text for word in (*before, *found[at:noun], *found[after : after + 1])}
    stems = {word.stem for word in (*before, *found[after : after + 2])}
    only = bool(said & cues.ONLY)
    more = bool(said & cues.MORE_THAN)
    number = None
    if not stems & cues.NOT_A_VOCABULARY:
        number = _number(found[last].text, only=only)
    has = bool(stems & cues.HAS_WORDS)
    return WordCount(number=number, only=only, more=more, said=has, after=after)


def _number(text: str, *, only: bool) -> int | None:
    """Read digits; "several" is a number only where it is said to be few."""
    if text == "several":
        return SEVERAL if only else None
    return int(text) if len(text) <= 4 else None


def was_once(found: Sequence[Word], at: int) -> bool:
    """Say whether the skill at ``at`` is told of the past: "was walking", "had words".

    By itself that is no loss; it becomes one with "but now isn't".
    """
    near = found[max(0, at - 3) : at + 1]
    return any(
        word.be in {"was", "were"} or word.form == "past" or word.text == "could"
        for word in near
    )
