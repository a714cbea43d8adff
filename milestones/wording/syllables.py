"""Count the syllables of an English word, by its spelling.

One for each run of vowels (a e i o u y), less those that are silent, plus one where
two vowels that stand together are spoken apart. What families are often told and the
rule gets wrong stands in a list. A digit counts as one, a word in another script too.
"""

from __future__ import annotations

import re
import unicodedata

_RUNS = re.compile(r"[aeiouy]+|[0-9]")
_SILENT = (
    re.compile(r"[^aeiouyl]e$|[aeiouy]le$"),  # make, while; not table, be
    re.compile(r"[^aeiouysxzcghl]es$|[aeiouy]les$|thes$"),  # makes; not boxes, tables
    re.compile(r"[^aeiouytd]ed$"),  # walked; not needed
    re.compile(
        r"[^aeiouyl]e(?:ly|ful|fully|less|ment|ments|ness)$"
    ),  # lately, movement
    re.compile(
        r"^(?:some|home|time|life|fore|care|nine)(?!ly|less|ful)[b-df-hj-np-tv-z]"
    ),
)
_APART = (
    re.compile(r"[aeiouy]ing(?:s|ly)?$"),  # playing
    re.compile(r"[^ctsgx]ia"),  # media, diagnose; not special
    re.compile(r"[^ctsgx]io(?!us)"),  # period; not nation
    re.compile(r"[^aeioucgq]u(?:al|at)"),  # gradual
    re.compile(r"[dnr]i(?:ous|ou$)|deo"),  # serious, video
    re.compile(r"[^aeioucg]ie(?:r|st)$|[^ctsg]ien[ct]|ism$"),  # easier, autism
    re.compile(r"[bdfgkpst]nt$"),  # didnt, with the apostrophe gone
)
# Without apostrophes.
_LISTED = {
    word: count
    for count, words in (
        (1, "eyed clothes friend"),
        (2, "people being doing going trial diet quiet poem poet peoples client"),
        (2, "science riot every evening giant wasnt isnt fewer seeing something"),
        (3, "area areas idea ideas created creates creating element reality"),
        (3, "everything everyone anyone"),
        (4, "evaluate evaluates especially"),
    )
    for word in words.split()
}


def syllables(word: str) -> int:
    """Return the number of syllables, at least one; hyphens divide a word."""
    return sum(map(_of_part, filter(None, word.split("-")))) or 1


def _of_part(part: str) -> int:
    apart = unicodedata.normalize("NFKD", part).casefold()
    letters = "".join(c for c in apart if c.isascii() and c.isalnum())
    if letters in _LISTED:
        return _LISTED[letters]
    count = len(_RUNS.findall(letters))
    count -= sum(bool(silent.search(letters)) for silent in _SILENT)
    count += sum(len(two.findall(letters)) for two in _APART)
    return max(count, 1)
