"""Sealing by processes that are killed, that are two, and that see commits late."""

from __future__ import annotations

import random
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import psycopg
import pytest

from audit.proofs.checkpoints import Checkpoint
from audit.proofs.keys import SignerKey
from audit.proofs.merkle import CompactRange, leaf_hash
from tests.system.stack import AUDIT_KEY, Stack, wait_until

pytestmark = pytest.mark.system

MANY = 12_000
KILLS = 3
VERIFIER = SignerKey.parse(AUDIT_KEY).verifier
INSERT = """INSERT INTO audit_audit (event_id, action, actor, clinic, case_id,
    request_id, detail, canonical) """


@pytest.fixture
def stack() -> Iterator[Stack]:
    with Stack() as stack:
        yield stack


def values(word: str) -> str:
    told = "'job.started', 'worker:1', '', '', '', '{}'"
    return f"VALUES ('{uuid.uuid4()}', {told}, '{word}')"


def write(stack: Stack, number: int) -> None:
    """Write so many events in one transaction, past the product."""
    if stack.kind == "postgresql":
        series, made = f"generate_series(1, {number}) n", "gen_random_uuid()"
    else:
        series = (
            f"(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s "
            f"WHERE n < {number}) SELECT n FROM s)"
        )
        made = "lower(hex(randomblob(16)))"
    stack.write(
        f"{INSERT} SELECT {made}, 'job.started', 'worker:1', '', '', '', '{{}}', "
        f"'text ' || n FROM {series}"
    )


def number(stack: Stack, table: str) -> int:
    return int(stack.rows(f"SELECT count(*) FROM {table}")[0][0])


def has_more_leaves(stack: Stack, before: int) -> bool:
    return number(stack, "audit_leaf") > before


def assert_one_tree(stack: Stack, size: int) -> None:
    """Every event has one place, without a gap, and each checkpoint is of that tree."""
    signed = {
        found.size: found.root
        for (note,) in stack.rows("SELECT note FROM audit_checkpoint")
        for found in [Checkpoint.opened(note, [VERIFIER])]
    }
    leaves = stack.rows(
        "SELECT l.tree_index, l.hash, a.canonical FROM audit_leaf l "
        "JOIN audit_audit a ON a.id = l.event_id ORDER BY l.tree_index"
    )
    tree = CompactRange()
    for place, (index, hashed, text) in enumerate(leaves):
        assert index == place
        assert bytes(hashed) == leaf_hash(text.encode())
        tree.append(bytes(hashed))
        assert signed.pop(tree.size, tree.root()) == tree.root()
    assert tree.size == size
    assert not signed
    assert not number(stack, "audit_pending")


def test_sequencers_that_are_killed_and_are_two_leave_one_tree(stack):
    draw = random.Random(7)
    write(stack, MANY)
    running: list[subprocess.Popen[bytes]] = []
    killed_on_the_way = 0

    def keep_two() -> None:
        running[:] = [each for each in running if each.poll() is None]
        while len(running) < 2:
            running.append(
                stack.start("manage.py", "audit_seal", "--follow", log="seal")
            )

    keep_two()
    for _ in range(KILLS):
        before = number(stack, "audit_leaf")
        wait_until(partial(has_more_leaves, stack, before), seconds=60)
        time.sleep(draw.random() / 5)
        for each in running:
            each.kill()
            each.wait()
        killed_on_the_way += number(stack, "audit_pending") > 0
        keep_two()
    wait_until(lambda: not number(stack, "audit_pending"), seconds=60)

    assert killed_on_the_way
    assert_one_tree(stack, MANY)


def test_what_commits_late_is_sealed_all_the_same(stack):
    if stack.kind == "sqlite":
        pytest.skip("SQLite has one writer: nothing commits late")
    with psycopg.connect(stack.database_url) as slow:
        slow.execute(INSERT + values("slow"))
        stack.write(INSERT + values("quick"))
        assert stack.command("audit_seal") == "Sealed: 1 events."

    assert stack.command("audit_seal") == "Sealed: 2 events."

    assert_one_tree(stack, 2)
    order = "SELECT canonical FROM audit_audit a JOIN audit_leaf l ON l.event_id = a.id"
    assert stack.rows(f"{order} ORDER BY l.tree_index") == [("quick",), ("slow",)]


@contextmanager
def listener() -> Iterator[tuple[str, list[str]]]:
    """Run a server that takes what is posted to it."""
    taken: list[str] = []

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Take)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/checkpoints", taken
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_checkpoint_goes_to_a_log_line_a_file_and_a_url(stack):
    file = stack.folder / "checkpoints.txt"
    with listener() as (url, taken):
        stack.env |= {"AUDIT_CHECKPOINT_FILE": str(file), "AUDIT_CHECKPOINT_URL": url}
        write(stack, 3)
        stack.command("audit_seal")

    [[note]] = stack.rows("SELECT note FROM audit_checkpoint")
    assert file.read_text() == f"{note}\n"
    assert taken == [note]


def test_a_worker_seals_beside_its_work_and_what_is_left_when_it_stops(stack):
    worker = stack.start_worker()
    stack.wait_for_workers(1)
    write(stack, 5)
    wait_until(
        lambda: number(stack, "audit_leaf") == 5, what=lambda: stack.log("worker")
    )
    assert "Audit checkpoint" in stack.log("worker")

    write(stack, 5)
    worker.terminate()
    worker.wait(timeout=30)

    assert_one_tree(stack, 10)


def test_without_a_key_nothing_is_sealed_and_the_command_says_what_to_do(stack):
    del stack.env["AUDIT_KEY"]
    write(stack, 1)

    with pytest.raises(AssertionError, match="audit_key NAME --file PATH"):
        stack.command("audit_seal")

    assert number(stack, "audit_pending") == 1


def test_a_key_is_made_in_a_file_of_which_nobody_else_can_read(stack):
    path = stack.folder / "audit.key"

    public = stack.command("audit_key", "clinic.example/audit", "--file", str(path))

    assert path.stat().st_mode & 0o777 == 0o600
    assert str(SignerKey.parse(path.read_text().strip()).verifier) == public
    del stack.env["AUDIT_KEY"]
    stack.env["AUDIT_KEY_FILE"] = str(path)
    write(stack, 1)
    assert stack.command("audit_seal") == "Sealed: 1 events."
