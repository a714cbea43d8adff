"""How MedGemma's backend goes about a question, with a plain function for a model.

What a model does is in `tests/models`; here is what is done with whatever it says.
"""

from __future__ import annotations

import asyncio
import json
import time
from types import SimpleNamespace

import pytest

from routing.modelserver.backends import Overloaded, Unusable
from routing.modelserver.contract import InvalidQuestion, Question
from routing.modelserver.medgemma import backend as module
from routing.modelserver.medgemma.backend import Limits, MedGemma
from routing.modelserver.medgemma.rows import Prepared, Written
from tests.routing.test_medgemma_inputs import floats
from tests.routing.test_medgemma_words import DRAFT

SECRET = "Zebedee-Quill"
WHOLE = json.dumps(DRAFT)


class Parrot:
    """Says one text after another; the last one for ever."""

    name = "parrot-1"
    device = "perch"
    dtype = "feathers"
    context = 2_000
    projector = None

    def __init__(self, *texts, seconds=0.0, length=900):
        self.texts = list(texts)
        self.seconds = seconds
        self.length = length
        self.heard = []
        self.asked = []
        self.ended_early = 0

    def prepare(self, messages, pictures, embedding):
        self.heard.append(messages)
        ids = SimpleNamespace(shape=(self.length,))
        return Prepared(ids=ids, types=None, pixels=None, soft=None, soft_at=0)

    def generate(self, rows, is_wanted=lambda row: True):
        self.asked += rows
        until = time.monotonic() + self.seconds
        while time.monotonic() < until:
            if not any(is_wanted(row) for row in range(len(rows))):
                self.ended_early += 1
                break
            time.sleep(0.005)
        found = []
        for _ in rows:
            text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
            if isinstance(text, Exception):
                raise text
            found.append(Written(text=text, tokens=5, is_cut_off=text.endswith("…")))
        return found

    def check_numbers(self, prepared):
        pass


LIMITS = {
    "batch_size": 4,
    "batch_wait_ms": 5,
    "queue_size": 4,
    "deadline_seconds": 10,
    "min_new_tokens": 1024,
}


def make(model, **limits):
    return MedGemma(model, Limits(**LIMITS | limits))


def play(model, scene, **limits):
    """Start a backend, play a scene with it, and end it."""

    async def main():
        backend = make(model, **limits)
        await backend.start()
        model.heard.clear()
        model.asked.clear()
        try:
            return await scene(backend), backend
        finally:
            backend._working.cancel()
            backend._batcher.give_up()

    return asyncio.run(asyncio.wait_for(main(), 20))


def infer(model, question=None, **limits):
    """Ask one question; return its result and the backend."""
    return play(model, lambda backend: backend.infer(question or Question()), **limits)


# --- Drafts -----------------------------------------------------------------------


def test_a_usable_answer_is_the_draft_and_is_asked_for_once():
    parrot = Parrot(WHOLE)

    result, backend = infer(parrot, Question(observations="Waits."))

    assert result == DRAFT | {
        "model_id": "parrot-1",
        "adapter_id": backend.adapter_id,
    }
    assert len(parrot.heard) == 1
    assert "Waits." in parrot.heard[0][1]["content"][0]["text"]
    assert backend._tally.generated_tokens == 5
    assert backend._tally.prompt_tokens == 900
    assert backend._tally.second_tries == 0


def test_an_answer_of_no_use_is_asked_for_a_second_time_with_what_was_wrong():
    parrot = Parrot("warm", "What a lovely child!", WHOLE)

    result, backend = infer(parrot)

    assert result["risk"] == "on_track"
    told = [messages[0]["content"] for messages in parrot.heard]
    assert "What was wrong" not in told[0]
    assert "What was wrong with it: The model's text is not JSON" in told[1]
    assert "lovely" not in told[1]
    assert (backend._tally.second_tries, backend._tally.unusable_answers) == (1, 0)


def test_a_third_time_it_is_not_asked_and_nothing_of_it_is_logged(caplog):
    parrot = Parrot(f"{SECRET} is on_track")

    result, backend = infer(parrot)

    assert result["risk"] is None
    assert result["answer"] == f"{SECRET} is on_track"
    assert len(parrot.heard) == 2
    assert (backend._tally.second_tries, backend._tally.unusable_answers) == (1, 1)
    assert "No usable answer" in caplog.text
    assert SECRET not in caplog.text


def test_where_a_second_question_would_be_too_long_the_first_answer_is_the_last():
    parrot = Parrot("What a lovely child!")
    parrot.prepare = lambda *given: longer(parrot, *given)

    result, _ = infer(parrot, Question(max_new_tokens=1100))

    assert result["answer"] == "What a lovely child!"
    assert len(parrot.heard) == 2
    assert len(parrot.asked) == 1


def longer(parrot, messages, pictures, embedding):
    """Prepare a question that is longer each time."""
    parrot.length = 900 + len(parrot.heard)
    return Parrot.prepare(parrot, messages, pictures, embedding)


def test_a_short_limit_of_old_callers_is_raised_and_a_long_one_kept():
    parrot = Parrot(WHOLE, length=10)

    async def scene(backend):
        for tokens in (1, 256, 1500):
            await backend.infer(Question(max_new_tokens=tokens, temperature=0.5))

    play(parrot, scene)

    assert [row.max_new_tokens for row in parrot.asked] == [1024, 1024, 1500]
    assert {row.temperature for row in parrot.asked} == {0.5}


def test_an_embedding_that_cannot_be_read_is_named_to_the_model_and_in_the_draft():
    parrot = Parrot(WHOLE)
    question = Question(embedding_b64=floats(*[0.5] * 256), unread=("video",))

    result, _ = infer(parrot, question)

    [text] = parrot.heard[0][1]["content"]
    assert '"not_given":["embedding","video"]' in text["text"]
    assert result["uncertainty_reason"] == "Not given to the model: embedding, video."


# --- Refusals ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "field"),
    [
        (Question(embedding_b64="AAAA"), "embedding_b64"),
        (Question(images=("data:image/png;base64,AAAA",)), "images"),
        (Question(max_new_tokens=1101), "observations"),
    ],
)
def test_what_cannot_be_read_is_refused_before_the_model_is_asked(question, field):
    parrot = Parrot(WHOLE)

    with pytest.raises(InvalidQuestion) as refusal:
        infer(parrot, question)

    assert list(refusal.value.details) == [field]
    assert parrot.asked == []


def test_until_it_is_warm_it_takes_no_question():
    backend = make(Parrot(WHOLE))

    with pytest.raises(Overloaded) as refusal:
        asyncio.run(backend.infer(Question()))

    assert refusal.value.retry_after >= 1
    assert backend.facts()["is_ready"] is False
    assert "modelserver_ready 0\n" in backend.metrics()


def test_a_question_that_takes_too_long_is_refused_and_its_row_ends():
    parrot = Parrot(WHOLE)

    async def scene(backend):
        parrot.seconds = 8
        began = time.monotonic()
        with pytest.raises(Overloaded):
            await backend.infer(Question())
        parrot.seconds = 0
        await asyncio.sleep(0.1)
        return time.monotonic() - began

    seconds, backend = play(parrot, scene, deadline_seconds=0.2)

    assert seconds < 3
    assert parrot.ended_early == 1
    assert backend._tally.refused == {"deadline": 1}


def test_more_at_once_than_there_are_places_are_refused():
    parrot = Parrot(WHOLE)

    async def scene(backend):
        parrot.seconds = 0.2
        asked = [backend.infer(Question()) for _ in range(20)]
        return await asyncio.gather(*asked, return_exceptions=True)

    found, backend = play(parrot, scene)

    assert [type(each) for each in found].count(Overloaded) == 12
    assert [type(each) for each in found].count(dict) == 8
    assert backend._tally.refused == {"queue_full": 12}


def test_what_the_model_raises_is_raised_for_its_own_question():
    parrot = Parrot(WHOLE)

    async def scene(backend):
        parrot.texts = [RuntimeError("out of memory"), WHOLE]
        return await asyncio.gather(
            backend.infer(Question()), backend.infer(Question())
        )

    results, backend = play(parrot, scene, batch_wait_ms=200)

    assert [result["risk"] for result in results] == ["on_track"] * 2
    assert backend._tally.split_batches == 1


# --- From start to stop -----------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError(f"{SECRET}: no memory"), r"cannot generate \(RuntimeError\)"),
        (Unusable("Its weights are damaged."), "Its weights are damaged"),
    ],
)
def test_a_model_that_cannot_warm_up_is_said_in_one_line(error, said):
    with pytest.raises(Unusable, match=said) as refusal:
        infer(Parrot(error))

    assert SECRET not in str(refusal.value)


def test_when_it_stops_what_was_taken_is_answered_and_the_rest_refused_in_time(
    monkeypatch,
):
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.5)
    parrot = Parrot(WHOLE)

    async def scene(backend):
        parrot.seconds = 0.2
        first = [asyncio.create_task(backend.infer(Question())) for _ in range(2)]
        await asyncio.sleep(0.1)
        backend.stop()
        answered = await asyncio.gather(*first)
        parrot.seconds = 8
        late = asyncio.create_task(backend.infer(Question()))
        began = time.monotonic()
        with pytest.raises(Overloaded):
            await late
        return answered, time.monotonic() - began

    (answered, seconds), _ = play(parrot, scene)

    assert [result["risk"] for result in answered] == ["on_track"] * 2
    assert seconds < 2


def test_it_says_what_it_runs_on():
    facts = make(Parrot(WHOLE)).facts()

    assert facts == LIMITS | {
        "is_ready": False,
        "device": "perch",
        "dtype": "feathers",
        "context_tokens": 2_000,
        "inputs": ["text", "images"],
    }
