"""A content has one form in bytes, before it is stored and after it is read again."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.proofs.contents import content_bytes, content_text, plain_text

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("content", "written"),
    [
        ({"b": 1, "a": "é"}, b'{"a":"\\u00e9","b":1}'),
        ([1.0, -0.0, 0.1, 2.50], b"[1,0,0.1,2.5]"),
        ([1e16, 10**16, 10**300, 1e300], b"[1e+16,1e+16,1e+300,1e+300]"),
        ([2**53 - 1, -(2**53) + 1], b"[9007199254740991,-9007199254740991]"),
        ([2**53], b"[9007199254740992.0]"),
        ([1e-7, 5e-324], b"[1e-07,5e-324]"),
        ([True, False, None, ()], b"[true,false,null,[]]"),
        ("\ud800\0/", b'"\\ud800\\u0000/"'),
        ({"\U0001f600": 1, "\ufb33": 2, "a": 3},
         b'{"a":3,"\\ufb33":2,"\\ud83d\\ude00":1}'),
    ],
    ids=str,
)  # fmt: skip
def test_it_is_written_as_the_document_says(content, written):
    assert content_bytes(content) == written


class Named(dict[str, object]):
    """An object that is none of JSON's own kind."""


class Listed(list[object]):
    """A list that is none of JSON's own kind."""


def test_numbers_within_other_kinds_of_objects_and_lists_are_taken_by_value_too():
    written = content_bytes(Named(a=Listed([1.0, Named(b=2.0)])))

    assert written == b'{"a":[1,{"b":2}]}'


def test_a_number_beyond_the_largest_float_stays_what_it_is():
    assert content_bytes([10**400]) == f"[{10**400}]".encode()


@given(JSON)
def test_what_is_written_is_read_and_written_the_same(content):
    written = content_bytes(content)

    assert content_bytes(json.loads(written)) == written
    assert written.isascii()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_written_as_a_decimal_database_does_is_the_same(value):
    assert content_bytes(json.loads(f"{value:.340f}")) == content_bytes(value)
    assert content_bytes(json.loads(f"{value:.340f}")) == content_bytes(
        json.loads(repr(value))
    )


@given(JSON, JSON)
def test_two_contents_that_differ_in_more_than_how_numbers_are_written_differ(a, b):
    if content_bytes(a) == content_bytes(b):
        assert json.loads(content_bytes(a)) == json.loads(content_bytes(b))


def test_what_is_not_json_is_refused():
    with pytest.raises(TypeError):
        content_bytes({"a": b"bytes"})


def by_value(text: str) -> int | float:
    """Read a number as the document says: by its value as a floating point."""
    value = float(text)
    if math.isinf(value):
        return int(text)
    return int(value) if value == int(value) and abs(value) < 2**53 else value


EDGES = st.sampled_from(
    [1e15, -1e15, 1e16, 1e22, -0.0, 2.0**53, 2.0**53 - 1, 2**53, 10**15, 123456789.0]
)
NEAR = st.sampled_from([":1234567890123456", ".0,", "1.0]", "\ud83d", "\U0001f600"])
DIGITS = st.recursive(
    JSON | EDGES | NEAR,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | NEAR, inner)
    ),
    max_leaves=10,
)


@given(DIGITS)
def test_it_is_written_as_when_each_number_is_read_again(content):
    once = json.dumps(content, sort_keys=True)
    again = json.loads(once, parse_int=by_value, parse_float=by_value)

    written = json.dumps(again, sort_keys=True, separators=(",", ":"))
    assert content_bytes(content) == written.encode()


@given(DIGITS)
def test_what_may_be_stored_as_it_is_written_is_the_content_to_the_digit(content):
    written = plain_text(content)

    assert written in {None, content_text(content)}
    if written is not None:
        assert json.dumps(json.loads(written), sort_keys=True) == json.dumps(
            content, sort_keys=True
        )


@pytest.mark.parametrize(
    "content",
    [[2**53], {"a": 1.0}, [-0.0], 3.0, [{"b": 10**40}], -(2**53), {"a": [1, -(2**60)]}],
)
def test_what_reads_otherwise_may_not(content):
    assert plain_text(content) is None


@pytest.mark.parametrize(
    "content",
    ["1.0", [0.1, 10**14], {"a": {"b": [1e16]}}, [], [6 / 7], 1 / 3, {"a": -1.5e-300}],
)
def test_what_reads_the_same_may(content):
    assert plain_text(content) == content_text(content)
