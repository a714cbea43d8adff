"""A content can be shown to be the one that was meant, and is not told."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.proofs import commitments

SALT = bytes(range(32))
CONTENT = b"invented content"


def test_a_commitment_is_an_hmac_under_the_salt():
    made = commitments.commit(CONTENT, salt=SALT)

    assert made == hmac.digest(SALT, CONTENT, hashlib.sha256).hex()
    assert made == hashlib.sha256(padded(0x5C) + inner()).hexdigest()


def padded(mask):
    return bytes(byte ^ mask for byte in SALT.ljust(64, b"\0"))


def inner():
    """The inside of the HMAC, by its definition in RFC 2104."""
    return hashlib.sha256(padded(0x36) + CONTENT).digest()


@given(st.binary(), st.binary(), st.binary(min_size=32, max_size=32))
def test_a_commitment_is_to_one_content(content, other, salt):
    made = commitments.commit(content, salt=salt)

    assert commitments.opens(made, content, salt=salt)
    assert commitments.opens(made, other, salt=salt) == (content == other)


@given(
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=32, max_size=32),
)
def test_another_salt_does_not_open_it(salt, other):
    made = commitments.commit(CONTENT, salt=salt)

    assert commitments.opens(made, CONTENT, salt=other) == (salt == other)


@pytest.mark.parametrize("salt", [b"", SALT[:31], SALT + b"\0", SALT * 2, SALT * 3])
def test_a_salt_of_another_length_is_refused(salt):
    with pytest.raises(ValueError, match="32 bytes"):
        commitments.commit(CONTENT, salt=salt)
    with pytest.raises(ValueError, match="32 bytes"):
        commitments.opens("0" * 64, CONTENT, salt=salt)


@pytest.mark.parametrize("bad", ["", "0" * 64, "é" * 64])
def test_what_is_no_commitment_to_it_is_not_opened(bad):
    assert not commitments.opens(bad, CONTENT, salt=SALT)
    made = commitments.commit(CONTENT, salt=SALT)
    assert not commitments.opens(made.upper(), CONTENT, salt=SALT)
    assert not commitments.opens(made[:-1], CONTENT, salt=SALT)


def test_salts_are_never_the_same():
    salts = {commitments.new_salt() for _ in range(1_000)}

    assert len(salts) == 1_000
    assert {len(salt) for salt in salts} == {commitments.SALT_BYTES}
