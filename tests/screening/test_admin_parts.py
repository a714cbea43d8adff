"""The parts that several pages show."""

from __future__ import annotations

import pytest

from milestones.checklist import checklist
from screening.admin.parts import counted, in_words

KEYS = [item.key for item in checklist(18)]


@pytest.mark.parametrize(
    ("named", "shown"),
    [(6, "Met: 6 items."), (15, "Met: 15 items."), (5, f"Met: {', '.join(KEYS[:5])}.")],
)
def test_many_items_in_a_row_are_counted(named, shown):
    assert counted(f"Met: {', '.join(KEYS[:named])}.") == shown


def test_few_items_are_named_in_their_own_words():
    label = next(item.label for item in checklist(18) if item.key == KEYS[0])

    assert in_words(f"{KEYS[0]}: not yet") == f"{label}: not yet"
    assert in_words("99m.language.unheard_of") == "99m.language.unheard_of"
