"""What to look at, in sentences that the figures themselves write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agreement.cells import LEAST
from agreement.figures import Agreement, Figure

BAD, NOTE, OK = "is-bad", "is-todo", "is-ok"
ORDER = (BAD, NOTE, OK)
LOW_KAPPA = 0.60
FEW_FOUND = 0.40
MANY_UNUSABLE = 0.05
CLEARLY_LESS = 0.10
"""How far below all cases a group's share must lie to be named."""

WIDE = 0.30
"""How far apart the ends of an interval that is called wide."""

WORDS = {"on_track": "On track", "monitor": "Monitor"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One sentence, or two: the first in bold where it is grave."""

    kind: str
    first: str
    more: str = ""
    missed: str = ""
    """The draft's risk, where it can be shown which cases these are."""

    link: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """One group that is shown, with what it may be compared by."""

    name: str
    changed: Figure | None = None
    found: Figure | None = None


def look_at(
    everything: Agreement, groups: Mapping[str, Sequence[Compared]]
) -> list[Finding]:
    """Write what is worth a look, the gravest first.

    ``groups`` holds the groups that are shown: by ``model``, ``prompt``, ``age``.
    """
    found = [
        *_missed(everything),
        *_alerts(everything),
        *_unusable(everything),
        *_between("Model ", groups.get("model", []), only_if_apart=True),
        *_between("", groups.get("prompt", [])),
        *_ages(everything, groups.get("age", [])),
    ]
    return sorted(found, key=lambda finding: ORDER.index(finding.kind))


def percent(share: float) -> str:
    """Write a share as whole per cent."""
    return f"{share:.0%}"


def _missed(everything: Agreement) -> list[Finding]:
    """Say how many who were signed as Refer the draft had put far lower."""
    found = []
    for draft, word in WORDS.items():
        number = everything.count(draft=draft, signed="refer")
        if not number:
            continue
        raised = everything.count(draft=draft, signed="refer", raised_by_rules=True)
        found.append(
            Finding(
                kind=BAD,
                first=f"{_children(number)} signed as Refer had a draft of {word}.",
                more=_raised(raised, number),
                missed=draft,
                link="See the case" if number == 1 else f"See the {number} cases",
            )
        )
    if not everything.count(draft="on_track", signed="refer"):
        words = "No child signed as Refer had a draft of On track."
        found.append(Finding(kind=OK, first=words))
    return found


def _raised(raised: int, number: int) -> str:
    if raised == 0:
        return (
            "The reference rules had not raised it."
            if number == 1
            else ("The reference rules had raised none of them.")
        )
    if number == 1:
        return "The reference rules had raised it before review."
    if raised < number:
        return f"The reference rules had raised {raised} of them before review."
    all_of_them = "both" if number == 2 else "all of them"
    return f"The reference rules had raised {all_of_them} before review."


def _alerts(everything: Agreement) -> list[Finding]:
    found = []
    kappa, refers = everything.kappa, everything.found_by_draft
    share = refers.figure if refers.whole >= LEAST else None
    if everything.usable >= LEAST and kappa is not None and kappa.value < LOW_KAPPA:
        value = f"{kappa.value:.2f}".replace("-", "−")  # noqa: RUF001 - a minus sign
        words = f"Weighted kappa is {value}, below {LOW_KAPPA:.2f}."
        found.append(Finding(kind=BAD, first=words))
    if share is not None and share.value < FEW_FOUND:
        words = (
            f"The draft finds {percent(share.value)} of the children to refer, "
            f"fewer than {percent(FEW_FOUND)}."
        )
        found.append(Finding(kind=BAD, first=words))
    return found


def _unusable(everything: Agreement) -> list[Finding]:
    number = everything.cases - everything.usable
    if not everything.cases or number / everything.cases <= MANY_UNUSABLE:
        return []
    words = f"{number} of {everything.cases} drafts could not be used."
    return [Finding(kind=NOTE, first=words)]


def _between(
    what: str, groups: Sequence[Compared], *, only_if_apart: bool = False
) -> list[Finding]:
    """Compare the two largest groups by how often their risk was changed."""
    pair = [group for group in groups if group.changed is not None][:2]
    if len(pair) < 2:
        return []
    fewer, more = sorted(pair, key=lambda group: group.changed.value)  # type: ignore[union-attr]
    low, high = fewer.changed, more.changed
    assert low is not None
    assert high is not None
    is_apart = low.high < high.low
    if percent(low.value) == percent(high.value) or (only_if_apart and not is_apart):
        return []
    overlap = (
        "and the intervals do not overlap" if is_apart else "but the intervals overlap"
    )
    name, other = (f"{what}{group.name}" for group in (fewer, more))
    words = (
        f"{name} has fewer changed risks than {other[:1].lower()}{other[1:]} "
        f"({percent(low.value)} against {percent(high.value)}), {overlap}."
    )
    return [Finding(kind=NOTE, first=words)]


def _ages(everything: Agreement, groups: Sequence[Compared]) -> list[Finding]:
    """Name the age at which the draft finds clearly fewer of those to refer."""
    refers = everything.found_by_draft
    whole = refers.figure if refers.whole >= LEAST else None
    known = [group for group in groups if group.found is not None]
    if whole is None or not known:
        return []
    least = min(known, key=lambda group: group.found.value)  # type: ignore[union-attr]
    figure = least.found
    assert figure is not None
    if figure.value > whole.value - CLEARLY_LESS:
        return []
    is_wide = figure.high - figure.low >= WIDE
    ends = f"{percent(figure.low)} to {percent(figure.high)}"
    interval = f"The interval is {'wide: ' if is_wide else ''}{ends}."
    return [
        Finding(
            kind=NOTE,
            first=f"{_at(least.name)} the draft finds fewer of the children to refer.",
            more=interval,
        )
    ]


def _at(age: str) -> str:
    if age.startswith("Under"):
        return age
    return "Where the age is not given" if "not given" in age else f"At {age}"


def _children(number: int) -> str:
    return "1 child" if number == 1 else f"{number} children"
