"""What needs no database: addresses, waiting, codes, pictures, and what changed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from people.address import client_address, household
from people.backoff import closed_seconds, counted
from people.codes import digits_of, grouped, is_recovery, new_recovery_codes, split
from people.qr import drawn
from people.standing import NOBODY, Standing, changes, ends_sessions

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


# --- Addresses ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("remote", "forwarded", "expected"),
    [
        ("192.0.2.7", "", "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1", "192.0.2.7"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("fd00::1", "2001:db8::5", "2001:db8::5"),
        ("10.0.0.1", "nonsense", ""),
        ("", "198.51.100.1", ""),
    ],
)
def test_only_what_our_own_proxies_say_is_believed(remote, forwarded, expected):
    assert client_address(remote, forwarded, proxies=PROXIES) == expected


def test_without_proxies_nothing_forwarded_is_believed():
    assert client_address("10.0.0.1", "198.51.100.1", proxies=[]) == "10.0.0.1"


def test_the_addresses_of_one_household_count_as_one():
    assert household("2001:db8::5") == household("2001:db8::ffff:1")
    assert household("2001:db8::5") != household("2001:db8:0:1::5")
    assert household("::ffff:192.0.2.7") == household("192.0.2.7") == "192.0.2.7"
    assert household("192.0.2.7") != household("192.0.2.8")


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_header_breaks_the_search_for_an_address(remote, forwarded):
    assert isinstance(client_address(remote, forwarded, proxies=PROXIES), str)


# --- Waiting --------------------------------------------------------------------------


def test_a_door_shuts_for_a_minute_and_twice_as_long_each_time_to_an_hour():
    shut = [closed_seconds(n, most=5) for n in range(1, 14)]

    assert shut == [0, 0, 0, 0, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert closed_seconds(10**6, most=5) == 3600


def test_wrong_tries_are_forgotten_after_a_day_without_one():
    day = timedelta(days=1)

    assert counted(7, failed_at=NOW - day + timedelta(seconds=1), now=NOW) == 7
    assert counted(7, failed_at=NOW - day, now=NOW) == 0


# --- Codes ----------------------------------------------------------------------------


def test_ten_recovery_codes_have_sixteen_digits_and_each_its_own_beginning():
    codes = new_recovery_codes()

    assert len(codes) == 10
    assert all(re.fullmatch("[0-9]{16}", code) for code in codes)
    assert len({split(code)[0] for code in codes}) == 10
    assert not set(codes) & set(new_recovery_codes())


@pytest.mark.parametrize(
    ("typed", "digits"),
    [
        ("123 456", "123456"),
        ("1234-5678 9012\u00a03456", "1234567890123456"),
        ("12345a", ""),
        ("١٢٣٤٥٦", ""),
        ("", ""),
    ],
)
def test_spaces_in_a_code_do_not_matter_and_other_signs_make_it_none(typed, digits):
    assert digits_of(typed) == digits


def test_a_code_that_is_shown_in_groups_is_read_back():
    code = new_recovery_codes()[0]

    assert digits_of(grouped(code)) == code
    assert is_recovery(code)
    assert not is_recovery("123456")


# --- The picture ----------------------------------------------------------------------


def test_the_picture_has_every_square_and_nothing_that_a_policy_refuses():
    text = "otpauth://totp/PediScreen:x?secret=ABC"
    picture = drawn(text, title='<"The> secret')
    squares = {
        (int(x) - 4, int(y) - 4)
        for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", picture)
    }
    matrix = segno.make(text, error="m", micro=False).matrix

    assert squares == {
        (x, y) for y, row in enumerate(matrix) for x, dark in enumerate(row) if dark
    }
    assert "style" not in picture
    assert "<script" not in picture
    assert "&lt;&quot;The&gt; secret" in picture


# --- What changed ---------------------------------------------------------------------


def standing(**given) -> Standing:
    values = {name: getattr(NOBODY, name) for name in Standing.__dataclass_fields__}
    details = {"username": "a", "email": "a@example.org"} | given.pop("details", {})
    return Standing(**values | {"details": tuple(details.items())} | given)


@pytest.mark.parametrize(
    ("given", "verb", "detail", "ends"),
    [
        ({"details": {"email": "b@example.org"}}, "changed", {"fields": ["email"]}, 0),
        ({"is_active": False}, "disabled", {}, 1),
        ({"password": "other"}, "password_changed", {}, 1),
        ({"roles": {"Auditor"}}, "role_changed", {"roles_added": ["Auditor"]}, 1),
        ({"rights": {"a.b"}}, "role_changed", {"rights_added": ["a.b"]}, 1),
        ({"is_superuser": True}, "role_changed", {"is_superuser": True}, 1),
    ],
)
def test_what_changed_of_a_person_is_named_without_the_persons_own_words(
    given, verb, detail, ends
):
    found = changes(standing(), standing(**given))

    assert [(change.verb, change.detail) for change in found] == [(verb, detail)]
    assert ends_sessions(found) == bool(ends)


def test_nothing_is_told_where_nothing_changed_and_who_is_new_is_told_whole():
    assert changes(standing(), standing()) == []
    assert [c.verb for c in changes(standing(is_active=False), standing())] == [
        "enabled"
    ]
    new = changes(None, standing(roles=frozenset({"Reviewer"}), is_staff=True))
    assert [c.verb for c in new] == ["added", "role_changed"]
    assert new[1].detail == {"roles_added": ["Reviewer"], "is_staff": True}
