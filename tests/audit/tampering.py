"""What somebody who owns the database can do to the log, with the locks taken off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

from audit.actions import Action
from audit.keyring import Believed
from audit.models import Audit, Checkpoint, Leaf, Node
from audit.proofs.checkpoints import Checkpoint as Signed
from audit.proofs.keys import SignerKey
from audit.proofs.merkle import CompactRange, leaf_hash
from audit.sequencer import seal
from audit.services import Event, record
from audit.verification import Verdict, verify
from tests.screening.signing import unlock

KEY = SignerKey.generate("clinic.example/audit")
FOREIGN = SignerKey.generate("clinic.example/audit")
KEYS = [Believed(KEY.verifier)]
TABLES = (
    *("audit_audit", "audit_leaf", "audit_node", "audit_checkpoint"),
    "audit_pending",
)


def write(number: int = 1, **values: Any) -> None:
    record(
        Event(
            action=Action.JOB_STARTED,
            actor=f"worker:host-{n % 3}",
            clinic="riverside",
            case_id=f"case-{n}",
            attempt=n,
            detail={"code": "INVENTED", "n": n, "again": True},
            **values,
        )
        for n in range(number)
    )


def make_log(*batches: int) -> None:
    """Write and seal so many events, one checkpoint for each batch."""
    for number in batches:
        write(number)
        seal([KEY])


def unlock_all() -> None:
    """Take the locks off; new events go on waiting to be sealed."""
    kept = "ALTER TABLE audit_audit ENABLE ALWAYS TRIGGER audit_awaits_seal"
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT sql FROM sqlite_master WHERE name = 'audit_awaits_seal'"
            )
            [kept] = cursor.fetchone()
    for table in TABLES:
        unlock(table)
    run(kept)


def run(sql: str, *params: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


@contextmanager
def undone() -> Iterator[None]:
    """Do something, and have it never happened."""
    point = transaction.savepoint()
    yield
    transaction.savepoint_rollback(point)


def look(**options: Any) -> Verdict:
    return verify(**{"keys": KEYS} | options)


def kinds(verdict: Verdict) -> set[str]:
    return set(verdict.findings.counts)


def notes() -> list[str]:
    return list(Checkpoint.objects.order_by("size").values_list("note", flat=True))


def pk_at(index: int) -> int:
    return int(Leaf.objects.get(pk=index).event_id)


def put_text(pk: int, text: str) -> None:
    run("UPDATE audit_audit SET canonical = %s WHERE id = %s", text, pk)


def put_hash(index: int, hashed: bytes) -> None:
    run("UPDATE audit_leaf SET hash = %s WHERE tree_index = %s", hashed, index)


def remake_tree(key: SignerKey | None, *, begin: int = 0) -> None:
    """Make hashes, nodes, roots and notes anew, as whoever has not the key can.

    Leaves take the order that they have, without gaps. The notes up to a size are left
    as they are, and all of them without a key.
    """
    sizes = list(Checkpoint.objects.order_by("size").values_list("size", flat=True))
    old = dict(zip(sizes, notes(), strict=True))
    pks = list(Leaf.objects.order_by("pk").values_list("event_id", flat=True))
    texts = dict(Audit.objects.values_list("pk", "canonical"))
    for table in ("audit_leaf", "audit_node", "audit_checkpoint"):
        run(f"DELETE FROM {table}")
    tree, leaves, nodes, checkpoints = CompactRange(), [], [], []
    for index, pk in enumerate(pks):
        hashed = leaf_hash(texts[pk].encode())
        leaves.append(Leaf(tree_index=index, event_id=pk, hash=hashed))
        nodes += [
            Node(level=node.level, position=node.position, hash=node.hash)
            for node in tree.append(hashed)
        ]
        if tree.size in sizes or index == len(pks) - 1:
            root = tree.root()
            note = old.get(tree.size, "")
            if not note or (key and tree.size > begin):
                note = Signed(KEY.name, tree.size, root).signed([key or FOREIGN])
            checkpoints.append(Checkpoint(size=tree.size, root=root, note=note))
    Leaf.objects.bulk_create(leaves)
    Node.objects.bulk_create(nodes)
    Checkpoint.objects.bulk_create(checkpoints)


def put_node(level: int, position: int) -> None:
    run(
        "UPDATE audit_node SET hash = %s WHERE level = %s AND position = %s",
        *(bytes(32), level, position),
    )


def expect(kind: str, index: int | None, *others: str, **options) -> None:
    """The kind is found, at the index, with nothing but what follows from it."""
    verdict = look(**options)

    assert kinds(verdict) == {kind, *others}
    assert verdict.findings.first_index == index
