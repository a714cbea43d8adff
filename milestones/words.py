"""Split a note into words, each with its stem and the shape it was written in.

Everything here is one pass over the text; every pattern is a plain alternation
without nested repeats, so the time grows with the length of the text and no faster.
"""

from __future__ import annotations

import re
from typing import NamedTuple

STOP = "."
PAUSE = ","
LINK = ":"


def listed(text: str) -> frozenset[str]:
    """Return the words of ``text`` as a set."""
    return frozenset(text.split())


# Apostrophes become one; the dot that lower case leaves on a Turkish I goes.
_PLAIN = str.maketrans(
    dict.fromkeys("\u2019\u2018\u201b\u00b4`\u02bc\uff07", "'") | {"\u0307": ""}
)
_TOKEN = re.compile(
    r"[a-z]+(?:'[a-z]+)*|[0-9]+|[.!;\n\u2022\u2026]+|\?+|[,()]|[:=\u2013\u2014]|[+/&]"
    r"|\s-+\s"
)
_MARKS = (
    dict.fromkeys(".!;\n\u2022\u2026", STOP)
    | dict.fromkeys(",()", PAUSE)
    | dict.fromkeys(":=\u2013\u2014-?", LINK)
    | {"/": "or", "&": "and"}
)

_NUMBERS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    " fifteen sixteen seventeen eighteen nineteen twenty"
)
_SAME = {word: str(n) for n, word in enumerate(_NUMBERS.split(), start=1)} | {
    "thirty": "30",
    "forty": "40",
    "fifty": "50",
    "couple": "2",
    "handful": "5",
    "dozen": "12",
}

# Read as one word, because apart they would be taken for something else.
_PAIRS = {
    ("no", "longer"): "no_longer",
    ("any", "longer"): "anymore",
    ("used", "to"): "used_to",
    ("yet", "to"): "yet_to",
    ("a", "few"): "several",
    ("no", "more"): "no_more",
    ("not", "more"): "no_more",
    ("can", "not"): "cannot",
    ("just", "yet"): "yet",
    ("this", "point"): "now",
    ("that", "point"): "then",
    ("some", "point"): "then",
    ("no", "point"): "then",
    ("as", "if"): "like",
    ("as", "though"): "like",
    ("no", "one"): "nobody",
    ("other", "than"): "except",
    ("apart", "from"): "except",
    ("aside", "from"): "except",
    ("sure", "if"): "unsure_if",
    ("sure", "whether"): "unsure_if",
    ("unsure", "if"): "unsure_if",
    ("unsure", "whether"): "unsure_if",
    ("know", "if"): "unsure_if",
    ("know", "whether"): "unsure_if",
    ("peek", "a"): "peek",
    ("pat", "a"): "pat",
}
_BE = listed("am is are was were be been being it's that's he's she's")
_FILLERS = listed(
    """
    a an the her his their my our your its him them he she they it this that these
    those to at of with in on for into onto from up some any all own such there
    """
)
_ACCUSTOMED = _BE | {"get", "gets", "getting", "got", "gotten"}
# After "and", these begin a statement of its own: a "not" before does not reach it.
_NEW_STATEMENT = _BE | listed(
    "he she they it i we can has have does will now then also mom dad"
)

_IRREGULAR = {
    written: (stem, form)
    for stem, form, forms in (
        ("say", "past", "said"),
        ("speak", "past", "spoke spoken"),
        ("sit", "past", "sat"),
        ("stand", "past", "stood"),
        ("run", "past", "ran"),
        ("mak", "past", "made"),
        ("tak", "past", "took taken"),
        ("hold", "past", "held"),
        ("eat", "past", "ate eaten"),
        ("draw", "past", "drew drawn"),
        ("sing", "past", "sang sung"),
        ("tel", "past", "told"),
        ("know", "past", "knew known"),
        ("giv", "past", "gave given"),
        ("hav", "base", "have"),
        ("hav", "s", "has"),
        ("hav", "past", "had"),
        ("use", "ing", "using"),
        ("use", "past", "used"),
        ("child", "s", "children"),
        ("child", "base", "kid"),
        ("child", "s", "kids"),
        ("foot", "s", "feet"),
        ("person", "s", "people"),
        ("hope", "base", "hope hopes hoped hoping"),
        ("mama", "base", "mama mamma mom mommy mum mummy mother mumma"),
        ("dada", "base", "dada dad daddy papa father"),
        ("self", "base", "himself herself themself themselves itself myself"),
        ("toy", "base", "stuff"),
    )
    for written in forms.split()
}
_WHOLE = listed(
    """
    thing nothing anything something everything string swing bring sing spring
    morning evening during ceiling sibling us yes always this its his was does
    understood need feed speed bed red heard less across perhaps
    """
)


class Word(NamedTuple):
    """One word of a note, or a mark between words."""

    text: str
    """As written, in lower case; numbers in digits; STOP, PAUSE or LINK for a mark."""
    stem: str
    """Without its ending, so that "waves" and "waving" are one."""
    form: str
    """How it ends: base, s, ing, past, number or mark."""
    be: str = ""
    """The form of "to be" that stood before it, if one did."""
    start: int = 0
    """Where it stands in the text as it is read here: see `places`."""
    end: int = 0


def words(text: str) -> list[Word]:
    """Split ``text``; articles, pronouns and small prepositions are left out.

    Whatever is not English letters, digits or common marks is skipped.
    """
    matches = list(_TOKEN.finditer(_folded(text)))
    pieces = [match[0] for match in matches]
    found: list[Word] = []
    be = ""
    at = 0
    while at < len(pieces):
        piece = pieces[at]
        following = pieces[at + 1] if at + 1 < len(pieces) else STOP
        earlier = pieces[at - 1] if at else STOP
        start = matches[at].start()
        at += 1
        if pair := _pair(piece, following, earlier, pieces[at + 1 : at + 2]):
            piece = pair
            at += 1
        elif piece == "and" and following in _NEW_STATEMENT:
            piece = "but"
        if piece in _BE:
            be = piece
        elif piece not in _FILLERS:
            word = _word(piece, be)
            found.append(word._replace(start=start, end=matches[at - 1].end()))
            be = ""
    return found


def places(text: str) -> list[int]:
    """Say where in ``text`` each character stands that a word's place may name.

    Some letters are read as two, and some as none.
    """
    return [*(n for n, char in enumerate(text) for _ in _folded(char)), len(text)]


def _folded(text: str) -> str:
    return text.casefold().translate(_PLAIN)


def _pair(piece: str, following: str, earlier: str, rest: list[str]) -> str | None:
    """Return the one word that ``piece`` and the ``following`` one stand for."""
    after = rest[0] if rest else STOP
    if (piece, following) == ("used", "to") and earlier in _ACCUSTOMED:
        return "accustomed"
    if (piece, following) == ("any", "more"):
        # "not any more" is a loss; "not any more words than" is not.
        ends = not after[0].isalnum() or after in {"now", "since", "and", "but"}
        return "anymore" if ends else None
    return _PAIRS.get((piece, following))


def _word(piece: str, be: str) -> Word:
    piece = _SAME.get(piece, piece)
    mark = _MARKS.get((piece.strip() or piece)[0])
    if mark in {STOP, PAUSE, LINK}:
        return Word(mark, mark, "mark", be)
    piece = mark or piece
    if piece.isdigit() or piece == "several":
        return Word(piece, piece, "number", be)
    return Word(piece, *_stem(piece), be)


def _stem(piece: str) -> tuple[str, str]:
    """Return a word's stem and form; "n't" is left for the reader to see."""
    if piece.endswith("n't"):
        return piece, "base"
    piece = piece.partition("'")[0]
    if piece in _IRREGULAR:
        return _IRREGULAR[piece]
    if piece in _WHOLE or len(piece) < 4:
        return _bare(piece), "base"
    if piece.endswith(("ies", "ied")):
        return piece[:-3] + "y", "s" if piece[-1] == "s" else "past"
    if piece.endswith("ing") and len(piece) > 4:
        return _bare(piece[:-3]), "ing"
    if piece.endswith("ed") and len(piece) > 4:
        return _bare(piece[:-2]), "past"
    if piece.endswith("s") and not piece.endswith(("ss", "us", "is")):
        return _bare(piece[:-1]), "s"
    return _bare(piece), "base"


def _bare(stem: str) -> str:
    """Drop a final e and one of two equal final consonants."""
    if len(stem) > 3 and stem.endswith("e"):
        stem = stem[:-1]
    if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "aeiou":
        stem = stem[:-1]
    return stem
