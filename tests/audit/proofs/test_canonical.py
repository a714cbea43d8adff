"""One event, one text."""

from __future__ import annotations

import json
from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.actions import Action
from audit.proofs import canonical

EVENT = {
    "v": 1,
    "type": "review.signed",
    "actor": {"kind": "user", "id": "user:17"},
    "entity": [{"type": "case", "id": "C-1001", "version": 3}],
    "attempt": None,
    "urgent": True,
}
TEXT = (
    '{"actor":{"id":"user:17","kind":"user"},"attempt":null,'
    '"entity":[{"id":"C-1001","type":"case","version":3}],'
    '"type":"review.signed","urgent":true,"v":1}'
)

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
keys = st.text(st.characters(min_codepoint=1, max_codepoint=127))
numbers = st.integers(-canonical.LARGEST_INTEGER, canonical.LARGEST_INTEGER)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inside: (
        st.lists(inside, max_size=4) | st.dictionaries(keys, inside, max_size=4)
    ),
    max_leaves=12,
)
events = st.dictionaries(keys, values, max_size=6)


def nested(depth):
    """An event with so many objects and lists within one another."""
    inside = {"innermost": 1}
    for number in range(depth - 1):
        inside = {"in": inside} if number % 2 or number == depth - 2 else [inside]
    return inside


def test_an_event_has_sorted_keys_and_no_spaces():
    assert canonical.encode(EVENT) == TEXT
    assert canonical.encode(dict(reversed(EVENT.items()))) == TEXT
    assert canonical.decode(TEXT) == EVENT


def test_keys_are_in_the_order_of_rfc_8785_as_far_as_they_are_allowed():
    names = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\x80": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    allowed = {key: name for key, name in names.items() if key.isascii()}

    assert canonical.encode(allowed) == r'{"\r":"Carriage Return","1":"One"}'
    for key in names.keys() - allowed.keys():
        with pytest.raises(canonical.NotCanonical, match="not ASCII"):
            canonical.encode({key: names[key]})


def test_texts_are_escaped_as_rfc_8785_says_and_no_further():
    text = "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/"

    assert canonical.encode({"": text}) == '{"":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    assert canonical.encode({"": "\b\t\n\f\r\x1f\x7f\u2028\U0001f600"}) == (
        '{"":"\\b\\t\\n\\f\\r\\u001f\x7f\u2028\U0001f600"}'
    )


def test_a_word_of_a_vocabulary_is_its_value():
    assert canonical.encode({"type": Action.REVIEW_SIGNED, "list": (1, 2)}) == (
        '{"list":[1,2],"type":"review.signed"}'
    )


@given(events)
def test_an_event_comes_back_as_it_was(event):
    text = canonical.encode(event)

    assert canonical.decode(text) == event
    assert json.loads(text) == event
    assert canonical.encode(canonical.decode(text)) == text


@given(events, st.data())
def test_the_order_in_which_keys_were_set_is_not_seen(event, data):
    other = dict(data.draw(st.permutations(list(event.items()))))

    assert canonical.encode(other) == canonical.encode(event)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (1.0, "float has no"),
        (float("nan"), "float has no"),
        (Decimal(1), "Decimal has no"),
        (uuid4(), "UUID has no"),
        (b"bytes", "bytes has no"),
        ({1, 2}, "set has no"),
        (2**53, "too large"),
        (-(2**53), "too large"),
        ("a\0b", "NUL"),
        ("\ud83d", "surrogate"),
        ("\ude00\ud83d", "surrogate"),
        ({"\0": 1}, "not ASCII"),
        ({1: 1}, "not ASCII"),
        ({None: 1}, "not ASCII"),
        ({"clé": 1}, "not ASCII"),
        ({"\ud83d": 1}, "not ASCII"),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(value, why):
    for event in ({"x": value}, {"x": [{"y": value}]}):
        with pytest.raises(canonical.NotCanonical, match=why):
            canonical.encode(event)


@pytest.mark.parametrize("value", [[], "text", 1, None, True])
def test_an_event_is_an_object(value):
    with pytest.raises(canonical.NotCanonical, match="object"):
        canonical.encode(value)
    with pytest.raises(canonical.NotCanonical, match="object"):
        canonical.decode(json.dumps(value))


def test_nesting_has_an_end():
    text = canonical.encode(nested(canonical.DEEPEST))

    assert canonical.decode(text) == nested(canonical.DEEPEST)
    with pytest.raises(canonical.NotCanonical, match="deep"):
        canonical.encode(nested(canonical.DEEPEST + 1))
    for bomb in ("[" * 100_000, '{"a":' * 100_000):
        with pytest.raises(canonical.NotCanonical):
            canonical.decode(bomb)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{}{}",
        TEXT + "\n",
        " " + TEXT,
        "\ufeff" + TEXT,
        TEXT.replace(",", ", ", 1),
        '{"b":1,"a":1}',
        '{"a":1,"a":1}',
        '{"a":{"b":1,"b":2}}',
        '{"a":1.0}',
        '{"a":1e2}',
        '{"a":-0.0}',
        '{"a":-0}',
        '{"a":01}',
        '{"a":NaN}',
        '{"a":Infinity}',
        '{"a":9007199254740992}',
        pytest.param('{"a":' + "9" * 5_000 + "}", id="very large number"),
        '{"a":"\\u0041"}',
        '{"a":"\\/"}',
        '{"a":"\\u00e9"}',
        '{"a":"\\u000A"}',
        '{"a":"\\u0000"}',
        '{"a":"\\ud83d"}',
        '{"a":"\ud83d"}',
        '{"\\u00e9":1}',
        "{'a':1}",
        '{"a":"\t"}',
    ],
)
def test_a_text_that_is_not_exactly_as_it_is_written_is_refused(text):
    with pytest.raises(canonical.NotCanonical):
        canonical.decode(text)


def test_of_a_key_that_stands_twice_it_is_said_so():
    with pytest.raises(canonical.NotCanonical, match="twice"):
        canonical.decode('{"a":{"b":1,"b":1}}')


@given(st.text(alphabet='{}[]",:1a.-e \\u0n', max_size=12))
def test_of_any_text_only_the_canonical_is_read(text):
    try:
        event = canonical.decode(text)
    except canonical.NotCanonical:
        return

    assert canonical.encode(event) == text


def test_a_refusal_does_not_quote_the_event():
    for event in ({"x": "Ada\0"}, {"x": "Ada\ud83d"}, {"Ad\u00e4": 1}):
        with pytest.raises(canonical.NotCanonical) as refusal:
            canonical.encode(event)
        assert "Ad" not in str(refusal.value)
