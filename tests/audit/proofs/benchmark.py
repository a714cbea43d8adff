"""CPU time for growing the tree: ``python -m tests.audit.proofs.benchmark``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from audit.proofs import canonical, merkle
from audit.proofs.checkpoints import Checkpoint
from audit.proofs.keys import SignerKey

ENTRIES = 200_000
PROOFS = 2_000
SIGNATURES = 1_000
EVENT = {
    "v": 1,
    "event_id": "0b7e1c3e-5d7c-4c57-9a53-0d1f2f3a4b5c",
    "occurred_at": "2026-11-24T18:00:00.123456Z",
    "type": "job.completed",
    "actor": {"kind": "worker", "id": "worker:edge-1"},
    "entity": [{"type": "case", "id": "C-1001", "version": 3}],
    "outcome": "success",
    "payload_commitment": "5f" * 32,
}


def timed(what: str, count: int, work: Callable[[Any], object], over: Iterable) -> None:
    began = time.process_time()
    for each in over:
        work(each)
    took = time.process_time() - began
    sys.stdout.write(f"{count:>9,} {what:<34} {took:7.3f} s {count / took:>12,.0f}/s\n")


def main() -> None:
    entry = canonical.encode(EVENT).encode()
    entries = [entry + b"%d" % number for number in range(ENTRIES)]
    kept: dict[tuple[int, int], bytes] = {}
    grown = merkle.CompactRange()

    def seal(data: bytes) -> None:
        leaf = merkle.leaf_hash(data)
        kept[0, grown.size] = leaf
        for level, position, own in grown.append(leaf):
            kept[level, position] = own

    sys.stdout.write(f"entries of {len(entries[0])} bytes and more\n")
    bare = merkle.CompactRange()
    leaf_hash, append = merkle.leaf_hash, bare.append
    timed("appended", ENTRIES, lambda each: append(leaf_hash(each)), entries)
    timed("appended, whole nodes kept", ENTRIES, seal, entries)
    assert bare.root() == grown.root()

    def hash_at(level: int, position: int) -> bytes:
        return kept[level, position]

    root, step = grown.root(), ENTRIES // PROOFS
    places = range(0, ENTRIES, step)
    timed(
        "inclusion proofs made and verified",
        PROOFS,
        lambda index: merkle.verify_inclusion(
            leaf=kept[0, index],
            index=index,
            size=ENTRIES,
            proof=merkle.inclusion_proof(index, ENTRIES, hash_at),
            root=root,
        ),
        places,
    )
    timed(
        "events written",
        ENTRIES // 10,
        lambda _: canonical.encode(EVENT),
        range(20_000),
    )
    key = SignerKey.generate("clinic.example/audit")
    timed(
        "checkpoints signed and verified",
        SIGNATURES,
        lambda size: Checkpoint.opened(
            Checkpoint("clinic.example/audit", size, root).signed([key]), [key.verifier]
        ),
        range(SIGNATURES),
    )
    sys.stdout.write(f"{len(grown.hashes)} hashes of state\n")


if __name__ == "__main__":
    main()
