"""docs/audit-format.md says what is so, to the byte."""

from __future__ import annotations

import base64
import json
import re

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import check, check_evidence
from audit.proofs import canonical, commitments, merkle
from audit.proofs.bundles import consistency_bundle, inclusion_bundle
from audit.proofs.checkpoints import Checkpoint
from audit.proofs.contents import content_bytes
from audit.proofs.keys import SignerKey
from audit.proofs.notes import LARGEST_NOTE, MOST_SIGNATURES
from tests.audit.proofs import vectors
from tests.audit.proofs.trees import leaves_of, nodes_over
from tests.servers import ROOT

TEXT = (ROOT / "docs" / "audit-format.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.M | re.S)
LOG = "clinic.example/audit"
EVENTS = [
    {"v": 1, "type": "job.submitted", "actor": {"id": "key:7", "kind": "client"}},
    {"v": 1, "type": "review.signed", "actor": {"id": "user:17", "kind": "user"}},
    {"v": 1, "type": "report.read", "actor": {"id": "user:4", "kind": "user"}},
]
ENTRIES = [canonical.encode(event) for event in EVENTS]
HASH_AT = nodes_over(leaves_of([entry.encode() for entry in ENTRIES]))
OLD_KEY, NEW_KEY = (
    SignerKey(LOG, Ed25519PrivateKey.from_private_bytes(bytes.fromhex(private)))
    for private, *_ in vectors.ED25519
)


def blocks(kind: str) -> list[str]:
    return [block for found, block in BLOCKS if found == kind]


def checkpoint(size: int, *signers: SignerKey) -> str:
    root = merkle.CompactRange.load(size, HASH_AT).root()
    return Checkpoint(LOG, size, root).signed(signers)


def test_the_events_are_written_as_shown():
    assert "".join(f"{entry}\n" for entry in ENTRIES) in blocks("text")


def test_the_hashes_are_as_shown():
    shown = [
        *(f"leaf {number}    {HASH_AT(0, number).hex()}" for number in range(3)),
        f"node 1,0  {HASH_AT(1, 0).hex()}",
        f"root of 3 {merkle.CompactRange.load(3, HASH_AT).root().hex()}",
    ]

    assert "".join(f"{line}\n" for line in shown) in blocks("text")


def test_the_keys_are_as_shown():
    assert f"{OLD_KEY.verifier}\n{NEW_KEY.verifier}\n" in blocks("text")


def test_the_checkpoint_of_a_rotation_is_as_shown():
    assert checkpoint(3, OLD_KEY, NEW_KEY) in blocks("text")


def test_the_bundles_are_as_shown_and_are_proven():
    included = inclusion_bundle(
        canonical=ENTRIES[1],
        index=1,
        size=3,
        proof=merkle.inclusion_proof(1, 3, HASH_AT),
        checkpoint=checkpoint(3, OLD_KEY),
    )
    grown = consistency_bundle(
        old=checkpoint(2, OLD_KEY),
        new=checkpoint(3, OLD_KEY),
        proof=merkle.consistency_proof(2, 3, HASH_AT),
    )

    assert blocks("json") == [included, grown]
    for shown in blocks("json"):
        check.check(json.loads(shown), [str(OLD_KEY.verifier)])


def test_the_commitment_is_as_shown():
    made = commitments.commit(b"invented content", salt=bytes(range(32)))

    assert f"    {made}\n" in TEXT


def test_the_limits_are_those_of_the_code():
    assert f"{canonical.LARGEST_INTEGER:,}" in TEXT
    assert f"{canonical.DEEPEST} objects and lists" in TEXT
    assert f"{merkle.LARGEST_SIZE:,}" in TEXT
    assert merkle.EMPTY_ROOT.hex() in TEXT
    assert f"at most {MOST_SIGNATURES} signature lines" in TEXT
    assert f"{LARGEST_NOTE:,} characters" in TEXT


def test_the_id_of_a_key_is_worked_out_as_shown():
    public = OLD_KEY.verifier.public

    assert f"`{OLD_KEY.verifier.key_id.hex()}`" in TEXT
    assert base64.b64encode(b"\x01" + public).decode() in TEXT


def test_the_numbers_of_contents_are_written_as_shown():
    shown = {"3": 3.0, "0": -0.0, "0.62": 0.62, "1e-07": 1e-7, "1e+16": 1e16}

    for text, number in shown.items():
        assert f"`{text}`" in TEXT
        assert content_bytes([number]) == f"[{text}]".encode()


def test_the_events_with_a_commitment_are_as_shown():
    rows = re.findall(r"^\| `((?:job|review|report)\.[a-z_]+)` \|", TEXT, re.M)

    assert rows == list(check_evidence.OPENED_BY)
