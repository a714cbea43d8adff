"""What is found in a text, and what is left alone. All texts are invented."""

from __future__ import annotations

import pytest

from milestones.checklist import AGES, checklist, items
from milestones.rules import assess
from milestones.wording import findings
from milestones.wording.terms import SETS, TERMS
from milestones.wording.unsafe import _spelled_out

DIAGNOSES = [
    ("Your child has autism.", "autism"),
    ("AUTISM IS LIKELY.", "AUTISM"),
    ("Your child may have autism.", "autism"),
    ("Possible autism spectrum disorder.", "autism spectrum disorder"),
    ("Signs fit ASD.", "ASD"),
    ("He is autistic.", "autistic"),
    ("She is on the spectrum.", "on the spectrum"),
    ("This looks like Asperger's.", "Asperger's"),
    ("PDD-NOS is likely.", "PDD-NOS"),
    ("He has ADHD.", "ADHD"),
    ("Attention deficit is likely.", "Attention deficit"),
    ("This is cerebral palsy.", "cerebral palsy"),
    ("Findings point to an intellectual disability.", "intellectual disability"),
    ("She is intellectually disabled.", "intellectually disabled"),
    ("A cognitive impairment is present.", "cognitive impairment"),
    ("He has a learning disability.", "learning disability"),
    ("Developmental disabilities run deep.", "Developmental disabilities"),
    ("He has global developmental delay.", "global developmental delay"),
    ("A developmental delay was found.", "developmental delay"),
    ("She is developmentally delayed.", "developmentally delayed"),
    ("GDD is clear.", "GDD"),
    ("Your child has a disorder.", "disorder"),
    ("A language disorder is likely.", "disorder"),
    ("He has two disorders.", "disorders"),
    ("This is a syndrome.", "syndrome"),
    ("She has Down's syndrome.", "syndrome"),
    ("He has apraxia of speech.", "apraxia"),
    ("Your child has dyslexia.", "dyslexia"),
    ("Your child is deaf.", "is deaf"),
    ("She has epilepsy.", "epilepsy"),
    ("It is Tourette's.", "Tourette's"),
    ("He is mentally ill.", "mentally ill"),
    ("He has been diagnosed with delay.", "diagnosed with"),
    ("She is diagnosed.", "diagnosed"),
    ("The diagnosis is clear.", "diagnosis"),
    ("We diagnose your child today.", "diagnose"),
    ("He meets criteria for a referral code.", "meets criteria for"),
    ("The child is retarded.", "retarded"),
    ("He is mentally handicapped.", "mentally handicapped"),
    ("She is a slow learner.", "slow learner"),
    ("The gait is abnormal.", "abnormal"),
    ("He moves abnormally.", "abnormally"),
    ("No abnormality was seen.", "abnormality"),
    ("This is not normal.", "is not normal"),
    ("His play isn't normal.", "isn't normal"),
    ("This shows normal development.", "normal development"),
    ("Your child is developing normally.", "developing normally"),
    ("Your child's development is normal.", "development is normal"),
    ("Speech seems quite normal.", "Speech seems quite normal"),
    ("She is perfectly normal.", "She is perfectly normal"),
    ("He's normal.", "He's normal"),
    ("Talking is normal for her age.", "Talking is normal"),
    ("He is typically developing.", "typically developing"),
    # A screening excludes as little as it establishes.
    ("Your child does not have autism.", "autism"),
    ("There is no sign of a disorder.", "disorder"),
    ("No autism.", "autism"),
    ("Autism cannot be ruled out.", "Autism"),
    # The denial ends before.
    ("This is not a diagnosis, but he has autism.", "autism"),
    ("This is not a diagnosis and he has autism.", "autism"),
    ("This is not a diagnosis, he has autism.", "autism"),
    ("This is not a diagnosis. He has autism.", "autism"),
    ("This is not a diagnosis; autism is likely.", "autism"),
    ("We cannot diagnose here\nAutism is likely", "Autism"),
    ("He does not talk because he was diagnosed.", "diagnosed"),
    ("He does not point and was diagnosed.", "diagnosed"),
    ("A screening cannot diagnose autism, ADHD is likely though.", "ADHD"),
    ("We cannot diagnose autism and the disorder is clear.", "disorder"),
    ("He was screened for autism and is autistic.", "autistic"),
    ("He cannot say words due to autism.", "autism"),
    ("This is not only a diagnosis.", "diagnosis"),
    ("The screen was positive for autism.", "autism"),
    ("Whether he talks or not he has autism.", "autism"),
    ("A speech delay is likely.", "speech delay"),
    ("His scores are normal.", "scores are normal"),
    ("She has a hearing loss.", "hearing loss"),
]

PROMISES = [
    ("Your child will catch up.", "will catch up"),
    ("Your child will catch up with time.", "will catch up"),
    ("He will soon catch up.", "will soon catch up"),
    ("They'll catch up.", "They'll catch up"),
    ("She's going to catch up.", "going to catch up"),
    ("He is bound to catch up.", "bound to catch up"),
    ("All children catch up.", "All children catch up"),
    ("Late talkers always catch up.", "always catch up"),
    ("He will grow out of it.", "will grow out of it"),
    ("She'll simply grow out of this.", "She'll simply grow out of this"),
    ("Children grow out of it.", "grow out of it"),
    ("He will outgrow this.", "will outgrow"),
    ("It is just a phase.", "just a phase"),
    ("He is just a late bloomer.", "just a late bloomer"),
    ("It is safe to wait.", "safe to wait"),
    ("There is nothing to worry about.", "nothing to worry about"),
    ("There is no need to worry.", "no need to worry"),
    ("There is no cause for concern.", "no cause for concern"),
    ("You don't need to worry.", "don't need to worry"),
    ("You do not have to worry.", "do not have to worry"),
    ("Do not worry.", "Do not worry"),
    ("Rest assured.", "Rest assured"),
    ("Nothing is wrong.", "Nothing is wrong"),
    ("I see nothing wrong with her.", "nothing wrong with"),
    ("He is not at risk.", "not at risk"),
    ("There is no risk of delay.", "no risk of"),
    ("Your child will be fine.", "will be fine"),
    ("She will be just fine.", "will be just fine"),
    ("It will certainly be okay.", "will certainly be okay"),
    ("It'll be all right.", "It'll be all right"),
    ("He will turn out fine.", "will turn out fine"),
    ("He will be normal.", "will be normal"),
    ("Speech will get better.", "will get better"),
    ("She will fully recover.", "will fully recover"),
    ("We expect a full recovery.", "full recovery"),
    ("This will go away.", "will go away"),
    ("It will resolve on its own.", "will resolve on its own"),
    ("He will be able to talk.", "will be able to talk"),
    ("She will start talking.", "will start talking"),
    ("Everything is fine.", "Everything is fine"),
    ("She is definitely fine.", "definitely fine"),
    ("She is 100% fine.", "100% fine"),
    ("We are 100 percent sure.", "100 percent sure"),
    ("This works without a doubt.", "without a doubt"),
    ("He is definitely on track.", "definitely on track"),
    ("Success is guaranteed.", "guaranteed"),
    ("We guarantee results.", "guarantee"),
    ("We promise that he talks by three.", "promise that"),
    ("He will be cured.", "will be cured"),
    ("Therapy is the cure.", "cure"),
    ("Speech therapy cures this.", "cures"),
    ("He will never talk.", "will never talk"),
    ("She won't catch up.", "won't catch up"),
    ("It is hopeless.", "hopeless"),
    ("There's nothing wrong.", "There's nothing wrong"),
    ("You needn't worry.", "needn't worry"),
    ("She will definitely improve.", "She will definitely improve"),
    ("Boys talk late; he'll get there.", "he'll get there"),
    ("Early help will fix this.", "will fix this"),
    ("He is completely healthy.", "completely healthy"),
    ("This is not a promise, but he will be fine.", "will be fine"),
    ("Don't wait. He will catch up.", "will catch up"),
]

LEFT_ALONE = [
    "",
    "   ",
    "This is not a diagnosis.",
    "This is no diagnosis.",
    "This isn't a diagnosis.",
    "This isn\u2019t a diagnosis.",
    "This tool makes no diagnosis.",
    "This is not meant to be a diagnosis.",
    "Supports a clinician's judgement and makes no diagnosis.",
    "A screening cannot diagnose.",
    "A screening can't diagnose autism.",
    "A screening can not diagnose autism.",
    "A screening does not diagnose autism.",
    "This is not a diagnosis of autism.",
    "This is not a diagnosis of autism, ADHD or cerebral palsy.",
    "A screening cannot diagnose autism, ADHD, or any other disorder.",
    "A screening cannot establish a disorder.",
    "We cannot confirm a developmental delay here.",
    "He has not been diagnosed with autism.",
    "This does not mean that your child has autism.",
    "It doesn't mean your child has a disorder.",
    "We do not know whether your child has a disorder.",
    "It is too early to say whether this is autism.",
    "Only a specialist can diagnose autism.",
    "Only a full evaluation can show a developmental delay.",
    "Autism cannot be diagnosed by a screening.",
    "A disorder cannot be established by a checklist.",
    "You do not need a diagnosis to get help.",
    "This list is not a test for autism.",
    "An autism-specific screen is due at 18 months.",
    "Autism screening is due at 24 months.",
    "We screen for autism at 18 months.",
    "All children are screened for autism and developmental delay.",
    "Refer for an autism evaluation.",
    "A diagnostic evaluation is the next step.",
    "A diagnosis can only be made by a specialist.",
    "Only specialists can make a diagnosis.",
    "A screening can miss a disorder.",
    "A screening cannot rule out autism.",
    "The screening can't tell us if your child has autism.",
    "No screening can tell if your child has a disorder.",
    "This tool is unable to diagnose.",
    "Whether or not your child has autism, early help is useful.",
    "Call the autism clinic.",
    "Hearing was tested.",
    "Family history of epilepsy.",
    "Nobody can know that a child will catch up.",
    "No one can promise that he will catch up.",
    "We cannot promise that your child will catch up.",
    "We can't say if she will be fine.",
    "Nobody knows whether he will catch up.",
    "We cannot guarantee that he will catch up.",
    "There is no guarantee that he will catch up.",
    "There is no guarantee.",
    "Results are not guaranteed.",
    "There is no cure.",
    "Therapy is not a cure.",
    "Your child may catch up.",
    "Some children catch up and some do not.",
    "Will my child catch up?",
    "Please catch up on vaccines.",
    "The next tasks will be fine motor tasks.",
    "Do not worry if you are not sure of an answer.",
    "The mother does not worry about speech.",
    "The family is worried.",
    "If you feel worried, please tell us.",
    "Your care team will talk with you about the next steps.",
    "It is normal to feel worried.",
    "He plays beside typically developing peers.",
    "On track: every item answered is met.",
    "Your child is doing well in play and movement.",
    "Talking is a little behind what we expect at this age.",
    "We will test hearing and vision.",
    "The room was in disorderly shape.",
    "The line was secured and obscured.",
    "He is asdfgh.",
    "Graded as D.",
    "Let us add a note.",
    "If the worry is global, delay the visit.",
    "Your child has a cold.",
    "Refer to early intervention for a language evaluation.",
    "Uses no words besides mama and dada; turns to own name.",
]

DISGUISED = [
    ("He has au\u200btism.", "au\u200btism"),
    ("He has au\u00adtism.", "au\u00adtism"),
    ("He has au\u2060tis\ufeffm.", "au\u2060tis\ufeffm"),
    ("He has au-tism.", "au-tism"),
    ("He has au-\ntism.", "au-\ntism"),
    (
        "He has a\u2011u\u2011t\u2011i\u2011s\u2011m.",
        "a\u2011u\u2011t\u2011i\u2011s\u2011m",
    ),
    ("He has a.u.t.i.s.m today.", "a.u.t.i.s.m"),
    ("He has A.S.D. now.", "A.S.D"),
    (
        "He has \uff41\uff55\uff54\uff49\uff53\uff4d.",
        "\uff41\uff55\uff54\uff49\uff53\uff4d",
    ),
    (
        "He has \U0001d41a\U0001d42e\U0001d42d\U0001d422\U0001d42c\U0001d426.",
        "\U0001d41a\U0001d42e\U0001d42d\U0001d422\U0001d42c\U0001d426",
    ),
    ("He has \u0430utism.", "\u0430utism"),
    ("He has aut\u00edsm.", "aut\u00edsm"),
    ("He has auti\u0301sm.", "auti\u0301sm"),
    ("He has **autism**.", "autism"),
    ("He has cerebral-palsy.", "cerebral-palsy"),
    ("He has cerebral\u00a0palsy.", "cerebral\u00a0palsy"),
    ("He has cerebral  \n palsy.", "cerebral  \n palsy"),
    ("He has cerebral\nPalsy.", "cerebral\nPalsy"),
    ("He has cerebral\u200bpalsy.", "cerebral\u200bpalsy"),
    ("He has cerebral *palsy*.", "cerebral *palsy"),
    ("He will catch-up.", "will catch-up"),
    ("He\u2019ll catch up.", "He\u2019ll catch up"),
    ("He won\u2019t catch up.", "won\u2019t catch up"),
    ("\u201cAutism\u201d, he said.", "Autism"),
    ("autism/ADHD", "autism"),
    ("\u0130s autism", "autism"),
    ("\ufb01ne: she will be \ufb01ne", "will be \ufb01ne"),
]


def phrases(text, kind=None):
    return [f.phrase for f in findings(text) if kind in {None, f.kind}]


@pytest.mark.parametrize(("text", "phrase"), DIAGNOSES)
def test_it_finds_what_diagnoses(text, phrase):
    assert phrase in phrases(text, "diagnosis")


@pytest.mark.parametrize(("text", "phrase"), PROMISES)
def test_it_finds_what_promises(text, phrase):
    assert phrase in phrases(text, "promise")


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_it_leaves_alone_what_neither_diagnoses_nor_promises(text):
    assert phrases(text) == []


@pytest.mark.parametrize(("text", "phrase"), DISGUISED)
def test_disguise_makes_no_difference(text, phrase):
    assert phrase in phrases(text)


@pytest.mark.parametrize("mark", ["\u200b", "\u00ad", "-", "'"])
def test_a_not_inside_a_word_denies_nothing(mark):
    (found,) = findings(f"A k{mark}not a diagnosis.")
    assert found.phrase == "diagnosis"


def test_the_examples_are_many_enough_to_mean_something():
    assert len({*DIAGNOSES, *PROMISES, *LEFT_ALONE}) >= 120


def test_a_finding_says_where_it_stands_in_the_text_as_given():
    text = "  He plays. \u201cHe\u2019ll catch\u200b up!\u201d He\u2019s autistic?\n"

    promise, diagnosis = findings(text)

    assert (promise.kind, promise.phrase) == ("promise", "He\u2019ll catch\u200b up")
    assert text[promise.start : promise.end] == promise.phrase
    assert promise.sentence == "\u201cHe\u2019ll catch\u200b up!\u201d"
    assert text[promise.sentence_start :].startswith(promise.sentence)
    assert (diagnosis.kind, diagnosis.phrase) == ("diagnosis", "autistic")
    assert diagnosis.sentence == "He\u2019s autistic?"


def test_one_sentence_may_hold_both():
    text = "Your child has a disorder that therapy will cure."

    assert [(f.kind, f.phrase) for f in findings(text)] == [
        ("diagnosis", "disorder"),
        ("promise", "cure"),
    ]


def test_each_finding_says_why():
    for text, _ in [*DIAGNOSES, *PROMISES]:
        assert all(f.why.endswith(".") for f in findings(text))


def written(term):
    """Return each phrase of a row, in its first and its last spelling."""
    lines = term.phrases.replace("|", "\n").splitlines()
    for line in filter(None, map(str.strip, lines)):
        spelled = _spelled_out(line.removesuffix("..."))
        yield from {" ".join(spelled[n].split()) for n in (0, -1)}


@pytest.mark.parametrize(
    "term", [t for t in TERMS if t.kind in {"diagnosis", "promise"}]
)
def test_each_phrase_of_the_table_is_found_as_what_it_is(term):
    for phrase in written(term):
        found = findings(f"We say: {phrase}.")
        assert [f.kind for f in found] == [term.kind], phrase
        assert found[0].phrase == phrase.lstrip("'").strip(), phrase


def test_no_phrase_of_the_table_means_two_things():
    kinds = {}
    for term in TERMS:
        for phrase in written(term):
            assert kinds.setdefault(phrase, term.kind) == term.kind, phrase


def test_every_set_is_used():
    used = " ".join(term.phrases for term in TERMS)

    assert [name for name in SETS if f"{{{name}" not in used] == []


def test_the_checklist_speaks_of_no_condition():
    assert [i.label for i in items().values() if findings(i.label)] == []


@pytest.mark.parametrize("age", [*AGES, 1, 100])
@pytest.mark.parametrize("missed", range(4))
@pytest.mark.parametrize("lost", [False, True])
def test_the_drafts_of_the_reference_rules_pass_their_own_check(age, missed, lost):
    keys = [item.key for item in checklist(age)]
    answers = dict.fromkeys(keys, "yes") | dict.fromkeys(keys[:missed], "not_yet")

    draft = assess(age_months=age, answers=answers, flags={"lost_skill": lost})

    told = [draft["parent_text"], *draft["summary"], *draft["recommendations"]]
    assert findings("\n".join(told)) == ()
