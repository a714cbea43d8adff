"""Behind a case: earlier screenings, how the draft was made, what happened so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.actions import Action
from audit.models import Audit
from audit.pages import icon
from milestones.ages import checklist_age, corrected_months
from milestones.checklist import DOMAINS, checklist
from milestones.clock import next_window
from screening.admin.charts import Point, screenings, short_age
from screening.admin.child import name_of_domain, yes_by_domain
from screening.admin.review_parts import name_of, who_words
from screening.models import Job, Review
from screening.reports import WORDS
from screening.results import RISING
from screening.services.review import signed_before

MOST_EARLIER = 6
MOST_EVENTS = 12
SIGNS = {
    Action.JOB_SUBMITTED: ("down", "Submitted"),
    Action.JOB_STARTED: ("machine", "Taken up"),
    Action.JOB_RELEASED: ("wait", "To be tried again"),
    Action.JOB_COMPLETED: ("check", "Drafted"),
    Action.JOB_FAILED: ("stop", "No draft could be made"),
    Action.JOB_CANCELLED: ("dash", "Cancelled"),
    Action.JOB_REPLAYED: ("up", "Sent again"),
    Action.STALE_RESULT_REFUSED: ("cross", "A late answer was refused"),
    Action.REVIEW_CLAIMED: ("person", "Claimed"),
    Action.REVIEW_RELEASED: ("person", "Claim given up"),
    Action.REVIEW_HANDED_OVER: ("right", "Handed over"),
    Action.REVIEW_SAVED: ("pencil", "Report saved"),
    Action.REVIEW_FLAG_ACKNOWLEDGED: ("shield", "Safety flag acknowledged"),
    Action.REVIEW_FAMILY_APPROVED: ("letter", "Family text approved"),
    Action.REVIEW_FAMILY_WITHDRAWN: ("cross", "Approval of the family text withdrawn"),
    Action.REVIEW_SECOND_READ_ASKED: ("blind", "Second read asked for"),
    Action.REVIEW_SECOND_READ: ("blind", "Second read given"),
    Action.REVIEW_ADJUDICATED: ("check", "Decided between the readers"),
    Action.REVIEW_SIGN_REFUSED: ("stop", "Signature refused"),
    Action.REVIEW_ESCALATED: ("urgent", "Escalated, because it was overdue"),
    Action.REVIEW_FOLLOW_UP_ASKED: ("calendar", "Follow-up asked for"),
}
ACTIONS = {action.value: action for action in Action}
BAD = {"stop", "cross"}
FOLLOW_UPS = {
    "rescreen": "New screening asked for",
    "referral": "Referral asked for",
}


# --- People ------------------------------


def names_of(pks: Iterable[int]) -> dict[int, str]:
    """Name people, in one query; nobody asks where nobody is to be named."""
    wanted = set(pks)
    if not wanted:
        return {}
    people = User.objects.filter(pk__in=wanted)
    return {
        person.pk: name_of(person)
        for person in people.only("username", "first_name", "last_name")
    }


def persons_in(events: Iterable[Audit]) -> set[int]:
    """Return the numbers of the people who did what the events tell of."""
    numbers = (event.actor.removeprefix("user:") for event in events)
    return {int(number) for number in numbers if number.isdecimal()}


# --- Earlier screenings ------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Screening:
    """One screening of the case, as far as the picture and the table need it."""

    risk: str
    corrected: float | None
    counts: Mapping[str, tuple[int, int]]

    @property
    def head(self) -> str:
        """Name it by the corrected age."""
        return "no age" if self.corrected is None else short_age(self.corrected)


@dataclass(frozen=True, kw_only=True, slots=True)
class Earlier:
    """The signed screenings before this one, and this one beside them."""

    said: str
    picture: SafeString
    heads: list[str]
    rows: list[tuple[str, list[str]]]


def earlier_of(review: Review) -> Earlier | None:
    """Gather the signed screenings of the case before this one; None if none is."""
    rows = signed_before(review, most=MOST_EARLIER)
    if not rows:
        return None
    signed = [_screening(*row) for row in reversed(rows)]
    payload = review.job.payload
    now = _screening(
        review.job.risk,
        payload.get("age_months"),
        payload.get("gestational_weeks"),
        payload.get("milestones"),
    )
    following = None if now.corrected is None else next_window(now.corrected)
    every = [*signed, now]
    names = [name_of_domain(domain) for domain in DOMAINS]
    return Earlier(
        said=f"{len(signed)} signed, one open",
        picture=screenings(
            [point for each in signed if (point := _point(each))],
            _point(now),
            following.months if following else None,
        ),
        heads=[*(each.head for each in signed), "now"],
        rows=[(name, [_count(each, name) for each in every]) for name in names],
    )


def _screening(risk: str, age: Any, weeks: Any, answers: Any) -> Screening:
    corrected = None if age is None else corrected_months(age, weeks)
    months = None if corrected is None else checklist_age(corrected)
    own = () if months is None else checklist(months)
    return Screening(
        risk=risk, corrected=corrected, counts=yes_by_domain(answers or {}, own)
    )


def _point(screening: Screening) -> Point | None:
    if screening.corrected is None:
        return None
    return Point(months=screening.corrected, risk=screening.risk)


def _count(screening: Screening, name: str) -> str:
    found = screening.counts.get(name)
    return f"{found[0]} of {found[1]}" if found else "none"


# --- What happened ------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Happened:
    """One event, as people say it."""

    kind: str
    sign: SafeString
    at: SafeString
    words: str
    more: str
    who: str


def happened(
    events: Iterable[Audit], job: Job, names: Mapping[int, str]
) -> list[Happened]:
    """Put events into words; what is in their detail is not shown as it is kept."""
    told = list(events)
    days = [timezone.localdate(event.occurred_at) for event in told]
    is_new = [True, *(a != b for a, b in pairwise(days))] if told else []
    return [
        _told(event, job, names, with_day=new and day != timezone.localdate())
        for event, day, new in zip(told, days, is_new, strict=True)
    ]


def _told(
    event: Audit, job: Job, names: Mapping[int, str], *, with_day: bool
) -> Happened:
    action = ACTIONS.get(event.action)
    sign, words = ("info", event.get_action_display())
    if action in SIGNS:
        sign, words = SIGNS[action]
    kind = "is-person" if event.actor.startswith("user:") else ""
    return Happened(
        kind="is-bad" if sign in BAD else kind,
        sign=icon(sign),
        at=_at(event.occurred_at, with_day=with_day),
        words=_words(event, action, words, job),
        more=_more(event),
        who=who_words(event.actor, names),
    )


def _words(event: Audit, action: Action | None, words: str, job: Job) -> str:
    if action == Action.JOB_COMPLETED and event.attempt == job.attempt:
        drafted = WORDS.get(job.model_risk, job.model_risk)
        if job.model_risk not in RISING:
            return "Answered, and could not be used"
        is_raised = job.risk != job.model_risk
        raised = f", raised to {WORDS.get(job.risk, job.risk)}" if is_raised else ""
        return f"Drafted as {drafted}{raised}"
    if action == Action.REVIEW_FOLLOW_UP_ASKED:
        return FOLLOW_UPS.get(str(event.detail.get("kind")), words)
    return words


def _more(event: Audit) -> str:
    version = event.detail.get("version")
    if event.action == Action.REVIEW_SAVED and isinstance(version, int):
        return f", version {version}"
    return ""


def _at(moment: datetime, *, with_day: bool) -> SafeString:
    local = timezone.localtime(moment)
    day = f"{local.day} {local:%b} " if with_day else ""
    return format_html(
        '<time datetime="{}">{}{}</time>',
        local.isoformat(timespec="seconds"),
        day,
        f"{local:%H:%M}",
    )
