"""What docs/scaling.md says is what its arithmetic and its simulation say."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.benchmarks.scaling import (
    PLACES,
    WORKER_MS,
    Load,
    Scaler,
    simulate,
    workers_for,
)
from tests.deploy import chart
from tests.servers import ROOT

pytestmark = pytest.mark.deploy

DOCUMENT = (ROOT / "docs" / "scaling.md").read_text()
RATES = (1, 10, 100, 1000)


def row(name: str) -> list[float]:
    [found] = [line for line in DOCUMENT.splitlines() if line.startswith(f"| {name}")]
    return [float(cell.replace(",", "")) for cell in found.split("|")[2:-1]]


def test_what_grows_is_the_arithmetic_of_what_a_job_costs():
    costs = {"the API": 3.4, "PostgreSQL": 2.3, "the workers, busy": WORKER_MS}
    for name, milliseconds in costs.items():
        for rate, cores in zip(RATES, row(f"cores of {name}"), strict=True):
            assert cores == pytest.approx(rate * milliseconds / 1000, rel=0.26)
    assert row("model calls under way") == [2 * rate for rate in RATES]
    for rate, megabytes in zip(RATES, row("PostgreSQL's log"), strict=True):
        assert megabytes == pytest.approx(rate * 12.4 / 1024, rel=0.2)
    for rate, gigabytes in zip(RATES, row("kept, GB a day"), strict=True):
        assert gigabytes == pytest.approx(rate * 7.4 * 86_400 / (1 << 20), rel=0.05)


@pytest.mark.parametrize("places", [32, 256])
def test_the_workers_are_those_of_the_arithmetic(places):
    assert row(f"workers, {places} places each") == [
        workers_for(rate, 2.0, places=places) for rate in RATES
    ]


def test_the_tables_of_the_document_are_those_of_the_simulation():
    lines = re.findall(
        r"^ +(\d+) +([\d.]+) +(\d+) +(\d+) +[\d.]+s +([\d.]+)s +([\d,]+)$",
        DOCUMENT,
        re.M,
    )
    found = {(int(rate), float(call), int(places)) for rate, call, places, *_ in lines}
    assert (100, 2.0, 256) in found
    for rate, call, places, workers, longest, most in lines:
        if int(rate) > 100:
            continue
        number = int(workers)
        assert number == workers_for(int(rate), float(call), places=int(places))
        outcome = simulate(
            Load(int(rate), float(call), peak=3),
            Scaler(number, number, 1, int(places)),
        )
        assert f"{outcome.longest:.1f}" == longest
        assert f"{outcome.most_waiting:,}" == most


def test_below_the_limit_nobody_waits_and_above_it_the_line_grows():
    """A worker of 32 places and calls of 2 s does 16 jobs a second, on the long run."""
    limit = 2 * PLACES / 2.0
    below = simulate(Load(0.8 * limit, 2.0, seconds=700), Scaler(2, 2, 1))
    above = simulate(Load(1.2 * limit, 2.0, seconds=700), Scaler(2, 2, 1))

    assert below.p95 < 1
    assert below.left < 20
    assert above.left == pytest.approx(0.2 * limit * 700, rel=0.25)


def test_one_core_is_a_workers_other_limit():
    fast = simulate(Load(1900, 0.1, seconds=320), Scaler(2, 2, 1, places=1024))

    assert fast.left == pytest.approx((1900 - 2 * 1000 / WORKER_MS) * 320, rel=0.1)


def test_keda_adds_workers_in_a_peak_and_takes_them_away_after_it():
    load = Load(20, 2.0, peak=4, peak_from=320, peak_until=500, seconds=1200)
    alone = simulate(load, Scaler(2, 2, 20))
    scaled = simulate(load, Scaler(2, 10, 20))

    assert scaled.longest < alone.longest / 3
    assert scaled.most_workers > 4
    assert scaled.workers < scaled.most_workers
    assert scaled.left == 0


def test_production_has_the_jobs_a_worker_that_the_document_advises():
    values = yaml.safe_load((chart.CHART / "values.prod.yaml").read_text())

    assert values["keda"]["worker"]["jobsPerReplica"] == 20
    assert "make 20, as in values.prod.yaml" in DOCUMENT
