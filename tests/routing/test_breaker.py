"""When a model server is left alone, and for how long: the pure part and the shared."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.breaker import (
    CLOSED,
    FIRST_COOL_DOWN,
    LONGEST_COOL_DOWN,
    TRIPS_AT,
    after_failure,
    after_success,
)
from routing.circuits import Circuits
from routing.connection import connect

NOW = 1_000.0


def failed(circuit, times, now=NOW, **also):
    for _ in range(times):
        circuit = after_failure(circuit, now=now, error="X", **also)
    return circuit


def test_it_opens_after_five_failures_in_a_row_and_not_before():
    assert failed(CLOSED, TRIPS_AT - 1).state(NOW) == "closed"
    assert failed(CLOSED, TRIPS_AT).state(NOW) == "open"


def test_a_success_in_between_starts_the_count_anew():
    circuit = failed(after_success(failed(CLOSED, 4)), 4)

    assert circuit.state(NOW) == "closed"


def test_after_the_cool_down_it_is_half_open():
    circuit = failed(CLOSED, TRIPS_AT)

    assert circuit.state(NOW + FIRST_COOL_DOWN) == "half_open"


def test_each_failed_probe_doubles_the_cool_down_up_to_a_longest():
    circuit, now, lengths = failed(CLOSED, TRIPS_AT), NOW, []
    for _ in range(10):
        lengths.append(circuit.open_until - now)
        now = circuit.open_until
        circuit = after_failure(circuit, now=now, error="X")

    assert lengths[:4] == [1, 2, 4, 8]
    assert lengths[-1] == LONGEST_COOL_DOWN


def test_late_failures_of_calls_begun_before_do_not_lengthen_the_cool_down():
    circuit = failed(CLOSED, TRIPS_AT)

    assert failed(circuit, 30).open_until == circuit.open_until


def test_a_server_that_asks_to_be_left_alone_is_at_once():
    circuit = failed(CLOSED, 1, retry_after=30.0)

    assert circuit.state(NOW + 29) == "open"
    assert circuit.state(NOW + 30) == "half_open"


@given(st.lists(st.one_of(st.none(), st.floats(0, 100)), max_size=60))
def test_one_success_closes_it_whatever_came_before(steps):
    circuit, now = CLOSED, NOW
    for wait in steps:
        now += wait or 0
        circuit = after_failure(circuit, now=now, error="X", retry_after=wait)
        assert circuit.open_until <= now + 3600

    assert after_success(circuit) == CLOSED


@pytest.fixture
def two_workers(redis, monkeypatch):
    monkeypatch.setattr("routing.circuits.LOOK_AGAIN_SECONDS", 0.0)
    return Circuits(connect()), Circuits(connect())


def trip(circuits, target="edge", times=TRIPS_AT, retry_after=None):
    for _ in range(times):
        circuits.failed(target, error="MODEL_TIMEOUT", retry_after=retry_after)


def test_what_one_worker_meets_the_other_sees(two_workers):
    one, other = two_workers

    trip(one, times=3)
    trip(other, times=2)

    assert not one.allows("edge")
    assert not other.allows("edge")
    assert other.allows("cloud")


def test_of_all_workers_one_gets_the_probe_of_a_second(two_workers):
    one, other = two_workers
    trip(one, times=1, retry_after=0.1)
    time.sleep(0.15)

    given_out = [circuits.allows("edge") for circuits in (one, other) * 5]

    assert given_out.count(True) == 1


def test_a_success_closes_it_for_all(two_workers):
    one, other = two_workers
    trip(one)

    other.succeeded("edge")

    assert one.allows("edge")


def test_without_redis_each_worker_knows_what_it_has_met(redis, settings):
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    alone = Circuits(connect())

    trip(alone, times=1, retry_after=0.1)
    resting = alone.allows("edge")
    time.sleep(0.15)
    probes = [alone.allows("edge") for _ in range(5)]

    assert not resting
    assert probes == [True, False, False, False, False]


def test_it_names_who_rests_and_for_how_long(two_workers):
    one, _ = two_workers
    trip(one, "edge", times=1, retry_after=60)

    resting = one.resting(["edge", "cloud"])

    assert list(resting) == ["edge"]
    assert 58 < resting["edge"] < 61
    assert one.any_closed(["edge", "cloud"])
    assert not one.any_closed(["edge"])


@pytest.mark.parametrize(
    "entry",
    [
        "not json",
        "[]",
        "{}",
        '{"failures": "many", "openings": 0, "open_until": 0, "last_error": ""}',
        '{"failures": 9, "openings": 1, "open_until": 9e18, "last_error": ""}',
        '{"failures": 9, "openings": 1, "open_until": NaN, "last_error": ""}',
        b"\xff",
    ],
)
def test_what_somebody_put_into_redis_stops_nothing(two_workers, redis, entry):
    one, _ = two_workers
    redis.hset("pediscreen:circuits", "edge", entry)

    assert one.allows("edge")
    trip(one)
    assert not one.allows("edge")


def test_a_redis_that_has_failed_is_left_alone_for_a_second(redis, settings, caplog):
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    alone = Circuits(connect())

    trip(alone)
    for _ in range(20):
        alone.allows("edge")

    assert len(caplog.records) == 1
