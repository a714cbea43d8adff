"""What was reported of a child, as a document shows it: ages, checklist, answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo

from milestones.ages import DAYS_PER_MONTH, PRETERM_BEFORE_WEEKS
from milestones.checklist import DOMAINS, items
from milestones.evidence import Evidence, gather
from screening.documents.signed import Reported, day_words

ANSWER_WORDS = {"yes": "yes", "not_yet": "not yet", "not_sure": "not sure"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """One fact about the child or the screening."""

    label: str
    value: str
    more: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class DomainRow:
    """How the items of one domain were answered."""

    name: str
    yes: int
    not_yet: int
    not_sure: int
    missed: str
    """The items that were not answered with yes, in words."""


def facts_of(reported: Reported, zone: tzinfo) -> tuple[Fact, ...]:
    """List when the child was screened, both ages, and the checklist in use."""
    evidence = evidence_in(reported)
    local = reported.screened_at.astimezone(zone)
    return (
        Fact(
            label="Screened",
            value=day_words(reported.screened_at, zone),
            more=f"{local:%H:%M} {local.tzname()}",
        ),
        Fact(
            label="Age",
            value=age_words(reported.age_months),
            more=_born(reported.gestational_weeks),
        ),
        _corrected(evidence),
        _checklist(evidence),
    )


def domain_rows(answers: Mapping[str, str]) -> tuple[DomainRow, ...]:
    """Count the answers domain by domain, in the order of the checklist."""
    known = [item for key, item in items().items() if key in answers]
    rows = [
        _row(domain.replace("_", " and ").capitalize(), found, answers)
        for domain in DOMAINS
        if (found := {i.key: _lower(i.label) for i in known if i.domain == domain})
    ]
    unknown = {key: key for key in answers if key not in items()}
    if unknown:
        rows.append(_row("In no checklist", unknown, answers))
    return tuple(rows)


def _lower(label: str) -> str:
    """Put a label inside a sentence."""
    return label if label[1:2].isupper() else f"{label[:1].lower()}{label[1:]}"


def checklist_heading(reported: Reported) -> str:
    """Name the checklist that was used."""
    months = evidence_in(reported).checklist_months
    return f"Checklist, {age_words(months)}" if months else "Checklist"


def evidence_in(reported: Reported) -> Evidence:
    """Set the answers against the checklists for the child's age."""
    return gather(
        age_months=reported.age_months,
        gestational_weeks=reported.gestational_weeks,
        answers=reported.answers,
        flags={},
        observations="",
    )


def age_words(months: float | None) -> str:
    """Put an age into words: "20 months", from 36 months "3 y 6 m" or "4 years"."""
    if months is None:
        return "Not given"
    years, rest = divmod(int(months), 12)
    if months >= 36:
        return f"{years} y {rest} m" if rest else f"{years} years"
    return "1 month" if int(months) == 1 else f"{int(months)} months"


def _row(name: str, labels: Mapping[str, str], answers: Mapping[str, str]) -> DomainRow:
    given = [answers[key] for key in labels]
    missed = [
        label if answers[key] == "not_yet" else f"{label} ({_answer(answers[key])})"
        for key, label in labels.items()
        if answers[key] != "yes"
    ]
    return DomainRow(
        name=name,
        yes=given.count("yes"),
        not_yet=given.count("not_yet"),
        not_sure=given.count("not_sure"),
        missed="; ".join(missed) or "none",
    )


def _answer(value: str) -> str:
    return ANSWER_WORDS.get(value, "unknown answer")


def _born(weeks: int | None) -> str:
    return "birth week not given" if weeks is None else f"born at {weeks} weeks"


def _corrected(evidence: Evidence) -> Fact:
    label, age = "Corrected age", evidence.age_months
    corrected, weeks = evidence.corrected_months, evidence.gestational_weeks
    if corrected is None or age is None:
        return Fact(label=label, value="Not known", more="no age given")
    if corrected < age:
        taken = round((age - corrected) * DAYS_PER_MONTH / 7)
        left = int((corrected - int(corrected)) * DAYS_PER_MONTH // 7)
        value = f"{int(corrected)} m {left} w" if left else age_words(corrected)
        return Fact(label=label, value=value, more=f"{taken} weeks taken off")
    was_early = weeks is not None and weeks < PRETERM_BEFORE_WEEKS
    return Fact(label=label, value="Not corrected", more="no longer" * was_early)


def _checklist(evidence: Evidence) -> Fact:
    months = evidence.checklist_months
    if not months:
        return Fact(label="Checklist", value="None", more="none for this age")
    given = sum(item.key in evidence.answers for item in evidence.own)
    return Fact(
        label="Checklist",
        value=age_words(months),
        more=f"{given} of {len(evidence.own)} answered",
    )
