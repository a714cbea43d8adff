"""Find words that diagnose or promise, in what a family or a clinician may read.

It goes by phrases and the few words before them and is no understanding of language.
Known limits: English only; what is said of a brother or sister is read as if said of
the child; "ASD" is flagged where it means a hole in the heart. It leans to flagging:
a needless flag costs one look, a missed one reaches a family.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from milestones.wording.letters import APOSTROPHES, Letters, letters
from milestones.wording.sentences import sentences
from milestones.wording.terms import SETS, TERMS, Kind, Term
from milestones.words import listed

NOT_REACH = 6
FRAME_REACH = 10
LIST_WORDS = listed("or and nor a an any other another the")


@dataclass(frozen=True, slots=True)
class Finding:
    """One place that should be looked at before the text is signed or released."""

    kind: Literal["diagnosis", "promise", "hard"]
    """"hard" is a sentence that is hard to read; see `hard_sentences`."""
    start: int
    end: int
    """``text[start:end]`` is the phrase, in the text as it was given."""
    phrase: str
    sentence: str
    """The sentence around it, as written."""
    sentence_start: int
    """``text[sentence_start:]`` begins with the sentence."""
    why: str = ""
    """The reason, in one line; empty for "hard"."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One phrase: what to make of it."""

    term: Term
    leads: bool
    """It speaks of what follows, as "diagnosed with" does."""

    @property
    def kind(self) -> Kind:
        return self.term.kind

    @property
    def is_finding(self) -> bool:
        return self.kind in {"diagnosis", "promise"}


@dataclass(slots=True)
class _Node:
    """A step on the way through the phrases, letter by letter."""

    entry: _Entry | None = None
    following: dict[str, _Node] = field(default_factory=dict)


@dataclass(slots=True)
class _Scope:
    """How far a "not", or a "cannot diagnose", reaches."""

    kind: Literal["not", "frame"]
    reach: int
    """Words left."""
    listing: bool = False
    """A condition has been named in it: "autism, ADHD or ..." may go on."""


def findings(text: str) -> tuple[Finding, ...]:
    """Return what diagnoses or promises in ``text``, in order, none overlapping.

    The time taken is in proportion to the length.
    """
    return tuple(_Reader(text).read())


class _Reader:
    """The letters of one text, and what has been made of those already read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.spans = sentences(text)
        self.starts = [span.start for span in self.spans]
        self.letters = letters(text, set(self.starts))
        self.scope: _Scope | None = None
        self.found: list[Finding] = []
        self.read_to = 0

    def read(self) -> list[Finding]:
        at = 0
        while at < len(self.letters.chars):
            at = self._step(at)
        return self.found

    def _step(self, at: int) -> int:
        """Read the phrase or word that begins at ``at``; return where the next does."""
        hit = match(self.letters, at)
        gap = self.letters.gaps[at]
        if gap in {"stop", "line"}:
            self.scope = None
        elif gap == "pause" or (hit and hit[0].kind == "and"):
            self._pause(at)
        # Of what begins inside a word, as a reader sees it, nothing denies.
        is_inside = gap == "soft" and hit and hit[0].kind in {"not", "frame"}
        if hit is None or is_inside:
            self._advance()
            return _next_word(self.letters, at)
        entry, end = hit
        if entry.kind == "break":
            self.scope = None
        elif entry.kind == "frame":
            self.scope = _Scope("frame", FRAME_REACH)
        elif entry.kind == "not":
            if self.scope is None or self.scope.kind == "not":
                self.scope = _Scope("not", NOT_REACH)
        elif entry.is_finding:
            return self._term(entry, at, end)
        else:
            self._advance()
        return end

    def _advance(self) -> None:
        if self.scope:
            self.scope.reach -= 1
            if self.scope.reach <= 0:
                self.scope = None

    def _pause(self, at: int) -> None:
        """Close the scope at a comma or "and", unless a list of conditions goes on."""
        if self.scope and not (self.scope.listing and self._list_goes_on(at)):
            self.scope = None

    def _list_goes_on(self, at: int) -> bool:
        for _ in range(3):
            if at >= len(self.letters.chars):
                return False
            after = _next_word(self.letters, at)
            if _word(self.letters, at, after) not in LIST_WORDS:
                break
            at = after
        hit = match(self.letters, at)
        if hit is None or not hit[0].is_finding:
            return False
        following = match(self.letters, hit[1])
        return following is None or following[0].kind != "verb"

    def _term(self, entry: _Entry, at: int, end: int) -> int:
        scope = self.scope
        if scope and scope.kind == "frame":
            scope.listing = True
            scope.reach = FRAME_REACH
        elif scope and entry.term.deniable:
            self.scope = _Scope("frame", FRAME_REACH) if entry.leads else scope
        elif (after := self._hedged_after(end)) is not None:
            return after
        else:
            self._find(entry, at, end)
            self._advance()
        return end

    def _hedged_after(self, end: int) -> int | None:
        """Return where "cannot be diagnosed by ..." ends, if that is what follows."""
        hit = match(self.letters, end)
        if hit and hit[0].kind == "after" and self.letters.gaps[end] == "space":
            return hit[1]
        return None

    def _find(self, entry: _Entry, at: int, end: int) -> None:
        first = self._whole_word(at)
        start = self.letters.places[first]
        stop = self.letters.places[end - 1] + 1
        self.read_to = end
        span = self.spans[bisect_right(self.starts, start) - 1]
        kind: Literal["diagnosis", "promise"] = (
            "promise" if entry.kind == "promise" else "diagnosis"
        )
        self.found.append(
            Finding(
                kind=kind,
                start=start,
                end=stop,
                phrase=self.text[start:stop],
                sentence=self.text[span.start : span.end],
                sentence_start=span.start,
                why=entry.term.why,
            )
        )

    def _whole_word(self, at: int) -> int:
        """Go back over an apostrophe: "They'll catch up" begins at "They"."""
        _, places, gaps = self.letters
        first = at
        while (
            first > self.read_to
            and gaps[first] == "soft"
            and self.text[places[first] - 1] in APOSTROPHES
        ):
            first -= 1
            while first > self.read_to and not gaps[first]:
                first -= 1
        return first


# --- Phrases ---


def match(found: Letters, at: int) -> tuple[_Entry, int] | None:
    """Return the longest phrase that begins at ``at``, and the index after it.

    A hyphen or an invisible mark may stand inside a word of it ("au-tism") or between
    two ("cerebral-palsy"), so both ways are followed.
    """
    chars, _, gaps = found
    if at >= len(chars):
        return None
    best = None
    nodes = _steps([_root()], chars[at])
    while nodes:
        at += 1
        gap = gaps[at] if at < len(chars) else "stop"
        if gap:
            entry = next((n.entry for n in nodes if n.entry), None)
            best = (entry, at) if entry else best
            if gap in {"pause", "stop"}:
                break
            within = nodes if gap == "soft" else []
            nodes = [*within, *_steps(nodes, " ")]
        nodes = _steps(nodes, chars[at])
    return best


def _steps(nodes: Sequence[_Node], char: str) -> list[_Node]:
    return [node.following[char] for node in nodes if char in node.following]


def _next_word(found: Letters, at: int) -> int:
    gaps = found.gaps
    at += 1
    while at < len(gaps) and not gaps[at]:
        at += 1
    return at


def _word(found: Letters, at: int, after: int) -> str:
    return found.chars[at : min(after, at + 8)]


@cache
def _root() -> _Node:
    """Read the table; the longest phrase wins, and the first of two that are equal."""
    root = _Node()
    for term in TERMS:
        for line in re.split(r"[|\n]", term.phrases):
            written = line.strip()
            entry = _Entry(term, leads=written.endswith("..."))
            for phrase in _spelled_out(written.removesuffix("...")):
                _add(root, phrase, entry)
    return root


def _spelled_out(written: str) -> list[str]:
    """Write a phrase once for each choice from its sets."""
    choices = []
    for piece in re.split(r"(\{[^}]*\})", written):
        if piece.startswith("{"):
            name = piece[1:-1]
            optional = [""] if name.endswith("?") else []
            choices.append([*optional, *SETS[name.rstrip("?")].split("|")])
        else:
            choices.append([piece])
    return [" ".join(chosen) for chosen in itertools.product(*choices)]


def _add(root: _Node, phrase: str, entry: _Entry) -> None:
    node = root
    chars, _, gaps = letters(phrase)
    for n, (char, gap) in enumerate(zip(chars, gaps, strict=True)):
        if n and gap not in {"", "soft"}:
            node = node.following.setdefault(" ", _Node())
        node = node.following.setdefault(char, _Node())
    if node is not root:
        node.entry = node.entry or entry
