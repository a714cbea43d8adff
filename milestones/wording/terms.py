"""What must not be said, why, and what only looks like it. English only.

One row for each reason. Phrases stand one to a line or apart by `|`, in lower case;
`{name}` stands for any of `SETS`, `{name?}` for any of them or none. A phrase that
ends in "..." speaks of what follows: in "not diagnosed with autism" the "not"
reaches "autism" too.

The naming of a condition is a finding even where it is denied ("does not have
autism"): a screening excludes as little as it establishes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "diagnosis", "promise", "harmless", "frame", "not", "after", "break", "and", "verb"
]

SETS = {
    "is": "is | are | was | looks | seems | appears | 's",
    "surely": "surely | certainly | definitely | probably | likely | soon | eventually"
    " | just | simply | all | quickly | fully | completely | in time",
    "very": "perfectly | completely | totally | absolutely | entirely | just | quite"
    " | definitely | certainly | very likely",
    "will": "will | 'll | going to | sure to | bound to | certain to",
    "cannot": "cannot | can not | can't | could not | couldn't | can never",
    "does not": "does not | doesn't | do not | don't | did not | didn't"
    " | need not | would not | may not",
    "nobody": "nobody | no one | no test | no screening | no screen",
    "specialist": "specialist | doctor | clinician | pediatrician | paediatrician"
    " | psychologist | professional | full evaluation | evaluation | team"
    " | specialists | doctors | clinicians | professionals",
    "tool": "screening | screen | checklist | questionnaire | tool | score",
    "condition": "autism | autism spectrum disorder | autism spectrum | asd | adhd",
    "look": "screen | screens | screened | screening | screening test | check | checks"
    " | checked | test | tests | tested | testing | evaluate | evaluated | evaluation"
    " | assess | assessed | assessment",
    "it": "it | this | that | these | them",
    "child": "he | she | they | it | your child",
    "fine": "fine | ok | okay | all right | alright | normal | healthy",
    "skill": "talk | speak | walk | read | learn | catch up | be able to | be normal"
    " | live | improve | get better | recover",
    "development": "development | speech | language | talking | movement | behavior"
    " | behaviour | child | he | she | everything | all"
    " | child | result | results | score | scores | screen | screening",
    "confirmed": "made | given | diagnosed | confirmed | established | decided | proven"
    " | known | predicted | promised | guaranteed",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """Phrases that are read alike, and the reason for it."""

    kind: Kind
    why: str
    phrases: str
    deniable: bool = False
    """A "not" a few words before takes it back: "this is not a diagnosis"."""


TERMS = (
    # --- Diagnosis: what a screening cannot establish ---
    Term(
        kind="diagnosis",
        why="To diagnose takes an evaluation; a screening says who needs one.",
        deniable=True,
        phrases="""
        diagnosis | diagnosis of ... | diagnoses | diagnoses of ... | diagnose ...
        diagnosed | diagnosed with ... | diagnosed as ... | diagnosing ...
        diagnostic of ... | meets criteria for ... | meets the criteria for ...
        meets diagnostic criteria | meets the diagnostic criteria
        """,
    ),
    Term(
        kind="diagnosis",
        why="Autism is diagnosed by an evaluation, never by a screening score.",
        phrases="""
        {condition} | autistic | autism spectrum disorders | autistic spectrum
        on the spectrum | asperger | asperger's | aspergers | asperger's syndrome
        pervasive developmental disorder | pdd | pdd-nos
        """,
    ),
    Term(
        kind="diagnosis",
        why="A condition by name, which a screening cannot establish.",
        phrases="""
        attention deficit | attention deficit disorder | hyperkinetic
        attention deficit hyperactivity disorder | cerebral palsy | epilepsy
        muscular dystrophy | brain damage | brain damaged | brain injury
        apraxia | dyspraxia | dyslexia | dyslexic | dysphasia | aphasia | dyscalculia
        microcephaly | hearing loss | hearing impairment | visual impairment
        language impairment | speech impairment
        selective mutism | tourette | tourette's | is deaf | is blind | deafness
        mental illness | mentally ill | psychosis | psychotic | neurodivergent
        """,
    ),
    Term(
        kind="diagnosis",
        why="A disability is found by tests of thinking and of daily life.",
        phrases="""
        intellectual disability | intellectual disabilities | intellectually disabled
        intellectual impairment | intellectually impaired | cognitive impairment
        cognitively impaired | learning disability | learning disabilities
        learning disabled | developmental disability | developmental disabilities
        developmentally disabled | mental disability | mentally disabled
        is disabled | mental deficiency | subnormal
        """,
    ),
    Term(
        kind="diagnosis",
        why='"Delay" is a finding of an evaluation; say which skills are not seen yet.',
        phrases="""
        global developmental delay | developmental delay | developmental delays
        developmentally delayed | global delay | globally delayed | gdd
        speech delay | language delay | motor delay | cognitive delay
        """,
    ),
    Term(
        kind="diagnosis",
        why="A screening cannot establish a disorder.",
        phrases="disorder | disorders | syndrome | syndromes | pathological",
    ),
    Term(
        kind="diagnosis",
        why="Out of date and hurtful; no clinical term.",
        phrases="""
        retarded | retardation | retard | handicapped | mentally handicapped
        mongoloid | crippled | feeble-minded | slow learner | imbecile | moron
        """,
    ),
    Term(
        kind="diagnosis",
        why="A verdict on the child; a screening compares answers with a list.",
        phrases="""
        abnormal | abnormally | abnormality | abnormalities | not normal
        isn't normal | is not {very?} normal | subnormally
        """,
    ),
    Term(
        kind="diagnosis",
        why='"Normal" is a verdict too, and a screening can miss a child.',
        phrases="""
        normal development | normal developmental | normally developing
        develops normally | developing normally | developing {very?} normally
        developed normally | typically developing | neurotypical
        {development} {is} {very?} normal | normal for age | within normal limits
        normal for his age | normal for her age | normal for their age
        normal for this age | perfectly normal | completely normal
        normal child | normal boy | normal girl | normal result | normal results
        """,
    ),
    # --- Promise: what nobody can know of one child ---
    Term(
        kind="promise",
        why="Nobody can know that a child will catch up.",
        phrases="""
        {will} {surely?} catch up | {will} {surely?} catch right up
        always catch up | always catches up | all children catch up
        every child catches up | all catch up | is catching up fast
        {will} {surely?} even out
        """,
    ),
    Term(
        kind="promise",
        why="To wait for a child to outgrow it can cost the months that matter.",
        phrases="""
        grow out of {it} | grows out of {it} | grew out of {it} | growing out of {it}
        {will} {surely?} grow out of {it} | {will} {surely?} grow out of
        outgrow {it} | outgrows {it} | {will} {surely?} outgrow
        just a phase | only a phase | nothing but a phase | just a late bloomer
        safe to wait | safely wait
        """,
    ),
    Term(
        kind="promise",
        why="Reassurance beyond what is known; it keeps families from calling.",
        phrases="""
        nothing to worry about | nothing to be worried about | nothing to fear
        nothing is wrong | nothing wrong with | nothing at all to worry about
        there is nothing wrong | there's nothing wrong | nothing serious
        nothing to be concerned about | no reason at all to worry | needn't worry
        would not worry | wouldn't worry | do not be worried | don't be worried
        no need to worry | no need to be worried | no need for concern
        no reason to worry | no reason for concern | no reason for worry
        no reason to be concerned | no cause for concern | no cause for worry
        no cause for alarm | {does not} need to worry | {does not} have to worry
        do not worry | don't worry | need not worry | not to worry | should not worry
        shouldn't worry | stop worrying | no worries
        rest assured | you can relax | not at risk | no risk of
        """,
    ),
    Term(
        kind="promise",
        why="Nobody can know how one child will do.",
        phrases="""
        {will} {surely?} be {fine} | {will} be {very} {fine}
        {will} {surely?} turn out {fine} | {will} {surely?} do fine
        {will} {surely?} get better | {child} {will} {surely?} improve
        {will} {surely?} get there | {will} be healed | all will be well
        {will} {surely?} recover | {will} {surely?} go away | {will} {surely?} disappear
        {will} resolve itself | {will} resolve by itself | {will} resolve on its own
        {will} resolve with time | {will} pass with time | {will} pass in time
        {will} {surely?} be able to talk | {will} {surely?} be able to walk
        {will} {surely?} be able to speak | {will} {surely?} start talking
        {will} {surely?} start walking | {will} {surely?} start speaking
        {will} be {very?} cured | full recovery | complete recovery
        everything is {very?} fine | everything is going to be {fine}
        """,
    ),
    Term(
        kind="promise",
        why="Nobody can know that a child will never do something either.",
        phrases="""
        {will} never {skill} | {will} not ever {skill} | won't ever {skill}
        {will} not catch up | won't catch up | hopeless | no hope
        """,
    ),
    Term(
        kind="promise",
        why="Certainty that a screening does not have.",
        deniable=True,
        phrases="""
        guarantee ... | guarantees ... | guaranteed ... | guaranteed
        promise that ... | promise you ... | promise you that ... | promise {child} ...
        definitely {fine} | certainly {fine} | absolutely {fine} | perfectly fine
        perfectly ok | perfectly okay | perfectly healthy | completely healthy
        totally fine
        completely fine | 100% {fine} | 100% certain | 100% sure | 100 percent certain
        100 percent sure | without a doubt | without any doubt | beyond doubt
        beyond any doubt | definitely on track | certainly on track
        """,
    ),
    Term(
        kind="promise",
        why="Help supports a child; it is no cure, and may not be sold as one.",
        deniable=True,
        phrases="""
        cure | cures | cured | curing | curable | miracle | miracles | will fix {it}
        """,
    ),
    # --- What only looks like it ---
    Term(
        kind="harmless",
        why="The name of a test, a service or a step, not of what the child has.",
        phrases="""
        {condition} screen | {condition} screens | {condition} screening
        {condition} screenings | {condition} specific | {condition} evaluation
        {condition} evaluations | {condition} assessment | {condition} questionnaire
        {condition} screener | {condition} checklist | {condition} clinic
        {condition} specialist | {condition} services | {condition} team
        diagnostic evaluation | diagnostic evaluations | diagnostic assessment
        """,
    ),
    Term(
        kind="harmless",
        why="Other uses of the same words.",
        phrases="""
        {will} be fine motor | {will} be fine tuned
        do not worry if you | don't worry if you
        {will} be okay to | {will} be ok to | typically developing children
        typically developing peers | not only | not just | not because | no doubt
        """,
    ),
    # --- What is said not to be known: nothing in the clause is a finding ---
    Term(
        kind="frame",
        why="It says that the screening, or anybody, cannot know.",
        phrases="""
        whether | whether or not | {does not} mean | {does not} necessarily mean
        {does not} prove | not mean | {cannot} diagnose | {cannot} establish
        {cannot} confirm
        {cannot} prove | {cannot} predict | {cannot} promise | {cannot} guarantee
        {cannot} say that | {cannot} say if | {cannot} tell if | {cannot} tell that
        {cannot} tell us if | {cannot} tell you if | {does not} tell us if
        {does not} tell you if | {does not} show if | {does not} say if
        unable to diagnose | unable to confirm | {tool} {cannot} rule out
        {tool} {does not} rule out | can miss | may miss | might miss
        {cannot} know that | {cannot} know if | {cannot} be sure that
        {nobody} can know | {nobody} can say | {nobody} can tell | {nobody} can promise
        {nobody} can diagnose | {nobody} can guarantee | {nobody} knows
        not know if | don't know if | unclear if | not clear if | no way to know
        only a {specialist} can | only an evaluation can | only {specialist} can
        not a test for | no test for | not the same as
        """,
    ),
    Term(
        kind="frame",
        why="It names what is looked for, not what was found.",
        phrases="{look} for | screening tool for | family history of",
    ),
    Term(
        kind="after",
        why="The same, said after the condition.",
        phrases="""
        {cannot} be {confirmed} | can only be {confirmed} | is only {confirmed} by
        is not something we can | is not something a
        {does not} follow from | {does not} follow
        """,
    ),
    Term(
        kind="not",
        why="It takes back what can be taken back.",
        phrases="""
        not | no | never | neither | nor | without | cannot | isn't | aren't | wasn't
        weren't | can't | couldn't | don't | doesn't | didn't | won't | wouldn't
        hasn't | haven't | hadn't | shouldn't | none | rather than | instead of
        """,
    ),
    Term(
        kind="break",
        why="A new statement begins: what was denied before stays behind.",
        phrases="""
        but | however | although | though | because | since | so | while | when
        or not | which | yet it | unless | until | therefore
        """,
    ),
    Term(kind="and", why="May begin a statement.", phrases="and | plus"),
    Term(
        kind="verb",
        why="Makes a statement of what stands before it.",
        phrases="is | was | are | were | has | seems | looks | appears | remains",
    ),
)
