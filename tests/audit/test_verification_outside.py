"""Verifying against what was kept outside, and from an index on."""

from __future__ import annotations

import pytest

from audit.actions import Action
from audit.keyring import Believed
from audit.models import Node
from audit.sequencer import seal
from audit.services import Event, record
from audit.verification import PinRefused, pinned
from tests.audit.calling import believe, command
from tests.audit.tampering import (
    FOREIGN,
    KEY,
    KEYS,
    expect,
    kinds,
    look,
    make_log,
    notes,
    put_node,
    run,
    unlock_all,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def log() -> None:
    """Twenty events under checkpoints of 5, 6, 13 and 20, with the locks off."""
    make_log(5, 1, 7, 7)
    unlock_all()


# --- What was kept outside --------------------------------------------------------


def cut_the_tail(size: int) -> None:
    """Take the last events away, and all that tells of them."""
    run(
        "DELETE FROM audit_audit WHERE id IN "
        "(SELECT event_id FROM audit_leaf WHERE tree_index >= %s)",
        size,
    )
    run("DELETE FROM audit_leaf WHERE tree_index >= %s", size)
    run("DELETE FROM audit_checkpoint WHERE size > %s", size)
    for level in range(1, 6):
        run(
            "DELETE FROM audit_node WHERE level = %s AND position >= %s",
            *(level, size >> level),
        )


def test_a_tail_that_was_cut_off_is_seen_from_outside_alone(log):
    newest = notes()[-1]
    cut_the_tail(13)

    assert look().is_whole
    expect("pin_beyond", 13, pins=pinned(newest, KEYS))
    expect("pin_beyond", 13, pins=pinned(newest, KEYS), begin=6)


def test_a_log_that_went_another_way_is_seen_from_outside_alone(log):
    kept = notes()
    cut_the_tail(13)
    make_log(3, 9)

    pins = pinned("\n".join(kept), KEYS)
    assert look().is_whole
    expect("pin_differs", 13, pins=pins)
    assert kinds(look(pins=pins, begin=22)) == {"pin_differs"}


def test_a_checkpoint_that_is_stored_no_more_is_seen_from_outside_alone(log):
    pins = pinned("\n".join(notes()), KEYS)
    run("DELETE FROM audit_checkpoint WHERE size = 6")

    assert look().is_whole
    expect("pin_forgotten", None, pins=pins)


@pytest.mark.parametrize("text", ["", "x", "x\n\ny\n", "{n}{n}", "\ufeff{n}", "{n}x"])
def test_what_is_kept_outside_must_be_signed_notes(log, text):
    with pytest.raises(PinRefused):
        pinned(text.replace("{n}", notes()[0]), KEYS)


def test_what_is_kept_outside_must_be_signed_by_a_key_of_the_log(log):
    with pytest.raises(PinRefused, match="no known key"):
        pinned(notes()[0], [Believed(FOREIGN.verifier)])


# --- What the log itself tells of earlier checks ----------------------------------


@pytest.fixture
def checked(log, settings, tmp_path) -> None:
    """The same log, found to be whole; that it was is sealed as well."""
    believe(settings, tmp_path)
    assert command("audit_verify").status == 0
    seal([KEY])
    assert look().is_whole


@pytest.mark.parametrize("size", [5, 6, 13])
def test_a_checkpoint_in_between_that_is_gone_is_seen_from_inside(checked, size):
    run("DELETE FROM audit_checkpoint WHERE size = %s", size)

    verdict = look()

    assert kinds(verdict) == {"checkpoint_missing"}
    assert "1 of 4 from 0 to 20" in str(verdict.findings.shown()[0])


def test_a_later_check_that_was_only_told_of_hides_no_earlier_one(checked):
    run("DELETE FROM audit_checkpoint WHERE size = 6")
    told = {"whole": True, "from": 0, "size": 21, "checkpoints": 4}
    check = {"action": Action.AUDIT_VERIFIED, "actor": "system:audit_verify"}
    record([Event(**check, detail=told)])
    seal([KEY])

    assert kinds(look()) == {"checkpoint_missing"}


def test_a_check_of_a_part_tells_of_that_part(log, settings, tmp_path):
    believe(settings, tmp_path)
    assert command("audit_verify", "--from", "6").status == 0
    run("DELETE FROM audit_checkpoint WHERE size = 5")
    assert look().is_whole

    run("DELETE FROM audit_checkpoint WHERE size = 13")
    assert kinds(look()) == {"checkpoint_missing"}


@pytest.mark.parametrize(
    "told",
    [
        {"whole": False, "from": 0, "size": 20, "checkpoints": 9},
        {"whole": True, "from": 0, "size": 20},
        {"whole": True, "from": "0", "size": 20, "checkpoints": 9},
        {},
    ],
)
def test_a_check_that_found_the_log_broken_or_counted_nothing_tells_nothing(log, told):
    check = {"action": Action.AUDIT_VERIFIED, "actor": "system:audit_verify"}
    record([Event(**check, detail=told)])

    assert look().is_whole


# --- From an index on -------------------------------------------------------------


def test_where_the_tree_before_it_is_not_stored_all_of_the_log_is_verified(log):
    Node.objects.filter(level=2, position=0)._raw_delete("default")

    expect("node_missing", 0, begin=6)
    assert look(begin=6).begin == 0


def test_a_tree_before_it_that_is_another_does_not_lead_to_the_signed_roots(log):
    put_node(3, 0)

    expect("root_differs", 0, "node_differs", begin=9)
