"""The words that tell a missing skill from one that is there.

Each set is read by `milestones.free_text`; the words stand as they are written, in
lower case, or as the pairs that `milestones.words` makes of them ("no_longer").
"""

from __future__ import annotations

from milestones.words import listed

NOT = listed(
    """
    not no never cannot cant dont doesnt didnt isnt arent wasnt werent wont hasnt
    havent hadnt couldnt wouldnt aint nor neither hardly barely rarely seldom
    scarcely yet_to nobody
    """
)
# Before a noun: "no concerns", and "no speech concerns", say nothing of speech.
DETERMINERS = listed("no nor neither")
# These deny worries, losses and troubles, but not skills: "walks without support".
DENIALS = listed("without denies denied deny denying nothing")
PAST = listed("didn't didnt wasn't wasnt weren't werent couldn't couldnt hadn't hadnt")
# With these, "no words" is rather "not many words".
FEW = listed(
    """
    much many lot enough limited poor minimal reduced delay delayed behind slow late
    """
)

# A difficulty, and within how many words the skill must be named.
TROUBLE = (
    dict.fromkeys(
        listed(
            """
            trouble difficulty difficulties struggle struggles struggling
            struggled unable inability incapable
            """
        ),
        4,
    )
    | dict.fromkeys(
        listed("fail fails failed failing refuses problem problems issue issues"), 3
    )
    | dict.fromkeys(
        listed(
            """
            delay delays delayed behind late lack lacks lacking limited poor
            minimal reduced absent avoids avoiding
            """
        ),
        2,
    )
)
TROUBLE_AFTER = listed(
    """
    delay delays delayed behind limited poor minimal reduced absent lacking fleeting
    late
    """
)
GOOD = listed("good great clear well there coming developing improving present")
PROBLEM = listed(
    "doubt question complaint complaints flag flags risk history signs"
) | frozenset(TROUBLE)
PROBLEM_NOUNS = listed(
    """
    problem problems issue issues trouble difficulty difficulties delay delays
    """
)
CONCERN = listed(
    "worried worry worries worrying worrisome concerned concern concerns"
) | {"concerning"}
CONCERN_NOUNS = listed("concern concerns worries")

# After "not", these take it off what follows: "can't stop talking", "not only walks".
UNDONE = listed(
    """
    only just merely simply solely stop stops stopping wait help uncommon unusual
    """
)
# And these take it off skills alone: "does not need help walking", "no need to worry".
HARMLESS = listed(
    """
    need needs needed needing mind minds hesitate hate afraid scared shy tired bored
    reason
    """
)
UNSURE = listed("always consistently reliably sure certain")
NOT_KNOWN = listed("unsure_if unsure uncertain")
ADVERBS = listed(
    """
    yet really even still actually ever quite very also currently clearly bit
    somewhat rather seem seems remains
    """
)

LOST = {"no_longer": 6} | dict.fromkeys(
    listed("lost losing loses loss forgot forgotten"), 3
)
STOPPED = dict.fromkeys(listed("stopped quit ceased"), 3)
NOT_A_SKILL = listed(
    """
    weight interest balance appetite tooth teeth toy toys shoe shoes temper hair
    hearing consciousness
    """
)
SKILLS_IN_GENERAL = listed("skill skills ability abilities milestones")
REGRESSION = listed("regressed regression regressing regresses regress")
NOT_DEVELOPMENT = listed("sleep sleeping potty toilet toileting feeding")

BREAKS = listed(
    """
    but however although though because since so while when whenever unless then
    instead till until after before if whether
    """
)
JOINS = listed("or and nor even")
EXCEPT = listed("except besides outside")
# "Call if she is not walking by 18 months" says nothing of today.
ASKS_LATER = listed("call return refer recheck contact review")
NOW = listed("now currently nowadays today")
NONE = listed("none nothing silent stopped")
NO_ANSWER = listed("no not none never nope nil denied absent negative")

MORE_THAN = listed("more over least above beyond plus")
ONLY = listed("only just fewer less under barely hardly max no_more maybe")
WORD_KINDS = listed("clear real different single spoken other total")
HAS_WORDS = listed("say hav use know speak vocabulary")
NOT_A_VOCABULARY = listed(
    """
    together phras phrases sentenc tim long utteranc each every per week month day
    put combin join string
    """
)
# How many words a child of that checklist age, in months, is expected to have: where
# the note says "says N words", and where it says "only N words".
EXPECTED_WORDS = {
    12: (1, 1),
    15: (1, 1),
    18: (3, 3),
    24: (10, 50),
    30: (40, 50),
    36: (50, 50),
    48: (50, 50),
    60: (50, 50),
}


def is_not(text: str) -> bool:
    """Say whether a word denies what follows it."""
    return text in NOT or text.endswith("n't")
