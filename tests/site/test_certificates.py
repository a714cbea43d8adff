"""When certificates end is told; one that cannot be read ended long ago."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from pediscreen_site.certificates import CertificateCollector

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def certificate(days: int) -> bytes:
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=days))
        .sign(key, None)
    )
    return made.public_bytes(Encoding.PEM)


@pytest.fixture
def told(tmp_path, settings):
    path = tmp_path / "tls.crt"

    def tell(content: bytes | None) -> float:
        if content is not None:
            path.write_bytes(content)
        settings.CERTIFICATE_FILES = (str(path),)
        [family] = CertificateCollector().collect()
        [sample] = family.samples
        assert sample.name == "pedi_orch_certificate_expiry_timestamp_seconds"
        assert sample.labels == {"file": str(path)}
        return sample.value

    return tell


def test_the_first_of_a_chain_to_end_is_told(told):
    chain = certificate(90) + certificate(30) + certificate(365)

    assert told(chain) == (NOW + timedelta(days=30)).timestamp()


def test_a_renewed_one_is_read_anew(told):
    told(certificate(1))

    assert told(certificate(90)) == (NOW + timedelta(days=90)).timestamp()


@pytest.mark.parametrize("content", [None, b"", b"nonsense"], ids=str)
def test_what_cannot_be_read_ended_long_ago(told, content):
    assert told(content) == 0


def test_without_files_nothing_is_told(settings):
    settings.CERTIFICATE_FILES = ()
    [family] = CertificateCollector().collect()

    assert family.samples == []
