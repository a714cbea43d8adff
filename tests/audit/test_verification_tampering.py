"""A thousand ways to change the log as who owns the database: all are found.

The log has forty events under seven checkpoints, and two that wait. Each tampering is
drawn by its own seed, made with the locks off, looked for and undone.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from django.db import connection

from audit.models import Audit, Checkpoint, Leaf, Node
from audit.proofs.checkpoints import Checkpoint as Signed
from audit.proofs.merkle import leaf_hash
from audit.verification import pinned
from tests.audit.tampering import (
    FOREIGN,
    KEY,
    KEYS,
    look,
    make_log,
    notes,
    pk_at,
    put_hash,
    put_text,
    remake_tree,
    run,
    undone,
    unlock_all,
    write,
)

pytestmark = pytest.mark.django_db

BATCHES = (1, 6, 9, 3, 8, 12, 1)
SIZE = sum(BATCHES)
EACH = 60
"""Seventeen kinds of tampering: 1,020 in all."""

ANYWHERE = -1
"""The first bad index is not defined: nothing in the tree itself is wrong."""


class Made(NamedTuple):
    """The first index that is wrong, and whether it is found to the very leaf."""

    index: int
    exactly: bool = False
    pins: str = ""


Tampering = Callable[[random.Random], Made]


# --- Changes ----------------------------------------------------------------------


def change_a_column(draw: random.Random) -> Made:
    index = draw.randrange(SIZE)
    other = uuid.UUID(int=draw.getrandbits(128))
    name, value = draw.choice(
        [
            ("event_id", other.hex),
            ("job_id", other.hex),
            ("occurred_at", f"20{draw.randint(10, 24)}-01-01 00:00:00.5+00:00"),
            ("action", draw.choice(["job.failed", "review.signed"])),
            ("actor", f"user:{draw.randrange(99)}"),
            ("clinic", draw.choice(["", "hillside"])),
            ("case_id", f"case-{draw.randrange(100, 999)}"),
            ("attempt", draw.randrange(100, 999)),
            ("request_id", other.hex),
            ("detail", json.dumps({"code": draw.randrange(9)})),
        ]
    )
    run(f"UPDATE audit_audit SET {name} = %s WHERE id = %s", value, pk_at(index))
    return Made(index, exactly=True)


def changed_text(draw: random.Random, index: int) -> str:
    """Change some values of an event's text, which stays canonical."""
    fields = json.loads(Audit.objects.get(leaf=index).canonical)
    match draw.randrange(4):
        case 0:
            fields["actor"]["id"] = f"user:{draw.randrange(99)}"
        case 1:
            fields["detail"]["n"] = draw.randrange(100, 999)
        case 2:
            fields["outcome"] = "refused"
        case 3:
            fields["network"] = f"10.0.0.{draw.randrange(1, 255)}"
    return json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def change_the_text(draw: random.Random) -> Made:
    index = draw.randrange(SIZE)
    put_text(pk_at(index), changed_text(draw, index))
    return Made(index, exactly=True)


def change_one_character_of_the_text(draw: random.Random) -> Made:
    index = draw.randrange(SIZE)
    text = Audit.objects.get(leaf=index).canonical
    place = draw.randrange(len(text))
    other = draw.choice([c for c in 'abc019 {}",:' if c != text[place]])
    put_text(pk_at(index), text[:place] + other + text[place + 1 :])
    return Made(index, exactly=True)


def rewrite(index: int, text: str) -> None:
    """Change an event so that its text, its columns and its leaf agree."""
    pk, fields = pk_at(index), json.loads(text)
    put_text(pk, text)
    run(
        "UPDATE audit_audit SET actor = %s, detail = %s WHERE id = %s",
        *(fields["actor"]["id"], json.dumps(fields["detail"]), pk),
    )
    put_hash(index, leaf_hash(text.encode()))


def change_text_columns_and_hash(draw: random.Random) -> Made:
    index = draw.randrange(SIZE)
    rewrite(index, changed_text(draw, index))
    return Made(index)


def change_a_hash(draw: random.Random) -> Made:
    index = draw.randrange(SIZE)
    put_hash(index, draw.randbytes(draw.choice([0, 31, 32, 32, 33])))
    return Made(index, exactly=True)


def change_a_node(draw: random.Random) -> Made:
    node = draw.choice(list(Node.objects.order_by("level", "position")))
    run(
        "UPDATE audit_node SET hash = %s WHERE level = %s AND position = %s",
        *(draw.randbytes(32), node.level, node.position),
    )
    return Made(node.position << node.level)


# --- Deletions and insertions -----------------------------------------------------


def delete_an_event(draw: random.Random) -> Made:
    index = draw.randrange(SIZE)
    run("DELETE FROM audit_audit WHERE id = %s", pk_at(index))
    if draw.random() < 0.5:
        run("DELETE FROM audit_leaf WHERE tree_index = %s", index)
    # The last leaf leaves no gap behind: the log is shorter.
    return Made(index, exactly=True)


def delete_and_close_the_gap(draw: random.Random) -> Made:
    index = draw.randrange(SIZE)
    run("DELETE FROM audit_audit WHERE id = %s", pk_at(index))
    run("DELETE FROM audit_leaf WHERE tree_index = %s", index)
    for later in range(index + 1, SIZE):
        run(
            "UPDATE audit_leaf SET tree_index = %s WHERE tree_index = %s",
            *(later - 1, later),
        )
    return Made(index)


def forged_event(draw: random.Random) -> int:
    """Insert an event that agrees with itself, and waits for nothing."""
    write(1)
    run("DELETE FROM audit_pending WHERE event_id = (SELECT MAX(id) FROM audit_audit)")
    return int(Audit.objects.latest("pk").pk)


def insert_an_event(draw: random.Random) -> Made:
    forged_event(draw)
    return Made(ANYWHERE)


def insert_an_event_and_its_leaf(draw: random.Random) -> Made:
    index = draw.randrange(SIZE + 1)
    pk = forged_event(draw)
    for later in range(SIZE - 1, index - 1, -1):
        run(
            "UPDATE audit_leaf SET tree_index = %s WHERE tree_index = %s",
            *(later + 1, later),
        )
    text = Audit.objects.get(pk=pk).canonical
    Leaf.objects.create(tree_index=index, event_id=pk, hash=leaf_hash(text.encode()))
    return Made(index)


# --- Another order ----------------------------------------------------------------


def swap_two_leaves(draw: random.Random) -> Made:
    first, second = sorted(draw.sample(range(SIZE), 2))
    for old, new in [(first, 999), (second, first), (999, second)]:
        run("UPDATE audit_leaf SET tree_index = %s WHERE tree_index = %s", *(new, old))
    return Made(first)


def swap_the_events_of_two_leaves(draw: random.Random) -> Made:
    first, second = sorted(draw.sample(range(SIZE), 2))
    pks = pk_at(first), pk_at(second)
    for index, pk in [(first, -1), (second, pks[0]), (first, pks[1])]:
        run("UPDATE audit_leaf SET event_id = %s WHERE tree_index = %s", *(pk, index))
    return Made(first, exactly=True)


# --- Checkpoints ------------------------------------------------------------------


def replace_a_checkpoint(draw: random.Random) -> Made:
    rows = list(Checkpoint.objects.order_by("size"))
    place = draw.randrange(len(rows))
    row, root = rows[place], draw.randbytes(32)
    older = draw.choice([each for each in rows if each is not row])
    root, note = draw.choice(
        [
            # A forged root, under no signature of it, a foreign one and a right one.
            (root, row.note),
            (root, Signed(KEY.name, row.size, root).signed([FOREIGN])),
            (root, Signed(KEY.name, row.size, root).signed([KEY])),
            # The right root by a foreign key, and a right note of another size.
            (row.root, Signed(KEY.name, row.size, bytes(row.root)).signed([FOREIGN])),
            (row.root, older.note),
            (older.root, older.note),
        ]
    )
    run(
        "UPDATE audit_checkpoint SET root = %s, note = %s WHERE size = %s",
        *(bytes(root), note, row.size),
    )
    return Made(rows[place - 1].size if place else 0)


# --- All made to agree ------------------------------------------------------------


def tamper_and_make_the_tree_anew(draw: random.Random) -> Made:
    index = draw.randrange(SIZE)
    rewrite(index, changed_text(draw, index))
    remake_tree(draw.choice([None, FOREIGN]), begin=index)
    return Made(index)


def delete_and_make_the_tree_anew(draw: random.Random) -> Made:
    # Without the last event the log is one whose tail was cut: see there.
    index = draw.randrange(SIZE - 1)
    run("DELETE FROM audit_audit WHERE id = %s", pk_at(index))
    run("DELETE FROM audit_leaf WHERE tree_index = %s", index)
    remake_tree(draw.choice([None, FOREIGN]), begin=index)
    return Made(index)


def cut_the_tail(draw: random.Random) -> Made:
    """Cut it at a checkpoint: what is left is whole, and only who kept one sees it."""
    kept = notes()
    size = sum(BATCHES[: draw.randrange(len(BATCHES))])
    run(
        "DELETE FROM audit_audit WHERE id IN "
        "(SELECT event_id FROM audit_leaf WHERE tree_index >= %s)",
        size,
    )
    run("DELETE FROM audit_leaf WHERE tree_index >= %s", size)
    run("DELETE FROM audit_checkpoint WHERE size > %s", size)
    run(
        "DELETE FROM audit_node WHERE (position + 1) * "
        "CAST(1 << CAST(level AS integer) AS bigint) > %s",
        size,
    )
    assert look().is_whole
    return Made(size, exactly=True, pins=kept[-1])


def grow_another_tail(draw: random.Random) -> Made:
    """Cut it, and go on with the log's own key: still the one kept outside tells."""
    made = cut_the_tail(draw)
    make_log(SIZE - made.index + draw.randrange(1, 9))
    assert look().is_whole
    return Made(made.index, pins=made.pins)


TAMPERINGS = [
    *(change_a_column, change_the_text, change_one_character_of_the_text),
    *(change_text_columns_and_hash, change_a_hash, change_a_node),
    *(delete_an_event, delete_and_close_the_gap),
    *(insert_an_event, insert_an_event_and_its_leaf),
    *(swap_two_leaves, swap_the_events_of_two_leaves),
    *(replace_a_checkpoint, tamper_and_make_the_tree_anew),
    *(delete_and_make_the_tree_anew, cut_the_tail, grow_another_tail),
]


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda each: each.__name__)
def test_every_tampering_is_found_with_the_first_bad_index(tampering: Tampering):
    make_log(*BATCHES)
    write(2)
    unlock_all()
    assert look().is_whole
    for seed in range(EACH):
        with undone():
            made = tampering(random.Random(f"{tampering.__name__} {seed}"))
            pins = pinned(made.pins, KEYS) if made.pins else ()

            verdict = look(pins=pins)

        first: Any = verdict.findings.first
        assert not verdict.is_whole, seed
        if made.index == ANYWHERE:
            assert first is None, seed
        elif made.exactly:
            assert first.index == made.index, (seed, first)
        else:
            assert first.index <= made.index < first.until, (seed, first)


def test_they_are_a_thousand():
    assert len(TAMPERINGS) * EACH >= 1000
    assert connection.vendor in {"sqlite", "postgresql"}
