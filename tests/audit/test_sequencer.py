"""Sealing: each event gets one place in one tree, and each tree is signed once."""

from __future__ import annotations

import pytest
from django.db import connection

from audit.actions import Action
from audit.models import Audit, Checkpoint, Leaf, Pending
from audit.proofs.checkpoints import Checkpoint as Signed
from audit.proofs.keys import SignerKey
from audit.proofs.merkle import (
    EMPTY_ROOT,
    CompactRange,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from audit.sequencer import LogBroken, seal, seal_all
from audit.services import Event, record
from audit.tree import proof_of_consistency, proof_of_inclusion
from tests.screening.signing import unlock

pytestmark = pytest.mark.django_db

KEY = SignerKey.generate("clinic.example/audit")
NEW_KEY = SignerKey.generate("clinic.example/audit")


def write(number: int = 1) -> None:
    record(
        Event(action=Action.JOB_STARTED, actor="worker:host-1", attempt=n)
        for n in range(number)
    )


def root_of_all() -> bytes:
    """The root over all events in the order of their leaves, from nothing but texts."""
    tree = CompactRange()
    for text in Audit.objects.order_by("leaf__tree_index").values_list("canonical"):
        tree.append(leaf_hash(text[0].encode()))
    return tree.root()


def test_nothing_that_waits_is_nothing_to_sign():
    assert seal([KEY]) is None
    assert not Checkpoint.objects.exists()


@pytest.mark.parametrize("batches", [[1], [2], [3, 1], [1, 1, 1, 1, 1], [8, 5, 3], [7]])
def test_the_root_is_that_of_all_events_however_they_came(batches):
    for number in batches:
        write(number)
        checkpoint = seal([KEY])

    size = sum(batches)
    assert (checkpoint.size, bytes(checkpoint.root)) == (size, root_of_all())
    assert list(Leaf.objects.order_by("pk").values_list("pk", flat=True)) == list(
        range(size)
    )
    assert not Pending.objects.exists()


def test_a_batch_has_a_most_and_the_rest_is_sealed_after_it():
    write(25)

    sizes = [seal([KEY], most=10).size for _ in range(3)]

    assert sizes == [10, 20, 25]
    assert seal([KEY], most=10) is None


def test_sealing_all_leaves_nothing_that_waits():
    write(25)

    assert seal_all([KEY], seconds=10).size == 25
    assert seal_all([KEY], seconds=10) is None


def test_a_checkpoint_is_signed_by_the_logs_key():
    write(3)

    note = seal([KEY]).note

    assert Signed.opened(note, [KEY.verifier]) == Signed(KEY.name, 3, root_of_all())


def test_while_a_key_is_changed_for_another_either_is_enough():
    write()

    note = seal([NEW_KEY, KEY]).note

    assert Signed.opened(note, [KEY.verifier]) == Signed.opened(
        note, [NEW_KEY.verifier]
    )


def test_every_event_is_proven_to_be_in_every_later_tree():
    checkpoints = []
    for number in (1, 4, 2, 6):
        write(number)
        checkpoints.append(seal([KEY]))

    for checkpoint in checkpoints:
        for index, text in enumerate(
            Audit.objects.order_by("leaf").values_list("canonical", flat=True)
        ):
            if index < checkpoint.size:
                verify_inclusion(
                    leaf=leaf_hash(text.encode()),
                    index=index,
                    size=checkpoint.size,
                    proof=proof_of_inclusion(index, checkpoint.size),
                    root=bytes(checkpoint.root),
                )


def test_every_tree_is_proven_to_be_the_beginning_of_each_later_one():
    checkpoints = []
    for number in (1, 4, 2, 6):
        write(number)
        checkpoints.append(seal([KEY]))

    for old in checkpoints:
        for new in checkpoints:
            if old.size <= new.size:
                verify_consistency(
                    old=old.size,
                    new=new.size,
                    proof=proof_of_consistency(old.size, new.size),
                    old_root=bytes(old.root),
                    new_root=bytes(new.root),
                )


def test_sealing_more_costs_no_more_queries(django_assert_max_num_queries):
    write(300)
    seal([KEY])
    write(300)

    with django_assert_max_num_queries(12):
        seal([KEY])


def tamper(table: str, sql: str) -> None:
    unlock(table)
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize(
    ("table", "sql", "said"),
    [
        ("audit_leaf", "DELETE FROM audit_leaf WHERE tree_index = 4", "4 leaves"),
        ("audit_checkpoint", "DELETE FROM audit_checkpoint", "of 0"),
        ("audit_node", "DELETE FROM audit_node WHERE level = 2", "a node"),
        ("audit_node", "UPDATE audit_node SET hash = '{x}'", "not the root"),
        ("audit_leaf", "UPDATE audit_leaf SET hash = '{x}'", "not the root"),
        ("audit_checkpoint", "UPDATE audit_checkpoint SET size = 6", "of 6"),
        (
            "audit_checkpoint",
            "UPDATE audit_checkpoint SET root = '{x}'",
            "not the root",
        ),
    ],
)
def test_nothing_is_sealed_on_top_of_a_broken_tree(table, sql, said):
    write(5)
    seal([KEY])
    write()
    wrong = r"\x" + EMPTY_ROOT.hex()
    if connection.vendor == "sqlite":
        sql = sql.replace("'{x}'", f"x'{EMPTY_ROOT.hex()}'")

    tamper(table, sql.replace("{x}", wrong))

    with pytest.raises(LogBroken, match=said):
        seal([KEY])
    assert Pending.objects.count() == 1
    assert Checkpoint.objects.filter(size=6, note__contains="\n6\n").count() == 0


def test_an_event_that_waits_and_is_gone_stops_the_sealing():
    write(2)
    tamper("audit_audit", "DELETE FROM audit_audit")

    with pytest.raises(LogBroken, match="not there"):
        seal([KEY])


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_leaf SET tree_index = 9",
        "DELETE FROM audit_leaf",
        "UPDATE audit_node SET position = 9",
        "DELETE FROM audit_node",
        "UPDATE audit_checkpoint SET note = ''",
        "DELETE FROM audit_checkpoint",
    ],
)
def test_the_database_refuses_to_change_the_tree(change):
    write(4)
    seal([KEY])

    with pytest.raises(Exception, match="append-only"), connection.cursor() as cursor:
        cursor.execute(change)
