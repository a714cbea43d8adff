"""The one file works where nothing else of the project is, and speaks plainly."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from audit import check
from tests.audit.proofs.logs import KEYS, NEXT_KEY, SIZE, consistency, inclusion
from tests.servers import ROOT

FILE = ROOT / "audit" / "check.py"


@pytest.fixture
def elsewhere(tmp_path):
    """A folder with nothing in it but the one file."""
    shutil.copy(FILE, tmp_path / "check.py")
    return tmp_path


def run(folder: Path, *arguments: str, given: bytes = b"") -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "check.py", *arguments],
        cwd=folder,
        input=given,
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    return done.returncode, (done.stdout + done.stderr).decode()


def written(folder: Path, bundle: object, name: str = "bundle.json") -> str:
    (folder / name).write_text(json.dumps(bundle))
    return name


def test_a_proven_event_is_told_and_ends_with_0(elsewhere):
    status, told = run(elsewhere, written(elsewhere, inclusion(5)), "--key", *KEYS)

    assert status == 0
    assert told.startswith(
        "PROVEN. This event is in the log clinic.example/audit: number 5, counted from "
        f"0, of the {SIZE} that are signed.\n"
    )
    assert json.loads(told.partition("\n")[2]) == json.loads(inclusion(5)["canonical"])


def test_a_log_that_only_grew_is_told_and_ends_with_0(elsewhere):
    status, told = run(elsewhere, written(elsewhere, consistency(5)), "--key", *KEYS)

    assert status == 0
    assert told == (
        "PROVEN. The log clinic.example/audit has only been added to: the 5 events of "
        f"the old checkpoint are the first of the {SIZE} of the new one.\n"
    )


def test_what_is_not_proven_is_told_and_ends_with_1(elsewhere):
    bundle = inclusion(5) | {"index": 6}

    status, told = run(elsewhere, written(elsewhere, bundle), "--key", *KEYS)

    assert status == 1
    assert told == (
        "NOT PROVEN. The event, at this place, does not lead to the signed root.\n"
    )


def test_a_key_of_another_does_not_prove_it(elsewhere):
    name = written(elsewhere, inclusion(5))

    status, told = run(elsewhere, name, "--key", str(NEXT_KEY.verifier))

    assert status == 1
    assert told == "NOT PROVEN. None of the public keys signed the checkpoint.\n"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is not JSON"),
        (b"\xff", "it is not JSON"),
        pytest.param(b"[" * 100_000, "it is not JSON", id="very deep"),
        (b'{"old":1,"old":1}', "it is not JSON"),
        (b"[]", "it is not an object"),
        (b"{}", "its fields are others"),
    ],
)
def test_what_is_no_bundle_ends_with_2(elsewhere, content, why):
    (elsewhere / "bundle.json").write_bytes(content)

    status, told = run(elsewhere, "bundle.json", "--key", *KEYS)

    assert status == 2
    assert told.startswith("NOT CHECKED. ")
    assert why in told


def test_what_is_too_large_is_not_read(elsewhere):
    with (elsewhere / "bundle.json").open("wb") as file:
        file.truncate(check.LARGEST_FILE + 1)

    status, told = run(elsewhere, "bundle.json", "--key", *KEYS)

    assert (status, told) == (2, "NOT CHECKED. 'bundle.json' is too large.\n")


def test_what_cannot_be_read_ends_with_2(elsewhere):
    assert run(elsewhere, "missing.json", "--key", *KEYS) == (
        2,
        "NOT CHECKED. 'missing.json' cannot be read.\n",
    )
    assert run(elsewhere, ".", "--key", *KEYS)[0] == 2
    name = written(elsewhere, inclusion(5))
    assert run(elsewhere, name, "--keys", "none.txt")[0] == 2


def test_without_a_key_nothing_is_checked_and_it_ends_with_2(elsewhere):
    name = written(elsewhere, inclusion(5))

    assert run(elsewhere, name) == (2, "NOT CHECKED. No public key was given.\n")
    assert run(elsewhere, name, "--key", "nonsense")[0] == 2
    assert run(elsewhere)[0] == 2


def test_keys_can_be_in_a_file_and_the_bundle_piped_in(elsewhere):
    (elsewhere / "keys.txt").write_text(
        f"# until the rotation\n{KEYS[0]}\n\n{NEXT_KEY.verifier}  # since then\n"
    )
    given = json.dumps(inclusion(5)).encode()

    status, told = run(elsewhere, "-", "--keys", "keys.txt", given=given)

    assert (status, told[:7]) == (0, "PROVEN.")


def test_it_says_how_it_is_used(elsewhere):
    status, told = run(elsewhere, "--help")

    assert status == 0
    assert "--key KEY" in told


def test_it_runs_where_it_lies_in_the_project():
    status, told = run(FILE.parent, "--help")

    assert status == 0, told


def test_without_cryptography_it_says_what_is_missing(elsewhere):
    name = written(elsewhere, inclusion(5))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "check.py", name, "--key", *KEYS],
        cwd=elsewhere,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stdout == b"NOT CHECKED. Install the package cryptography first.\n"


@pytest.mark.parametrize("path", sorted((ROOT / "audit" / "proofs").glob("*.py")))
def test_the_foundation_needs_nothing_but_python_and_cryptography(path):
    assert outside(path) <= {"audit.proofs", "cryptography"}


def test_the_one_file_needs_nothing_of_the_project():
    assert outside(FILE) == {"cryptography"}


def outside(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    tops = {name: name.split(".")[0] for name in found}
    return {
        "audit.proofs" if name.startswith("audit.proofs") else top
        for name, top in tops.items()
        if top not in sys.stdlib_module_names
    }
