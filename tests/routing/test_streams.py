"""The streams: what is read, taken over, forgotten and trimmed, on a real server."""

from __future__ import annotations

import uuid

import pytest

from routing import streams
from routing.connection import connect
from routing.streams import Reader, group_of, ring, trim, unread


def reader(name: str = "w1", group: str = "workers") -> Reader:
    found = Reader(connect(), waiting_line=connect(), group=group, consumer=name)
    found.make_groups()
    return found


def add(redis, number: int, *, priority: str = "normal") -> list[uuid.UUID]:
    ids = [uuid.uuid4() for _ in range(number)]
    rows = [{"id": pk, "priority": priority} for pk in ids]
    ring(redis, rows, with_data=False)
    return ids


def ids_of(read) -> list[uuid.UUID]:
    return [pk for entries in read.values() for _, pk in entries]


def test_what_was_rung_is_read_once_in_its_order(redis):
    one = reader()
    ids = add(redis, 5)

    first = one.read(3, block_ms=1)
    second = one.read(3, block_ms=1)

    assert ids_of(first) + ids_of(second) == ids
    assert one.read(3, block_ms=1) == {}


def test_the_most_urgent_is_read_first(redis):
    one = reader()
    low, urgent = add(redis, 2, priority="low"), add(redis, 2, priority="urgent")

    assert ids_of(one.read(2, block_ms=1)) == urgent
    assert ids_of(one.read(2, block_ms=1)) == low


def test_each_group_reads_all_and_one_for_some_work_has_its_own_name(redis):
    assert group_of([]) == "workers"
    assert group_of(["indexing", "embed"]) == "workers:embed:indexing"
    one, other = reader(), reader(group="workers:embed")
    ids = add(redis, 2)

    assert ids_of(one.read(9, block_ms=1)) == ids
    assert ids_of(other.read(9, block_ms=1)) == ids


def test_what_a_dead_consumer_had_read_is_taken_over(redis):
    dead, alive = reader("dead"), reader("alive")
    ids = add(redis, 3)
    dead.read(3, block_ms=1)

    assert alive.take_over(idle_ms=60_000) == {}
    assert ids_of(alive.take_over(idle_ms=0)) == ids


def test_what_is_acknowledged_is_not_taken_over(redis):
    dead, alive = reader("dead"), reader("alive")
    add(redis, 3)
    dead.acknowledge(dead.read(3, block_ms=1))

    assert alive.take_over(idle_ms=0) == {}


def test_a_forgotten_group_is_made_anew_and_what_waits_is_read(redis):
    one = reader()
    redis.flushall()
    ids = add(redis, 2)

    assert one.read(2, block_ms=1) == {}
    assert one.lost
    assert ids_of(one.read(2, block_ms=1)) == ids


@pytest.mark.parametrize(
    "fields",
    [{"id": "x"}, {"data": "{"}, {"data": "[1]"}, {"other": "1"}, {"id": "task-zz"}],
)
def test_what_is_no_task_is_dropped_and_the_rest_is_read(redis, fields):
    one = reader()
    redis.xadd("tasks:normal", fields)
    ids = add(redis, 1)

    assert ids_of(one.read(5, block_ms=1)) == ids
    assert redis.xpending("tasks:normal", "workers")["pending"] == 1


def test_the_earlier_form_of_an_entry_is_read_too(redis):
    one, pk = reader(), uuid.uuid4()
    ring(redis, [{"id": pk, "priority": "normal", "meta": {}}], with_data=True)

    assert ids_of(one.read(1, block_ms=1)) == [pk]


# --- Trimming -----------------------------------------------------------------------


def test_an_entry_that_a_group_has_still_to_read_is_never_trimmed(redis):
    reader()
    add(redis, 50)

    assert trim(redis, "normal", most=10) == 0
    assert redis.xlen("tasks:normal") == 50


def test_an_entry_that_is_read_and_not_acknowledged_is_never_trimmed(redis):
    one = reader()
    add(redis, 50)
    one.read(20, block_ms=1)

    assert trim(redis, "normal", most=10) == 0


def test_what_all_groups_have_done_with_is_trimmed_to_the_length(redis):
    one = reader()
    add(redis, 50)
    one.acknowledge(one.read(50, block_ms=1))

    assert trim(redis, "normal", most=10) == 40
    assert redis.xlen("tasks:normal") == 10


def test_the_slowest_group_says_what_may_go(redis):
    one, slow = reader(), reader(group="workers:embed")
    add(redis, 50)
    one.acknowledge(one.read(50, block_ms=1))
    slow.acknowledge(slow.read(15, block_ms=1))

    assert trim(redis, "normal", most=10) == 15
    assert len(ids_of(slow.read(50, block_ms=1))) == 35


def test_a_short_stream_is_left_alone(redis):
    one = reader()
    add(redis, 5)
    one.acknowledge(one.read(5, block_ms=1))

    assert trim(redis, "normal", most=10) == 0
    assert trim(redis, "low", most=10) == 0


def test_what_is_unread_is_counted_with_what_is_not_acknowledged(redis):
    one = reader()
    add(redis, 7)
    assert unread(redis, "normal", "workers") == 7
    read = one.read(3, block_ms=1)
    assert unread(redis, "normal", "workers") == 7
    one.acknowledge(read)

    assert unread(redis, "normal", "workers") == 4
    assert unread(redis, "low", "nobody") == 0


def test_who_leaves_is_out_of_the_groups_unless_it_leaves_something_behind(redis):
    tidy, hasty = reader("tidy"), reader("hasty")
    add(redis, 2)
    tidy.acknowledge(tidy.read(1, block_ms=1))
    hasty.read(1, block_ms=1)
    for one in (tidy, hasty):
        one.leave()

    found = redis.xinfo_consumers(streams.STREAM.format("normal"), "workers")
    assert [consumer["name"] for consumer in found] == [b"hasty"]
