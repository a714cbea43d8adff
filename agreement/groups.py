"""What is shown group by group: two measures, in words and as dots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString

from agreement.cells import LEAST, too_small
from agreement.charts import Scale, dot_axis, dot_plot, found_scale, share_scale
from agreement.figures import Agreement, Figure, Share
from agreement.findings import Compared
from agreement.reading import Group
from agreement.wording import KEPT_BACK, NOT_SHOWN, TOO_FEW, UNDER, ends, whole

HEADINGS = {
    "model": "By model version",
    "prompt": "By prompt version",
    "age": "By age",
    "clinic": "By clinic",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One measure of one group: in words, and as a dot."""

    share: str = ""
    interval: str = ""
    plot: SafeString | str = ""
    why_not: str = ""
    """Why it is not shown, where it is not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One group."""

    name: str
    cases: str
    why_not: str
    changed: Cell
    found: Cell


@dataclass(frozen=True, kw_only=True, slots=True)
class Forest:
    """All groups of all kinds, on the same two scales."""

    parts: list[tuple[str, list[Row]]]
    changed_axis: SafeString
    found_axis: SafeString


class Shown:
    """Which figures of a kind's groups are shown."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self.groups = groups
        usable = {n: each.agreement.usable for n, each in enumerate(groups)}
        refers = {
            n: each.agreement.found_by_draft.whole for n, each in enumerate(groups)
        }
        self.hidden = too_small(usable)
        self.hidden_refers = too_small(refers, hidden=self.hidden)
        self.changed = [
            None if n in self.hidden else each.agreement.changed.figure
            for n, each in enumerate(groups)
        ]
        self.found = [
            None if n in self.hidden_refers else each.agreement.found_by_draft.figure
            for n, each in enumerate(groups)
        ]

    def compared(self) -> list[Compared]:
        """Name the groups with what is shown of them; those without a name are none."""
        return [
            Compared(name=each.name, changed=changed, found=found)
            for each, changed, found in zip(
                self.groups, self.changed, self.found, strict=True
            )
            if each.key
        ]


def forest(kinds: Mapping[str, Shown], everything: Agreement) -> Forest:
    """Write the groups of each kind, with dots on scales that all of them share."""
    changed = [figure for shown in kinds.values() for figure in shown.changed]
    found = [figure for shown in kinds.values() for figure in shown.found]
    scales = share_scale(changed), found_scale(found)
    parts = [
        (HEADINGS[kind], _rows(shown, everything, scales))
        for kind, shown in kinds.items()
        if shown.groups
    ]
    return Forest(
        parts=parts, changed_axis=dot_axis(scales[0]), found_axis=dot_axis(scales[1])
    )


def _rows(
    shown: Shown, everything: Agreement, scales: tuple[Scale, Scale]
) -> list[Row]:
    changed, found = everything.changed, everything.found_by_draft
    rows = []
    for n, group in enumerate(shown.groups):
        usable = group.agreement.usable
        few, few_refers = usable < LEAST, group.agreement.found_by_draft.whole < LEAST
        cases, why_not = str(usable), ""
        if n in shown.hidden:
            cases = UNDER if few else NOT_SHOWN
            why_not = TOO_FEW if few else KEPT_BACK
        rows.append(
            Row(
                name=group.name,
                cases=cases,
                why_not=why_not,
                changed=_cell(shown.changed[n], changed, scales[0], TOO_FEW),
                found=_cell(
                    shown.found[n],
                    found,
                    scales[1],
                    TOO_FEW if few_refers else NOT_SHOWN,
                ),
            )
        )
    return rows


def _cell(figure: Figure | None, of_all: Share, scale: Scale, why_not: str) -> Cell:
    if figure is None:
        return Cell(why_not=why_not)
    reference = of_all.figure.value if of_all.figure else None
    return Cell(
        share=whole(figure.value),
        interval=ends(figure, whole),
        plot=dot_plot(figure, reference=reference, scale=scale),
    )
