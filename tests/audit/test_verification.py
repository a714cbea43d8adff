"""Verifying: a whole log has no finding, and each thing that can be wrong has one."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from audit.keyring import Believed
from audit.models import Audit, Checkpoint, Leaf, Node, Pending
from audit.proofs.checkpoints import Checkpoint as Signed
from audit.proofs.keys import VerifierKey
from audit.proofs.merkle import EMPTY_ROOT
from audit.sequencer import seal
from audit.verification import NoKey, pinned, verify
from audit.verifying.findings import WORDS, Findings, Kind, found, found_at
from tests.audit.tampering import (
    FOREIGN,
    KEY,
    KEYS,
    expect,
    kinds,
    look,
    make_log,
    notes,
    pk_at,
    put_hash,
    put_node,
    put_text,
    remake_tree,
    run,
    undone,
    unlock_all,
    write,
)
from tests.servers import ROOT

pytestmark = pytest.mark.django_db
SIZES = st.lists(st.integers(1, 9), min_size=0, max_size=6)


@pytest.fixture
def log() -> None:
    """Twenty events under checkpoints of 5, 6, 13 and 20, with the locks off."""
    make_log(5, 1, 7, 7)
    unlock_all()


# --- A whole log ------------------------------------------------------------------


@hypothesis_settings(max_examples=25)
@given(batches=SIZES, waiting=st.integers(0, 3), part=st.floats(0, 1))
def test_a_log_as_it_was_written_has_no_finding_from_wherever_it_is_verified(
    batches, waiting, part
):
    with undone():
        make_log(*batches)
        write(waiting)

        verdicts = [
            look(pins=pinned("\n".join(notes()), KEYS) if batches else ()),
            look(begin=int(part * sum(batches))),
        ]

        assert [verdict.findings.total for verdict in verdicts] == [0, 0]
        assert {verdict.size for verdict in verdicts} == {sum(batches)}
        assert verdicts[0].checkpoints == verdicts[0].pins == len(batches)
        assert verdicts[0].waiting == waiting


def test_every_part_of_a_log_can_be_verified_alone(log):
    pins = pinned("\n".join(notes()), KEYS)

    for begin in range(21):
        verdict = look(begin=begin, pins=pins)
        assert (verdict.findings.total, verdict.begin) == (0, begin)


def test_a_log_read_in_many_parts_is_whole(log, monkeypatch):
    for module in ("walk", "checkpoints", "waiting"):
        monkeypatch.setattr(f"audit.verifying.{module}.AT_ONCE", 3)
    write(7)

    assert look().is_whole


def test_a_key_that_was_changed_for_another_still_vouches_for_its_time(log):
    write(3)
    seal([FOREIGN])

    both = [Believed(KEY.verifier, until=20), Believed(FOREIGN.verifier)]

    assert look(keys=both).is_whole
    assert kinds(look(keys=[Believed(KEY.verifier, until=19), both[1]])) == {
        "checkpoint_refused"
    }


def test_each_signature_is_verified_once(log, monkeypatch):
    """It is most of what a checkpoint costs."""
    asked, signed = [], VerifierKey.signed
    monkeypatch.setattr(
        VerifierKey,
        "signed",
        lambda key, text, made: asked.append(text) or signed(key, text, made),
    )

    assert look().is_whole

    assert len(asked) == len(set(asked)) == 4


def test_without_a_key_nothing_is_verified(log):
    with pytest.raises(NoKey):
        verify(keys=[])


def test_progress_is_told_up_to_the_end(log, monkeypatch):
    monkeypatch.setattr("audit.verifying.walk.AT_ONCE", 8)
    told = []

    look(begin=2, progress=lambda done, of: told.append((done, of)))

    assert told == [(8, 18), (16, 18), (18, 18)]


def test_verifying_asks_no_more_queries_of_a_longer_log(
    log, django_assert_max_num_queries
):
    make_log(300)

    with django_assert_max_num_queries(20):
        look()


# --- One finding of each kind -----------------------------------------------------


def test_a_leaf_that_is_gone(log):
    run("DELETE FROM audit_leaf WHERE tree_index = 7")

    expect("leaf_missing", 7, "event_left_out")


def test_many_leaves_that_are_gone_are_counted(log):
    run("DELETE FROM audit_leaf WHERE tree_index BETWEEN 4 AND 9")

    assert look().findings.counts["leaf_missing"] == 6


def test_a_leaf_below_the_first(log):
    run("UPDATE audit_leaf SET tree_index = -1 WHERE tree_index = 19")

    expect("leaf_below_zero", 19, "log_shortened", "node_foreign")


def test_the_hash_of_a_leaf_that_is_another(log):
    put_hash(7, EMPTY_ROOT)

    expect("leaf_hash", 7, "node_differs", "root_differs")


def test_the_hash_of_a_leaf_that_is_no_hash(log):
    put_hash(7, b"short")

    expect("leaf_hash", 7)


def test_an_event_that_is_gone(log):
    run("DELETE FROM audit_audit WHERE id = %s", pk_at(7))

    expect("event_missing", 7)


def test_an_event_that_cannot_be_read(log):
    garbage = "infinity" if connection.vendor == "postgresql" else "never"
    run(
        "UPDATE audit_audit SET occurred_at = %s WHERE id = %s",
        *(garbage, pk_at(7)),
    )

    expect("event_unreadable", 7)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("not JSON", "it is not JSON"),
        ('{"v": 1}', "it is not written in the canonical way"),
        ('{"v":1.5}', "a number is not whole"),
        ('{"v":2}', "it is of a version that is not known here"),
        ('{"v":1}', "a field is not what it must be"),
        ('{"event_id":"x","v":1}', "a field is not what it must be"),
        ('{"actor":3,"event_id":7,"v":1}', "a field is not what it must be"),
    ],
)
def test_a_text_that_is_none_of_ours(log, text, why):
    put_text(pk_at(7), text)

    expect("text_malformed", 7, "leaf_hash")
    assert look().findings.kept["text_malformed"][0].more == why


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("event_id", uuid.UUID(int=7)),
        ("action", "job.failed"),
        ("actor", "user:1"),
        ("clinic", ""),
        ("case_id", "case-8"),
        ("job_id", uuid.UUID(int=7)),
        ("attempt", None),
        ("attempt", 9),
        ("request_id", "f00"),
        ("detail", "{}"),
        ("detail", '{"code": "INVENTED", "n": 1, "again": 1}'),
        ("occurred_at", "2026-01-01 00:00:00.000001"),
    ],
)
def test_a_column_that_is_not_what_the_text_says(log, column, value):
    if isinstance(value, uuid.UUID) and connection.vendor == "sqlite":
        value = value.hex
    run(f"UPDATE audit_audit SET {column} = %s WHERE id = %s", value, pk_at(7))

    expect("column_differs", 7)
    assert look().findings.kept["column_differs"][0].more == column


def test_a_node_that_is_gone(log):
    Node.objects.filter(level=2, position=1)._raw_delete("default")

    expect("node_missing", 4)


def test_a_node_that_is_another(log):
    put_node(2, 1)

    expect("node_differs", 4)


@pytest.mark.parametrize("place", [(1, 10), (1, -1), (0, 3), (63, 0), (5, 0)])
def test_a_node_that_the_tree_has_not(log, place):
    Node.objects.create(level=place[0], position=place[1], hash=EMPTY_ROOT)

    expect("node_foreign", None)


@pytest.mark.parametrize(
    "note", ["", "no note", Signed(KEY.name, 13, EMPTY_ROOT).signed([FOREIGN])]
)
def test_a_checkpoint_that_nobody_signed(log, note):
    run("UPDATE audit_checkpoint SET note = %s WHERE size = 13", note)

    expect("checkpoint_refused", 6)


def test_a_checkpoint_whose_note_is_an_older_one(log):
    run("UPDATE audit_checkpoint SET note = %s WHERE size = 13", notes()[0])

    expect("checkpoint_differs", 6)


def test_a_checkpoint_whose_root_is_another(log):
    run("UPDATE audit_checkpoint SET root = %s WHERE size = 13", EMPTY_ROOT)

    expect("root_differs", 6, "checkpoint_differs")


def test_a_log_that_was_made_anew_without_the_key(log):
    event = Audit.objects.get(pk=pk_at(7))
    put_text(event.pk, event.canonical.replace(str(event.event_id), str(uuid.uuid4())))
    remake_tree(FOREIGN)

    verdict = look()
    assert kinds(verdict) == {"checkpoint_refused", "column_differs"}
    assert verdict.findings.counts["checkpoint_refused"] == 4


def test_a_log_shorter_than_its_last_checkpoint(log):
    run("DELETE FROM audit_audit WHERE id = %s", pk_at(19))
    run("DELETE FROM audit_leaf WHERE tree_index = 19")
    run("DELETE FROM audit_node WHERE position = 9 AND level = 1")
    run("DELETE FROM audit_node WHERE position = 4 AND level = 2")

    expect("log_shortened", 19)


def test_a_log_shorter_than_where_it_is_to_be_verified_from(log):
    expect("log_shortened", 20, begin=21)


def test_leaves_that_no_checkpoint_covers(log):
    run("DELETE FROM audit_checkpoint WHERE size = 20")

    expect("leaves_unsigned", 13)
    expect("leaves_unsigned", 19, begin=20)


def test_an_event_that_does_not_wait_for_its_leaf(log):
    write()
    run("DELETE FROM audit_pending")

    expect("event_left_out", None)
    [finding] = look().findings.shown()
    assert finding.event == Audit.objects.latest("pk").pk


def test_an_event_that_waits_too_long(log):
    write()
    late = Audit.objects.latest("pk")
    then = timezone.now() - timedelta(seconds=61)
    put_text(late.pk, late.canonical.replace("INVENTED", "OTHER"))
    run("UPDATE audit_audit SET occurred_at = %s WHERE id = %s", then, late.pk)

    expect("unsealed", None, "column_differs")
    assert look().findings.kept["column_differs"][0].more == "occurred_at, detail"


def test_an_event_that_waits_and_has_a_leaf(log):
    Pending.objects.create(pk=pk_at(7))

    expect("pending_sealed", None)


def test_something_that_waits_and_is_no_event(log):
    Pending.objects.create(pk=10**6)

    expect("pending_without_event", None)


# --- Findings ---------------------------------------------------------------------


def test_a_log_that_is_all_wrong_is_counted_and_not_all_shown(log):
    run("UPDATE audit_audit SET actor = 'user:1'")
    run("UPDATE audit_checkpoint SET note = ''")

    findings = look().findings
    assert findings.counts == {"column_differs": 20, "checkpoint_refused": 4}
    assert len(findings.shown()) == 20
    assert {each.kind for each in findings.shown()} == set(findings.counts)
    assert findings.first_index == 0


def test_the_first_bad_index_is_the_surest():
    findings = Findings()
    for index, until in [(0, 9), (4, 8), (6, 8), (7, 9)]:
        findings.add(found(Kind.NODE_DIFFERS, index=index, until=until))
    findings.add(found_at(Kind.LEAF_HASH, 8))

    assert findings.first_index == 6


def test_every_kind_has_words_and_is_in_the_runbook():
    from screening.completeness import GAPS

    text = (ROOT / "docs" / "audit-verify.md").read_text()
    named = {*map(str, Kind), *(gap.kind for gap in GAPS)}

    assert set(WORDS) == set(Kind)
    assert {kind for kind in named if f"| `{kind}` |" not in text} == set()


def test_no_finding_quotes_an_event(log):
    run("UPDATE audit_audit SET actor = 'user:secret', detail = '{\"a\": \"secret\"}'")
    put_text(pk_at(3), '{"secret": 1}')
    put_text(pk_at(4), '{"secret":1}')

    assert "secret" not in str(look().fields())
    assert "secret" not in "".join(map(str, look().findings.shown()))


def test_leaves_are_what_is_counted(log):
    assert (Leaf.objects.count(), Checkpoint.objects.count()) == (20, 4)
    assert look().fields() == {
        "whole": True,
        "from": 0,
        "size": 20,
        "checkpoints": 4,
        "pinned": 0,
        "waiting": 0,
        "first_bad_index": None,
        "total": 0,
        "counts": {},
        "findings": [],
    }
