"""JSON that every reader reads alike; all else is refused, and none of it quoted."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import strict_json
from wire.strict_json import MAX_DEPTH, NotStrictJSON, UnstorableText, loads

STORABLE = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
ordinary = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(STORABLE, max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(STORABLE, max_size=10), inner, max_size=4)
    ),
    max_leaves=20,
)


def nested(levels: int, *, opening: str = "[", closing: str = "]") -> bytes:
    return (opening * levels + closing * levels).encode()


@given(document=ordinary, indent=st.sampled_from([None, 0, 2]), ascii=st.booleans())
def test_ordinary_documents_are_read_as_json_reads_them(document, indent, ascii):
    text = json.dumps(document, indent=indent, ensure_ascii=ascii)

    assert loads(text.encode()) == json.loads(text)


@given(text=st.text(max_size=60))
def test_what_is_read_is_what_json_reads_and_what_json_refuses_is_refused(text):
    try:
        found = loads(text.encode("utf-8", "surrogatepass"))
    except NotStrictJSON:
        return

    assert found == json.loads(text)


@given(body=st.binary(max_size=60))
def test_bytes_of_any_kind_are_read_or_refused_and_break_nothing(body):
    with contextlib.suppress(NotStrictJSON):
        loads(body)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"null", None),
        (b'""', ""),
        (b" \t\r\n[1] \t\r\n", [1]),
        (b"-0", 0),
        (b"1E2", 100.0),
        (b"1e308", 1e308),
        (b"1e-400", 0.0),
        (b'"\\u00e9"', "é"),
        ('"é"'.encode(), "é"),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'{"a": {"a": 1}}', {"a": {"a": 1}}),
        (b'[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
        (b"9007199254740993", 9007199254740993),
        (b'"\\u2028\\u007f"', "\u2028\u007f"),
    ],
)
def test_a_document_that_all_readers_agree_on_is_read(body, value):
    found = loads(body)

    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"1.0", 1),
        (b"-0.0", 0),
        (b"2e2", 200),
        (b"0.71", 0.71),
        (b"1e300", 1e300),
        (b"9007199254740992.0", 2.0**53),
        (b"9007199254740993", 9007199254740993),
        (b'{"a": [24.0, "1.0"]}', {"a": [24, "1.0"]}),
    ],
)
def test_whole_numbers_are_whole_where_numbers_are_read_by_value(body, value):
    found = loads(body, by_value=True)

    assert repr(found) == repr(value)


REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "Expecting value"),
    "white space": (b"  ", "Expecting value"),
    "two documents": (b"1 2", "Extra data"),
    "trailing comma": (b"[1,]", "Expecting value"),
    "trailing comma in an object": (b'{"a":1,}', "Expecting property name|Illegal"),
    "comment": (b"/* */ 1", "Expecting value"),
    "single quotes": (b"{'a': 1}", "Expecting property name"),
    "no quotes": (b"{a: 1}", "Expecting property name"),
    "a number as a key": (b"{1: 1}", "Expecting property name"),
    "leading zero": (b"01", "Extra data"),
    "plus sign": (b"+1", "Expecting value"),
    "hexadecimal": (b"0x1f", "Extra data"),
    "bare point": (b".5", "Expecting value"),
    "point at the end": (b"5.", "Extra data"),
    "wide digits": ("\uff11\uff12".encode(), "Expecting value"),
    "NaN": (b'{"a": NaN}', "NaN is not a JSON number"),
    "Infinity": (b"[Infinity]", "Infinity is not a JSON number"),
    "-Infinity": (b"-Infinity", "-Infinity is not a JSON number"),
    "a number that overflows": (b'{"a": 1e400}', "too large"),
    "a negative one": (b"[-1e400]", "too large"),
    "one in many digits": (b"[" + b"9" * 310 + b".0]", "too large"),
    "line break in a text": (b'"a\nb"', "Invalid control character"),
    "tab in a text": (b'"a\tb"', "Invalid control character"),
    "unknown escape": (b'"\\x41"', "Invalid .*escape"),
    "half an escape": (b'"\\u12"', "Invalid .*escape"),
    "unfinished text": (b'"abc', "Unterminated string"),
    "byte-order mark": (b"\xef\xbb\xbf1", "byte-order mark"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
    "Latin-1": ('"é"'.encode("latin-1"), "not UTF-8"),
    "an overlong slash": (b'"\xc0\xaf"', "not UTF-8"),
    "a surrogate in UTF-8": (b'"\xed\xa0\x80"', "not UTF-8"),
    "half a character": (b'"\xc3"', "not UTF-8"),
    "the same key twice": (b'{"a": 1, "a": 1}', "names one key twice"),
    "twice, once escaped": (b'{"a": 1, "\\u0061": 2}', "names one key twice"),
    "twice, deep inside": (b'[{"b": {"a": 1, "a": 2}}]', "names one key twice"),
    "deep lists": (nested(MAX_DEPTH + 1), "deeper than 32"),
    "very deep lists": (nested(200_000), "deeper than 32"),
    "very deep objects": (
        nested(50_000, opening='{"a":', closing="}").replace(b":}", b":1}"),
        "deeper than 32",
    ),
    "half a deep list": (b"[" * 200_000, "deeper than 32"),
    "a number of a million digits": (b"9" * 1_000_000, "too long"),
    "NUL": (b'{"a": ["x\\u0000y"]}', "cannot be stored"),
    "NUL as it is": (b'"a\x00b"', "Invalid control character"),
    "NUL in a key": (b'{"a\\u0000": 1}', "cannot be stored"),
    "half a pair": (b'"\\ud83d"', "cannot be stored"),
    "the other half": (b'"\\ude00"', "cannot be stored"),
    "the halves in the wrong order": (b'"\\ude00\\ud83d"', "cannot be stored"),
}


@pytest.mark.parametrize(("body", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_readers_could_read_differently_is_refused(body, reason):
    with pytest.raises(NotStrictJSON, match=reason):
        loads(body)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_thirty_two_levels_are_read_and_one_more_is_not(opening):
    closing = "]" if opening == "[" else "}"

    def document(levels: int) -> bytes:
        return f"{opening * levels}1{closing * levels}".encode()

    assert loads(document(MAX_DEPTH))
    with pytest.raises(NotStrictJSON, match="deeper than 32"):
        loads(document(MAX_DEPTH + 1))


def test_the_recursion_of_the_reader_is_left_as_it_was():
    before = sys.getrecursionlimit()
    with pytest.raises(NotStrictJSON):
        loads(nested(200_000))

    assert sys.getrecursionlimit() == before


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"result": {"summary": ["fine", "a\0b"]}}, "result.summary.1"),
        ({"a\0b": 1}, ""),
        ({"result": {"a\0b": 1}}, "result"),
        (["\ud83d"], "0"),
        ("\0", ""),
    ],
)
def test_a_text_that_cannot_be_stored_is_found_and_its_place_is_named(document, path):
    with pytest.raises(UnstorableText) as refusal:
        loads(json.dumps(document).encode())

    assert refusal.value.path == path


@pytest.mark.parametrize(
    "body",
    [
        b'{"observations": "zq-sentinel" "x"}',
        b'{"zq-sentinel": 1, "zq-sentinel": 2}',
        b'{"a": "zq-sentinel\\u0000"}',
        b'["zq-sentinel\n"]',
        b'["zq-sentinel',
        b"zq-sentinel",
        b'{"a": 1e400, "b": "zq-sentinel"}',
    ],
)
def test_no_reason_quotes_the_document(body):
    with pytest.raises(NotStrictJSON) as refusal:
        loads(body)

    assert "zq-sentinel" not in str(refusal.value)


@given(document=ordinary)
def test_what_is_read_can_be_written_as_strict_json_again(document):
    found: Any = strict_json.loads(json.dumps(document).encode())

    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_largest_float_is_still_a_number():
    assert loads(repr(sys.float_info.max).encode()) == sys.float_info.max
    assert math.isfinite(loads(b"1.7976931348623157e308"))
