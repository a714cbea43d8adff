"""Keys are written, read and used as C2SP has them."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit.proofs.exact import read, written
from audit.proofs.keys import ED25519, KeyRefused, SignerKey, VerifierKey
from tests.audit.proofs import vectors

LOG = "clinic.example/audit"
PUBLIC = bytes(range(32))


@pytest.mark.parametrize(("private", "public", "message", "made"), vectors.ED25519)
def test_ed25519_signs_as_rfc_8032_shows(private, public, message, made):
    text = bytes.fromhex(message).decode()
    key = SignerKey(LOG, Ed25519PrivateKey.from_private_bytes(bytes.fromhex(private)))

    assert key.verifier.public.hex() == public
    assert key.sign(text).hex() == made
    assert key.verifier.signed(text, bytes.fromhex(made))
    assert not key.verifier.signed(text + "!", bytes.fromhex(made))


def test_the_published_verifier_key_is_read_and_written():
    key = VerifierKey.parse(vectors.NOTE_KEY)

    assert key.name == "example.com/foo"
    assert key.key_id.hex() == "530d903a"
    assert str(key) == vectors.NOTE_KEY


def test_the_published_signer_key_is_read_and_written():
    key = SignerKey.parse(vectors.GO_SIGNER)

    assert key.secret_text() == vectors.GO_SIGNER
    assert str(key.verifier) == vectors.GO_VERIFIER


def test_a_new_key_is_read_as_it_was_written_and_no_two_are_equal():
    first, second = SignerKey.generate(LOG), SignerKey.generate(LOG)

    read_again = SignerKey.parse(first.secret_text())

    assert read_again.verifier == first.verifier
    assert VerifierKey.parse(str(first.verifier)) == first.verifier
    assert first.verifier != second.verifier
    assert first.verifier.key_id != second.verifier.key_id


def test_a_private_key_does_not_show_itself():
    key = SignerKey.parse(vectors.GO_SIGNER)
    secret = vectors.GO_SIGNER.rpartition("+")[2]

    for shown in (str(key), repr(key), f"{[key]}"):
        assert secret not in shown
        assert "PRIVATE" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com/foo",
        "example.com/foo+530d903a",
        "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        vectors.NOTE_KEY + "\n",
        vectors.NOTE_KEY + "=",
        vectors.NOTE_KEY[:-1],
        vectors.NOTE_KEY[:-4],
        vectors.NOTE_KEY.replace("foo", "bar"),
        vectors.NOTE_KEY.replace("foo", "f o"),
        vectors.NOTE_KEY.replace("foo", "fóo"),
        vectors.NOTE_KEY.replace("530d903a", "530D903A"),
        vectors.NOTE_KEY.replace("530d903a", "530d903b"),
        vectors.NOTE_KEY.replace("530d903a", "0530d903a"),
        vectors.NOTE_KEY.replace("+Ae", "+Be"),
        vectors.NOTE_KEY.replace("+Ae", "+ Ae"),
        vectors.GO_SIGNER,
    ],
)
def test_a_verifier_key_that_is_not_exactly_one_is_refused(text):
    with pytest.raises(KeyRefused):
        VerifierKey.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        vectors.GO_VERIFIER,
        vectors.GO_SIGNER.removeprefix("PRIVATE+KEY+"),
        vectors.GO_SIGNER.lower(),
        vectors.GO_SIGNER + "\n",
        vectors.GO_SIGNER[:-4],
        vectors.GO_SIGNER.replace("c74f20a3", "c74f20a4"),
        vectors.GO_SIGNER.replace("PeterNeumann", "Somebody"),
        vectors.GO_SIGNER.replace("+AY", "+BY"),
        vectors.GO_SIGNER.replace("DFz", "DF!"),
    ],
)
def test_a_signer_key_that_is_not_exactly_one_is_refused_and_not_quoted(text):
    with pytest.raises(KeyRefused) as refusal:
        SignerKey.parse(text)

    assert "KDF" not in str(refusal.value)
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\x7f", "é", "a\u3000b"])
def test_a_name_is_plain_ascii(name):
    with pytest.raises(KeyRefused, match="name"):
        VerifierKey(name, PUBLIC)
    with pytest.raises(KeyRefused, match="name"):
        SignerKey.generate(name)


@pytest.mark.parametrize("public", [b"", PUBLIC[:31], PUBLIC + b"\0"])
def test_a_public_key_of_another_length_is_refused(public):
    with pytest.raises(KeyRefused, match="32 bytes"):
        VerifierKey(LOG, public)
    with pytest.raises(KeyRefused):
        VerifierKey.parse(f"{LOG}+00000000+{written(ED25519 + public)}")


@given(st.binary(max_size=80))
def test_base64_is_read_in_the_one_way_it_is_written(data):
    assert read(written(data)) == data


@pytest.mark.parametrize(
    "text",
    ["A", "AA", "AA=", "AB==", "AAB=", "AA==\n", " AA==", "A-==", "AA==AA==", "é"],
)
def test_base64_written_otherwise_is_refused(text):
    with pytest.raises(ValueError, match="base64"):
        read(text)
