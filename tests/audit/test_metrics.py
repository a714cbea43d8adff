"""Whether what happens is sealed in time, as Prometheus is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import models
from django.db.models.functions import Now

from audit.metrics import SealCollector
from audit.models import Audit
from audit.sequencer import seal
from tests.audit.test_sequencer import KEY, write
from tests.screening.signing import unlock

pytestmark = pytest.mark.django_db


def read() -> dict[str, float]:
    return {
        sample.name.removeprefix("pedi_orch_"): sample.value
        for metric in SealCollector().collect()
        for sample in metric.samples
    }


def test_without_an_event_nothing_waits():
    assert read() == {
        "audit_sealed_total": 0,
        "audit_unsealed": 0,
        "audit_oldest_unsealed_seconds": 0,
    }


def test_what_waits_is_told_until_it_is_sealed():
    write(3)
    found = read()
    assert (found["audit_sealed_total"], found["audit_unsealed"]) == (0, 3)
    assert 0 <= found["audit_oldest_unsealed_seconds"] < 60

    seal([KEY])

    assert read() == {
        "audit_sealed_total": 3,
        "audit_unsealed": 0,
        "audit_oldest_unsealed_seconds": 0,
    }


def test_the_age_is_that_of_the_oldest_by_the_clock_of_the_database():
    write(1)
    make_all_older(timedelta(hours=2))
    write(1)

    assert read()["audit_oldest_unsealed_seconds"] == pytest.approx(7200, abs=60)


def make_all_older(age: timedelta) -> None:
    """Move what has happened into the past, by one who may alter the tables."""
    unlock("audit_audit")
    models.QuerySet(Audit).update(occurred_at=Now() - age)


def test_many_that_wait_are_not_all_counted(monkeypatch):
    monkeypatch.setattr("audit.metrics.MOST", 5)
    write(9)

    assert read()["audit_unsealed"] == 5
