"""The data: which items there are, and that they are named and worded as agreed."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from milestones import checklist as module
from milestones.checklist import AGES, DOMAINS, checklist, items

# Social-emotional, language, cognitive, movement.
COUNTS = {
    2: (4, 2, 2, 3),
    4: (3, 3, 2, 5),
    6: (3, 3, 3, 3),
    9: (5, 2, 2, 4),
    12: (1, 3, 2, 4),
    15: (5, 4, 2, 2),
    18: (5, 2, 2, 6),
    24: (2, 4, 3, 4),
    30: (3, 4, 4, 4),
    36: (2, 5, 2, 3),
    48: (6, 4, 3, 4),
    60: (3, 4, 6, 2),
}


@pytest.mark.parametrize(("age", "counts"), COUNTS.items())
def test_each_age_has_its_items_in_each_domain(age, counts):
    found = Counter(item.domain for item in checklist(age))

    assert tuple(found[domain] for domain in DOMAINS) == counts


def test_there_are_159_items_and_12_ages():
    assert len(items()) == 159
    assert tuple(COUNTS) == AGES
    assert sum(len(checklist(age)) for age in AGES) == 159


def test_no_key_is_used_twice():
    rows = json.loads(module.DATA.read_bytes())

    assert len({row["key"] for row in rows}) == len(rows)
    assert all(set(row) == {"key", "age_months", "domain", "label"} for row in rows)


@pytest.mark.parametrize("item", items().values(), ids=lambda item: item.key)
def test_a_key_says_age_domain_and_meaning(item):
    assert re.fullmatch(r"\d+m\.[a-z_]+\.[a-z0-9_]+", item.key)
    assert item.key.split(".")[:2] == [f"{item.age_months}m", item.domain]
    assert item.age_months in AGES
    assert item.domain in DOMAINS


@pytest.mark.parametrize("item", items().values(), ids=lambda item: item.key)
def test_a_label_is_short_and_stands_in_a_sentence(item):
    assert 6 < len(item.label) <= 60
    assert item.label[0].isupper()
    assert item.label[-1] not in ".;"


def test_items_come_by_age_and_then_by_domain():
    order = [(item.age_months, DOMAINS.index(item.domain)) for item in items().values()]

    assert order == sorted(order)


def test_an_age_without_a_checklist_has_no_items():
    assert checklist(7) == ()


def test_cdc_is_credited_without_claiming_its_endorsement():
    assert "CDC" in module.CREDIT
    assert "no endorsement" in module.CREDIT
    assert "not a validated screening tool" in module.CREDIT


def test_a_known_key_is_there():
    assert "24m.language.two_words_together" in items()
