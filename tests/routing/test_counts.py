"""Counters of what leaves no row: shared, and kept while Redis is away."""

from __future__ import annotations

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as Away

from routing.connection import connect
from routing.counts import KEY, Counts


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch):
    """Let no command reach Redis."""

    def refuse(self, *args, **options):
        raise Away

    with monkeypatch.context() as patch:
        patch.setattr(Redis, "execute_command", refuse)
        patch.setattr("redis.client.Pipeline.execute", refuse)
        yield patch


def test_the_counts_of_all_processes_add_up(redis):
    one, other = Counts(connect()), Counts(connect())
    one.add("a")
    other.add("a")
    other.add("b")

    assert one.read() == other.read() == {"a": 2, "b": 1}


def test_a_process_that_ends_takes_nothing_with_it(redis):
    Counts(connect()).add("a")

    assert Counts(connect()).read() == {"a": 1}


def test_what_is_counted_while_redis_is_away_is_handed_over_later(redis, away):
    counts = Counts(connect())
    for _ in range(3):
        counts.add("a")
    assert counts.read() == {"a": 3}
    assert redis.connection_pool is not None

    away.undo()
    counts._quiet_until = 0.0

    assert counts.read() == {"a": 3}
    assert redis.hgetall(KEY) == {b"a": b"3"}


def test_after_redis_failed_it_is_left_alone_for_a_second(redis, away):
    counts = Counts(connect())
    counts.add("a")

    away.undo()
    counts.add("a")
    assert not redis.exists(KEY)

    counts._quiet_until = 0.0
    counts.add("a")
    assert redis.hgetall(KEY) == {b"a": b"3"}


def test_without_redis_and_without_anything_kept_nothing_is_known(redis, away):
    with pytest.raises(Away):
        Counts(connect()).read()


def test_what_somebody_else_put_there_is_no_number(redis):
    redis.hset(KEY, "a", "many")

    assert Counts(connect()).read() == {}
