"""A small invented log with its keys, and the bundles that it proves things by."""

from __future__ import annotations

import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.proofs import canonical, merkle
from audit.proofs.bundles import consistency_bundle, inclusion_bundle
from audit.proofs.checkpoints import Checkpoint
from audit.proofs.keys import SignerKey
from tests.audit.proofs.trees import nodes_over

LOG = "clinic.example/audit"


def key_of(name: str, number: int) -> SignerKey:
    """A key that is the same in each run, since the names of tests come of it."""
    return SignerKey(name, Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)))


KEY = key_of(LOG, 1)
NEXT_KEY = key_of(LOG, 2)
STRANGER = key_of("other.example", 3)
KEYS = [str(KEY.verifier)]

EVENTS = [
    canonical.encode({"v": 1, "type": "job.submitted", "actor": f"key:{n}"})
    for n in range(13)
]
LEAVES = [merkle.leaf_hash(event.encode()) for event in EVENTS]
HASH_AT = nodes_over(LEAVES)
SIZE = len(EVENTS)


def checkpoint(size: int, *signers: SignerKey, origin: str = LOG) -> str:
    root = merkle.CompactRange.load(size, HASH_AT).root()
    return Checkpoint(origin, size, root).signed(signers or (KEY,))


def inclusion(index: int, size: int = SIZE, *signers: SignerKey) -> dict[str, Any]:
    text = inclusion_bundle(
        canonical=EVENTS[index],
        index=index,
        size=size,
        proof=merkle.inclusion_proof(index, size, HASH_AT),
        checkpoint=checkpoint(size, *signers),
    )
    return json.loads(text)


def consistency(old: int, new: int = SIZE) -> dict[str, Any]:
    text = consistency_bundle(
        old=checkpoint(old),
        new=checkpoint(new),
        proof=merkle.consistency_proof(old, new, HASH_AT),
    )
    return json.loads(text)
