"""Faults at random, with a fixed seed: the invariants hold."""

from __future__ import annotations

import pytest

from tests.system.chaos import run

pytestmark = pytest.mark.system


def test_no_fault_loses_or_doubles_a_job():
    found = run(jobs=150, seconds=20, seed=20261124)

    assert sum(found[status] for status in ("DONE", "FAILED")) == 150
    assert found["FAILED"] < 30
