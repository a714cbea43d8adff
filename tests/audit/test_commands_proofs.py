"""`audit_prove`, `audit_consistency` and `audit_check`, called as by hand."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from audit.actions import Action
from audit.models import Audit, Checkpoint
from tests.audit.calling import Said, believe, command
from tests.audit.tampering import (
    FOREIGN,
    KEY,
    make_log,
    notes,
    pk_at,
    put_text,
    remake_tree,
    run,
    unlock_all,
    write,
)
from tests.servers import ROOT

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def keys(settings: Any, tmp_path: Path) -> Path:
    return believe(settings, tmp_path)


@pytest.fixture
def log() -> None:
    make_log(5, 1, 7, 7)


# --- audit_prove ------------------------------------------------------------------


def check(path: Path | str, *words: Any) -> Said:
    return command("audit_check", path, *(words or ("--key", KEY.verifier)))


def test_a_proof_of_an_event_is_believed_by_who_has_but_the_public_key(log, tmp_path):
    event, path = Audit.objects.get(leaf=7), tmp_path / "proof.json"

    printed = command("audit_prove", event.event_id)
    command("audit_prove", event.event_id, "--out", path)

    assert printed.out == path.read_text()
    assert json.loads(printed.out)["canonical"] == event.canonical
    said = check(path)
    assert said.status == 0
    assert said.out.startswith("PROVEN. This event is in the log clinic.example/audit")
    alone = [sys.executable, "audit/check.py", path, "--key", str(KEY.verifier)]
    ended = subprocess.run(alone, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, said.out)


def test_the_proofs_of_a_job_are_a_folder_of_files(log, tmp_path):
    job = uuid.uuid4()
    write(3, job_id=job)
    make_log(1)

    said = command("audit_prove", "--job", job, "--out", tmp_path / "proofs")

    names = said.out.splitlines()
    assert [Path(name).name for name in names] == [
        f"event-{index}.json" for index in (20, 21, 22)
    ]
    assert [check(name).status for name in names] == [0, 0, 0]
    event = Audit.objects.get(action=Action.AUDIT_PROVEN)
    assert (event.job_id, event.detail) == (job, {"events": 3})


def test_an_event_that_is_not_sealed_yet_has_no_proof(log):
    write()

    said = command("audit_prove", Audit.objects.latest("pk").event_id)

    assert (said.status, said.err) == (
        2,
        "The event is not sealed yet: try again in a few seconds.",
    )


@pytest.mark.parametrize("size", [20, 13])
def test_a_proof_that_does_not_hold_is_not_handed_out(log, tmp_path, size):
    unlock_all()
    event = Audit.objects.get(leaf=7)
    put_text(event.pk, event.canonical.replace("INVENTED", "ANOTHER"))
    if size == 13:
        run("DELETE FROM audit_node WHERE level = 2")

    said = command("audit_prove", event.event_id)

    assert said.status == 1
    assert "broken" in said.err
    assert said.out == ""


def test_what_cannot_be_proven_says_why(log, tmp_path):
    event = Audit.objects.get(leaf=7).event_id
    (tmp_path / "there").write_text("kept")

    asked = {
        "no such event": (uuid.uuid4(),),
        "needs --out": ("--job", uuid.uuid4()),
        "FileExistsError": (event, "--out", tmp_path / "there"),
    }
    for why, words in asked.items():
        said = command("audit_prove", *words)
        assert said.status == 2
        assert why in said.err
    assert (tmp_path / "there").read_text() == "kept"


# --- audit_consistency ------------------------------------------------------------


@pytest.mark.parametrize(("old", "new"), [("5", "13"), ("6", None), ("20", "20")])
def test_that_the_log_has_only_grown_is_proven(log, tmp_path, old, new):
    path = tmp_path / "grown.json"

    words = [old] if new is None else [old, new]
    assert command("audit_consistency", *words, "--out", path).status == 0

    said = check(path)
    assert said.status == 0
    assert f"the {old} events" in said.out
    assert command("audit_consistency", *words).out == path.read_text()


def test_that_a_proof_of_growth_was_handed_out_is_recorded(log):
    command("audit_consistency", "5", "13")

    [event] = Audit.objects.filter(action=Action.AUDIT_PROVEN)
    assert event.actor == "system:audit_consistency"
    assert event.detail == {"from": 5, "size": 13}


def test_a_checkpoint_may_be_a_file_that_was_kept(log, tmp_path):
    path = tmp_path / "kept"
    path.write_text(notes()[1])

    assert json.loads(command("audit_consistency", path).out)["old"] == notes()[1]


def test_a_log_that_went_another_way_is_not_proven(log, tmp_path):
    path = tmp_path / "kept"
    path.write_text(notes()[1])
    unlock_all()
    put_text(pk_at(3), Audit.objects.get(leaf=3).canonical.replace("INV", "ANO"))
    remake_tree(KEY)

    said = command("audit_consistency", path)

    assert (said.status, said.out) == (1, "")
    assert "does not lead from one to the other" in said.err


def test_a_log_shorter_than_the_old_checkpoint_is_not_proven(log):
    assert command("audit_consistency", "13", "5").status == 1


def test_checkpoints_that_are_not_known_end_with_2(log, tmp_path):
    path = tmp_path / "kept"
    path.write_text("x")

    assert "size 7 is stored" in command("audit_consistency", "7").err
    assert "no checkpoint" in command("audit_consistency", path).err
    assert "cannot be read" in command("audit_consistency", tmp_path / "none").err
    assert command("audit_consistency", path).status == 2


def test_a_log_without_a_checkpoint_has_nothing_to_prove():
    assert command("audit_consistency", "1").status == 2
    assert Checkpoint.objects.count() == 0


# --- audit_check ------------------------------------------------------------------


def test_a_check_ends_with_what_the_file_alone_ends_with(log, tmp_path, keys):
    path = tmp_path / "proof.json"
    command("audit_prove", Audit.objects.get(leaf=7).event_id, "--out", path)
    forged = tmp_path / "forged.json"
    forged.write_text(path.read_text().replace("INVENTED", "ANOTHER"))
    plain = tmp_path / "plain.txt"
    plain.write_text(f"{KEY.verifier}\n")

    assert check(path, "--keys", plain).status == 0
    assert check(path, "--key", FOREIGN.verifier, "--key", KEY.verifier).status == 0
    assert check(forged).status == 1
    assert check(forged).out.startswith("NOT PROVEN.")
    assert check(path, "--key", FOREIGN.verifier).status == 1
    assert check(keys).status == 2
    assert command("audit_check", path).status == 2
    assert command("audit_check", path).out.startswith("NOT CHECKED.")
