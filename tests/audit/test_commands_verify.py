"""`audit_verify`, called as by hand and as by a timer."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from audit.actions import Action
from audit.models import Audit
from tests.audit.calling import believe, command
from tests.audit.tampering import (
    FOREIGN,
    make_log,
    notes,
    pk_at,
    put_text,
    remake_tree,
    run,
    unlock_all,
)
from tests.screening.making import make_job

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def keys(settings: Any, tmp_path: Path) -> Path:
    return believe(settings, tmp_path)


@pytest.fixture
def log() -> None:
    make_log(5, 1, 7, 7)


def verified() -> Audit:
    return Audit.objects.get(action=Action.AUDIT_VERIFIED)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_whole_log_ends_with_0(log):
    said = command("audit_verify")

    assert said == (
        0,
        "Whole: events 0 to 20, 4 checkpoints, 0 kept outside, 0 waiting.\n",
        "",
    )


def test_a_broken_log_ends_with_1_and_says_where(log):
    unlock_all()
    put_text(pk_at(7), "x")

    said = command("audit_verify")

    assert said.status == 1
    assert "index 7: the hash of a leaf is not that of its event's text" in said.out
    assert "First bad index: 7\n" in said.out
    assert said.err == (
        "The audit log is broken: 2 findings. See docs/audit-verify.md."
    )


def test_more_findings_than_a_screen_holds_are_counted(log):
    unlock_all()
    run("UPDATE audit_audit SET clinic = 'x'")
    run("UPDATE audit_checkpoint SET note = ''")

    said = command("audit_verify")

    assert "\nand 4 more\n" in said.out
    assert "24 findings" in said.err


def test_for_machines_it_is_json_whatever_is_found(log):
    whole = json.loads(command("audit_verify", "--json", "--from", "6").out)
    unlock_all()
    run("DELETE FROM audit_leaf WHERE tree_index = 7")

    said = command("audit_verify", "--json")

    assert (whole["whole"], whole["from"], whole["first_bad_index"]) == (True, 6, None)
    broken = json.loads(said.out)
    assert said.status == 1
    assert (broken["whole"], broken["first_bad_index"]) == (False, 7)
    assert broken["counts"] == {"event_left_out": 1, "leaf_missing": 1}
    assert broken["findings"][0] == {
        "kind": "leaf_missing",
        "words": "a place of the tree has no leaf",
        "index": 7,
        "until": 8,
    }


@pytest.mark.parametrize("kept", ["one", "all"])
def test_a_log_whose_tail_was_cut_off_is_broken_by_what_was_kept_outside(
    log, tmp_path, kept
):
    path = tmp_path / "checkpoints"
    path.write_text(notes()[-1] if kept == "one" else "\n".join([*notes(), ""]))
    assert command("audit_verify", "--checkpoint", path).status == 0
    unlock_all()
    pks = [pk_at(index) for index in range(13, 20)]
    run("DELETE FROM audit_leaf WHERE tree_index >= 13")
    for pk in pks:
        run("DELETE FROM audit_audit WHERE id = %s", pk)
    run("DELETE FROM audit_checkpoint WHERE size = 20")
    remake_tree(None)
    # That it was verified waits to be sealed, and tells of the checkpoint.
    assert "checkpoints are gone" in command("audit_verify").out
    run("DELETE FROM audit_pending")
    run("DELETE FROM audit_audit WHERE action = 'audit.verified'")

    assert command("audit_verify").status == 0
    said = command("audit_verify", "--checkpoint", path)
    assert said.status == 1
    assert "the log is shorter than the checkpoint kept outside" in said.out
    assert "First bad index: 13" in said.out


def test_a_log_that_is_not_complete_is_broken(redis, log):
    job = make_job()
    unlock_all()
    run("DELETE FROM audit_pending")
    run("DELETE FROM audit_audit WHERE action = %s", str(Action.JOB_SUBMITTED))

    said = command("audit_verify")

    assert said.status == 1
    assert f"that the job was submitted (job {job.pk})" in said.out


def test_verifying_is_itself_an_event_that_is_sealed_later(log):
    command("audit_verify", "--from", "6")

    event = verified()
    assert (event.actor, json.loads(event.canonical)["purpose"]) == (
        "system:audit_verify",
        "HCOMPL",
    )
    assert event.detail == {
        "whole": True,
        "from": 6,
        "size": 20,
        "checkpoints": 3,
        "pinned": 0,
        "waiting": 0,
        "counts": {},
    }
    assert json.loads(command("audit_verify", "--json").out)["waiting"] == 1


def test_that_it_is_broken_is_an_event_too(log):
    unlock_all()
    run("UPDATE audit_checkpoint SET note = ''")

    command("audit_verify")

    assert verified().detail["whole"] is False
    assert verified().detail["counts"] == {"checkpoint_refused": 4}


def test_progress_is_shown_on_a_terminal_alone(log):
    err = Terminal()

    command("audit_verify", err=err)

    assert err.getvalue() == f"\r[{'#' * 30}] 20 of 20 events\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not made of signed notes"),
        ("no note", "not made of signed notes"),
        ("a\n\nb\n", "a signature is"),
        (None, "FileNotFoundError"),
    ],
)
def test_a_file_that_is_no_checkpoint_ends_with_2(log, tmp_path, text, why):
    path = tmp_path / "kept"
    if text is not None:
        path.write_text(text)

    said = command("audit_verify", "--checkpoint", path)

    assert said.status == 2
    assert why in said.err
    assert not Audit.objects.filter(action=Action.AUDIT_VERIFIED).exists()


def test_a_checkpoint_of_another_log_ends_with_2(log, tmp_path, settings, keys):
    path = tmp_path / "kept"
    path.write_text(notes()[0])
    keys.write_text(f"{FOREIGN.verifier}\n")

    assert command("audit_verify", "--checkpoint", path).status == 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "No key is believed"),
        ("nonsense", "cannot be read: a key is written name+id+key"),
        (b"\xff", "cannot be read: UnicodeDecodeError"),
    ],
)
def test_without_a_key_that_is_believed_it_ends_with_2(log, keys, text, why):
    keys.write_bytes(text if isinstance(text, bytes) else text.encode())

    said = command("audit_verify")

    assert said.status == 2
    assert why in said.err


def test_a_database_that_is_away_ends_with_2(log, monkeypatch):
    def away(**options: Any) -> None:
        raise OperationalError("quotes a row")

    name = "pediscreen_site.management.commands.audit_verify.verify"
    monkeypatch.setattr(name, away)

    said = command("audit_verify")

    assert (said.status, said.err) == (
        2,
        "The database cannot be read (OperationalError).",
    )


@pytest.mark.parametrize("index", ["-1", "x", "9" * 30])
def test_an_index_that_is_none_is_refused(index):
    with pytest.raises(CommandError, match="a whole number from 0 on"):
        call_command("audit_verify", f"--from={index}")
