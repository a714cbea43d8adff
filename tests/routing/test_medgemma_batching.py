"""Batches of questions, worked on by a plain function; no model is in it."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from contextlib import ExitStack

import pytest

from routing.modelserver.backends import Overloaded
from routing.modelserver.medgemma.batching import Batcher
from routing.modelserver.medgemma.tally import Tally


class Work:
    """Doubles numbers, and remembers each batch; it may be held up, or fail."""

    def __init__(self, *, fails_at=None, seconds=0.0):
        self.batches = []
        self.fails_at = fails_at
        self.seconds = seconds
        self.go_on = threading.Event()
        self.go_on.set()
        self.ended_early = 0

    def __call__(self, entries):
        asked = [entry.asked for entry in entries]
        self.batches.append(asked)
        self.go_on.wait(10)
        until = time.monotonic() + self.seconds
        while time.monotonic() < until:
            if not any(entry.is_wanted for entry in entries):
                self.ended_early += 1
                break
            time.sleep(0.005)
        if self.fails_at in asked:
            raise ZeroDivisionError(self.fails_at)
        return [2 * number for number in asked]


def make(work, *, size=4, wait=0.05, queue_size=100):
    """Return a batcher and its tally."""
    tally = Tally()
    batcher = Batcher(
        work, size=size, wait_seconds=wait, queue_size=queue_size, tally=tally
    )
    return batcher, tally


def run(scene, work, **limits):
    """Play a scene with a batcher that is at work; return what it returns."""

    async def main():
        batcher, tally = make(work, **limits)
        working = asyncio.create_task(batcher.run())
        try:
            return await scene(batcher), tally
        finally:
            work.go_on.set()
            working.cancel()
            batcher.give_up()

    return asyncio.run(asyncio.wait_for(main(), 20))


async def until(condition):
    """Wait until something is so."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


# --- Together ---------------------------------------------------------------------


def test_what_comes_together_is_worked_on_together_and_each_gets_its_own_answer():
    work = Work()

    async def scene(batcher):
        return await asyncio.gather(*(batcher.ask(n) for n in range(10)))

    answers, tally = run(scene, work, size=4)

    assert answers == [2 * n for n in range(10)]
    assert work.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert (tally.batch.total, tally.batch.count) == (10, 3)
    assert tally.queue.count == 10
    assert tally.work.count == 3


def test_a_full_batch_does_not_wait_and_one_that_is_not_does():
    work = Work()

    async def scene(batcher):
        began = time.monotonic()
        await asyncio.gather(batcher.ask(1), batcher.ask(2))
        full = time.monotonic() - began
        await batcher.ask(3)
        return full, time.monotonic() - began - full

    (full, alone), _ = run(scene, work, size=2, wait=0.4)

    assert full < 0.3
    assert alone >= 0.39


def test_what_came_while_a_batch_was_worked_on_is_the_next():
    work = Work()
    work.go_on.clear()

    async def scene(batcher):
        first = asyncio.create_task(batcher.ask(1))
        await until(lambda: work.batches)
        others = [asyncio.create_task(batcher.ask(n)) for n in (2, 3, 4)]
        await until(lambda: batcher.length() == 3)
        work.go_on.set()
        return await asyncio.gather(first, *others)

    answers, _ = run(scene, work)

    assert answers == [2, 4, 6, 8]
    assert work.batches == [[1], [2, 3, 4]]


def test_a_batch_waits_for_who_has_a_place_and_is_on_its_way():
    work = Work()

    async def scene(batcher):
        async def asked(number, seconds):
            with batcher.place():
                await asyncio.sleep(seconds)
                return await batcher.ask(number)

        return await asyncio.gather(asked(1, 0), asked(2, 0.1), asked(3, 0.2))

    answers, _ = run(scene, work, wait=0.001)

    assert answers == [2, 4, 6]
    assert work.batches == [[1, 2, 3]]


def test_it_waits_no_longer_for_who_gave_up_its_place_nor_for_who_takes_too_long():
    work = Work()

    async def scene(batcher):
        began = time.monotonic()
        with batcher.place():
            late = asyncio.create_task(batcher.ask(1))
            await asyncio.sleep(0.1)
        await late
        first = time.monotonic() - began
        with batcher.place(), batcher.place():
            await batcher.ask(2)
        return first, time.monotonic() - began - first

    (gave_up, too_long), _ = run(scene, work, wait=0.001)

    assert 0.09 < gave_up < 0.4
    assert 0.45 < too_long < 1.5


# --- Neighbours -------------------------------------------------------------------


def test_one_that_fails_spoils_none_of_its_neighbours():
    work = Work(fails_at=3)

    async def scene(batcher):
        return await asyncio.gather(
            *(batcher.ask(n) for n in (1, 2, 3, 4)), return_exceptions=True
        )

    answers, tally = run(scene, work)

    assert [answers[0], answers[1], answers[3]] == [2, 4, 8]
    assert isinstance(answers[2], ZeroDivisionError)
    assert work.batches == [[1, 2, 3, 4], [1], [2], [3], [4]]
    assert tally.split_batches == 1


def test_what_a_failed_batch_held_in_memory_is_free_when_it_is_done_one_by_one():
    class Tensor:
        """Stands for the memory that was too small."""

    held, found = [], []

    def work(entries):
        found.extend(each() for each in held)
        taken = Tensor()
        held.append(weakref.ref(taken))
        if len(entries) > 1:
            raise MemoryError
        return [entries[0].asked]

    async def scene(batcher):
        return await asyncio.gather(batcher.ask(1), batcher.ask(2))

    work.go_on = threading.Event()
    answers, _ = run(scene, work)

    assert answers == [1, 2]
    assert found == [None, None, None]


def test_who_has_gone_before_its_batch_is_left_out_of_it():
    work = Work()
    work.go_on.clear()

    async def scene(batcher):
        first = asyncio.create_task(batcher.ask(1))
        await until(lambda: work.batches)
        gone, stays = (asyncio.create_task(batcher.ask(n)) for n in (2, 3))
        await until(lambda: batcher.length() == 2)
        gone.cancel()
        await until(lambda: batcher.length() == 1)
        work.go_on.set()
        return await asyncio.gather(first, stays)

    answers, _ = run(scene, work)

    assert answers == [2, 6]
    assert work.batches == [[1], [3]]


def test_a_batch_that_nobody_wants_any_more_ends_early():
    work = Work(seconds=8)

    async def scene(batcher):
        gone = asyncio.create_task(batcher.ask(1))
        await until(lambda: work.batches)
        gone.cancel()
        began = time.monotonic()
        work.seconds = 0
        answer = await batcher.ask(2)
        return answer, time.monotonic() - began

    (answer, seconds), _ = run(scene, work)

    assert answer == 4
    assert work.ended_early == 1
    assert seconds < 4


# --- Bounds -----------------------------------------------------------------------


def test_when_all_places_are_taken_the_next_is_refused_until_one_is_free():
    batcher, tally = make(Work(), size=2, queue_size=1)

    with batcher.place(), batcher.place():
        with batcher.place(), pytest.raises(Overloaded) as refusal, batcher.place():
            pass
        with batcher.place():
            pass

    assert refusal.value.retry_after == 1
    assert tally.refused == {"queue_full": 1}


def test_the_wait_that_is_advised_grows_with_what_is_taken():
    batcher, tally = make(Work(), size=4, queue_size=20)
    tally.work.add(2.5)

    with ExitStack() as stack:
        for _ in range(24):
            stack.enter_context(batcher.place())
        with pytest.raises(Overloaded) as refusal:
            stack.enter_context(batcher.place())

    assert refusal.value.retry_after == 15  # six batches of 2.5 s


def test_giving_up_refuses_who_waits_who_is_worked_for_and_who_comes_late():
    work = Work(seconds=8)

    async def scene(batcher):
        asked = [asyncio.create_task(batcher.ask(n)) for n in (1, 2, 3)]
        await until(lambda: work.batches)
        batcher.give_up()
        asked.append(batcher.ask(4))
        return await asyncio.gather(*asked, return_exceptions=True)

    answers, tally = run(scene, work, size=2)

    assert [type(answer) for answer in answers] == [Overloaded] * 4
    assert tally.refused == {"stopping": 3}


# --- Figures ----------------------------------------------------------------------


def test_the_figures_are_prometheus_text():
    tally = Tally(generated_tokens=7, prompt_tokens=1900, second_tries=1)
    tally.batch.add(3, 1)
    tally.refused["queue_full"] += 2

    text = tally.render(is_ready=True)

    assert "\nmodelserver_generated_tokens_total 7\n" in text
    assert "\nmodelserver_prompt_tokens_total 1900\n" in text
    assert (
        "\nmodelserver_batch_size_sum 4.000000\nmodelserver_batch_size_count 2\n"
        in (text)
    )
    assert '\nmodelserver_refused_total{reason="queue_full"} 2\n' in text
    assert "\nmodelserver_ready 1\n" in text
    for line in text.splitlines():
        assert line.startswith(("# HELP modelserver_", "# TYPE modelserver_", "models"))
    assert "modelserver_ready 0\n" in tally.render(is_ready=False)
