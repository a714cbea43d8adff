"""Read a note for missing skills, lost skills and worries, by keyword and negation.

This is no understanding of language. Each finding has low confidence, can only raise
a risk, and is shown to the clinician as what it is. Known limits: English only; what
is said of a brother or sister is read as if said of the child; irony is not seen.

The reader goes through the words once. A cue such as "not", "no longer" or "trouble"
opens a scope over the next few words; a pause, "but" or distance closes it. The
English endings say what the cue reaches: in "does not walk and talks a lot" only
"walk" has the shape that goes with "does not".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from milestones import cues, lookahead, phrases
from milestones.ages import previous_age
from milestones.scopes import REACH, Mention, MentionKind, Scope
from milestones.words import LINK, STOP, Word, words

FindingKind = Literal["missed", "unsure", "lost_skill", "parent_concern"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that the note seems to say."""

    kind: FindingKind
    skill: str = ""
    """The skill in our words; empty for a worry and for skills in general."""
    keys: tuple[str, ...] = ()
    """Items of the child's checklist or the one before it."""
    confidence: Literal["low"] = "low"
    start: int = field(default=0, compare=False)
    """Where the words that say so stand, in the text as `words.words` reads it."""
    end: int = field(default=0, compare=False)


def read(text: str, age: int | None) -> list[Finding]:
    """Return what ``text`` seems to say of a child with the checklist of ``age``.

    ``age`` is the child's checklist age in months. Without one only lost skills and
    worries are found, since nothing can be missing. The order is that of the
    sentences, each finding comes once, and the time taken is in proportion to the
    length.
    """
    return list(dict.fromkeys(read_each(text, age)))


def read_each(text: str, age: int | None) -> list[Finding]:
    """Return what `read` does, each finding as often as it is said."""
    ages = [a for a in (age, age and previous_age(age)) if a]
    reader = _Reader(words(text), ages)
    at = 0
    while at < len(reader.words):
        at = reader.step(at)
    return reader.findings


class _Reader:
    """The words of one note, and what has been made of those already read."""

    def __init__(self, found: Sequence[Word], ages: Sequence[int]) -> None:
        self.words = [*found, Word(STOP, STOP, "mark")]
        self.ages = ages
        self.findings: list[Finding] = []
        self.scope: Scope | None = None
        self.clause: list[Mention] = []
        self.sentence: list[Mention] = []
        self.conditional = False
        self.last_now = self.last_not = self.not_before = self.last_lapse = -1
        self.or_ahead = lookahead.or_follows(self.words)
        self.at = 0

    def step(self, at: int) -> int:
        """Read the word at ``at``, or the phrase that starts there; return the next."""
        self.at, word = at, self.words[at]
        if self.scope and self.scope.mentions and word.be:
            self.scope.said_be = True
        if word.form == "mark":
            self._mark(word.text, at)
        elif found := phrases.match(self.words, at):
            phrase, after = found
            self._skill(phrase, at, after)
            return after
        elif counted := self._count(at):
            return counted
        else:
            self._cue(word.text, at)
        return at + 1

    # --- Where a statement ends ---

    def _mark(self, mark: str, at: int) -> None:
        self.conditional = False
        if mark == STOP:
            self._end_sentence()
        elif mark == LINK:
            self._end_clause()
        elif self.scope:
            self.scope.paused = True

    def _open(self, scope: Scope) -> None:
        self._close()
        self.scope = scope
        scope.at = self.at

    def _close(self) -> None:
        if self.scope:
            self.clause += self.scope.mentions
            self.scope = None

    def _end_clause(self) -> None:
        self._close()
        self.sentence += self.clause
        self.clause = []

    def _end_sentence(self) -> None:
        self._end_clause()
        for mention in self.sentence:
            skill, kind = mention.skill, mention.kind
            is_over = self.last_now > mention.at >= self.last_not
            if kind == "once":
                if self.last_lapse > mention.at and not skill.outgrown:
                    keys = skill.keys(self.ages)
                    self._find("lost_skill", skill, keys, said=mention.said)
            elif not (mention.past and is_over):
                self._find(kind, skill, skill.keys(self.ages), said=mention.said)
        self.sentence = []

    def _find(
        self,
        kind: FindingKind,
        skill: phrases.Skill | None = None,
        keys: tuple[str, ...] = (),
        *,
        said: tuple[int, int] | None = None,
    ) -> None:
        first, after = said or (self.at, self.at + 1)
        if keys or kind in {"lost_skill", "parent_concern"}:
            name = skill.name if skill else ""
            start, end = self.words[first].start, self.words[after - 1].end
            found = Finding(kind=kind, skill=name, keys=keys, start=start, end=end)
            self.findings.append(found)

    # --- What is said of a skill ---

    def _skill(self, phrase: phrases.Phrase, at: int, after: int) -> None:
        form = self.words[at].form if phrase.kind == "verb" else "noun"
        if (
            self.scope
            and self.scope.paused
            and form != "base"
            and not self.or_ahead[at]
        ):
            self._close()
        if phrase.skill is None:
            self._advance(after - at)
            return
        scope = self.scope
        few = scope is not None and scope.few
        kind: MentionKind | None
        if phrase.kind == "missing":
            denied = scope and scope.kind in {"not", "lost", "stopped", "harmless"}
            kind = (
                None if denied or lookahead.answered_no(self.words, after) else "missed"
            )
        elif scope:
            kind = scope.kind_of(form)
        else:
            few = form == "noun" and lookahead.trouble_follows(self.words, after)
            kind = "missed" if few or lookahead.answered_no(self.words, after) else None
            if kind is None and lookahead.was_once(self.words, at):
                kind = "once"
        if kind is None and scope and form == "s":
            self._close()
        elif kind and not self.conditional:
            self._mention(phrase.skill, kind, at, after, few=few)
        elif scope:
            scope.adjacent = False

    def _mention(
        self, skill: phrases.Skill, kind: MentionKind, at: int, after: int, *, few: bool
    ) -> None:
        scope = self.scope
        if kind == "lost_skill" and skill.outgrown:
            return
        if few and skill.name in {"says words", "talks"}:
            skill = phrases.skills()["says many words"]
        past = scope is not None and (scope.past or scope.kind == "used")
        said = (scope.at if scope and not scope.mentions else at, after)
        mention = Mention(skill, kind, at, said, past)
        if scope is None:
            self.clause.append(mention)
            return
        scope.mentions.append(mention)
        scope.reach = REACH
        scope.adjacent = scope.paused = scope.said_be = False

    def _count(self, at: int) -> int | None:
        """Read "only 5 words"; return where the note goes on, if it was that."""
        scope = self.scope
        if scope and scope.kind in {"lost", "stopped", "used"}:
            return None
        count = lookahead.word_count(self.words, at)
        if count is None:
            return None
        if lookahead.was_once(self.words, at):
            said = (at, count.after)
            skill = phrases.skills()["says words"]
            self.clause.append(Mention(skill, "once", at, said, True))
        if count.number is None or self.conditional:
            return count.after
        if scope and scope.kind in {"not", "trouble"}:
            fewer = count.number - (not count.more)
            self._few_words(fewer, said=(at, count.after), only=True)
        elif count.only or (count.said and not count.more):
            self._few_words(count.number, said=(at, count.after), only=count.only)
        return count.after

    def _few_words(self, number: int, *, said: tuple[int, int], only: bool) -> None:
        """Hold a number of words against what is expected at the child's age.

        "Only" is a judgement on the child's own age, so it does not count for the
        checklist before.
        """
        short = [
            age
            for n, age in enumerate(self.ages)
            if number < cues.EXPECTED_WORDS.get(age, (0, 0))[only and n == 0]
        ]
        skill = phrases.skills()["says words"]
        self._find("missed", skill, skill.keys(short), said=said)

    # --- What opens, turns and closes a scope ---

    def _cue(self, text: str, at: int) -> None:
        """Take one word that names no skill."""
        scope = self.scope
        if scope and scope.paused:
            if text in {"or", "nor"}:
                scope.paused = False
            elif text in cues.TROUBLE or not (self.or_ahead[at] or text in cues.JOINS):
                self._close()
                scope = None
        if text in cues.NOW:
            self.last_now = at
        now = any(word.text in cues.NOW for word in self.words[max(0, at - 2) : at])
        if now and (text in cues.NONE or cues.is_not(text)):
            self.last_lapse = at
        if scope and text in cues.FEW:
            scope.few = True

        if text in cues.BREAKS:
            self._break(text, at)
        elif text == "anymore":
            self._lose_clause()
        elif text in cues.CONCERN:
            self._concern(text, at)
        elif text in cues.REGRESSION:
            self._regression(at)
        elif text in cues.LOST or text in cues.STOPPED or text == "used_to":
            self._past_skill(text, at)
        elif text in cues.SKILLS_IN_GENERAL and scope and scope.kind == "lost":
            if not self.conditional and not lookahead.answered_no(self.words, at + 1):
                self._find("lost_skill")
        elif text in cues.NOT_A_SKILL and scope and scope.kind == "lost":
            self._close()
        elif text in cues.PROBLEM:
            self._problem(text, at)
        elif text in cues.DENIALS:
            self._open(Scope("harmless"))
        elif text in cues.NOT_KNOWN:
            self._open(Scope("unsure"))
        elif cues.is_not(text):
            self._not(text, at)
        elif scope and text in cues.HARMLESS and scope.kind in {"not", "lost"}:
            self._turn_harmless(scope)
        elif scope and text in cues.UNDONE and scope.kind == "not":
            self._turn_harmless(scope)
            self._close()
        elif scope and text in cues.UNSURE and scope.kind == "not":
            scope.kind = "unsure"
        else:
            self._advance(1, adverb=text in cues.ADVERBS)

    def _advance(self, count: int, *, adverb: bool = False) -> None:
        """Let the scope run on over words that say nothing to it."""
        if self.scope is None:
            return
        self.scope.adjacent = self.scope.adjacent and adverb
        self.scope.reach -= count
        if self.scope.reach <= 0:
            self._close()

    def _break(self, text: str, at: int) -> None:
        if text in {"until", "till"} and self.scope:
            self.scope.mentions.clear()
        if text == "if":
            before = self.words[max(0, at - 3) : at]
            starts = not before or before[-1].form == "mark"
            asks = any(word.text in cues.ASKS_LATER for word in before)
            self.conditional = self.conditional or starts or asks
        self._end_clause()

    def _not(self, text: str, at: int) -> None:
        self.not_before, self.last_not = self.last_not, at
        self._open(
            Scope(
                "not",
                determiner=text in cues.DETERMINERS,
                past=text in cues.PAST,
            )
        )

    def _turn_harmless(self, scope: Scope) -> None:
        """Take a "not" off the skills that follow; what it has reached stays."""
        if scope.mentions:
            self._close()
            return
        if scope.kind == "not":
            self.last_not = self.not_before
        scope.kind = "harmless"
        scope.reach = REACH

    def _is_denied(self, at: int, *, noun: bool) -> bool:
        """Say whether the worry or trouble at ``at`` is one that is not there.

        "No speech concerns" denies the concern and takes back what "no" seemed to say
        of speech; "no speech and concerned", "no speech is a concern" do not.
        """
        scope = self.scope
        if scope is None:
            return False
        joined = self.words[at - 1].text == "and"
        if scope.mentions and scope.determiner and noun and not joined:
            if scope.said_be:
                return False
            scope.mentions.clear()
        return scope.denies()

    def _concern(self, text: str, at: int) -> None:
        if self.scope and self._is_denied(at, noun=text in cues.CONCERN_NOUNS):
            self._turn_harmless(self.scope)
            ahead = self.words[at + 1 : at + 4]
            if not any(word.text in cues.EXCEPT for word in ahead):
                return
        elif lookahead.answered_no(self.words, at + 1):
            return
        if not self.conditional:
            self._close()
            self._find("parent_concern")

    def _problem(self, text: str, at: int) -> None:
        if self.scope and self._is_denied(at, noun=text in cues.PROBLEM_NOUNS):
            self._turn_harmless(self.scope)
        elif text in cues.TROUBLE:
            self._open(Scope("trouble", cues.TROUBLE[text], few=text in cues.FEW))
        else:
            self._advance(1)

    def _past_skill(self, text: str, at: int) -> None:
        """Open a scope over what was lost, stopped or "used to" be."""
        if self.scope and self.scope.denies():
            self._turn_harmless(self.scope)
        elif text == "used_to" and self.words[at - 1].text in {"like", "as", "than"}:
            self._lose_clause()
        elif text == "used_to":
            self._open(Scope("used"))
        else:
            self.last_not = at
            reach = cues.LOST.get(text) or cues.STOPPED[text]
            self._open(Scope("lost" if text in cues.LOST else "stopped", reach))

    def _lose_clause(self) -> None:
        """Read "does not wave any more", "like she used to" as a skill once there."""
        self._close()
        for mention in self.clause:
            if mention.kind == "missed":
                mention.kind = "lost_skill"
        self.sentence += [m for m in self.clause if not m.skill.outgrown]
        self.clause = []

    def _regression(self, at: int) -> None:
        around = self.words[max(0, at - 1) : at + 3]
        elsewhere = any(word.text in cues.NOT_DEVELOPMENT for word in around)
        denied = self.scope is not None and self.scope.denies()
        if self.scope and denied:
            self._turn_harmless(self.scope)
        elif not (
            elsewhere or self.conditional or lookahead.answered_no(self.words, at + 1)
        ):
            self._find("lost_skill")
