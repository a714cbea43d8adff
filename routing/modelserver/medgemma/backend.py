"""Answers questions with MedGemma."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image

from routing.modelserver.backends import Backend, Overloaded, Unusable
from routing.modelserver.contract import InvalidQuestion, Question
from routing.modelserver.medgemma import conversation, drafts
from routing.modelserver.medgemma.batching import Batcher, Entry
from routing.modelserver.medgemma.drafts import Draft
from routing.modelserver.medgemma.embeddings import WIDTH, Embedding, embedding_of
from routing.modelserver.medgemma.pictures import pictures_of
from routing.modelserver.medgemma.rows import Row, Written
from routing.modelserver.medgemma.tally import Tally
from routing.protocols import prompt

if TYPE_CHECKING:
    from routing.modelserver.medgemma.model import Model

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 20.0
"""How long what is under way may go on after SIGTERM; then it is refused."""

WARM_UP_TOKENS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How much is taken at a time, and for how long."""

    batch_size: int
    batch_wait_ms: int
    queue_size: int
    deadline_seconds: float
    min_new_tokens: int
    """What an answer may always take; the 256 of old callers are too few for it."""


@dataclass(frozen=True, slots=True)
class Given:
    """What of a question the model is given, and what not."""

    messages: conversation.Messages
    pictures: list[Image.Image]
    embedding: Embedding | None
    not_given: Sequence[str]


class MedGemma(Backend):
    """One model; questions that come together are generated together."""

    name = "medgemma"
    is_ready = False
    stop_seconds = ANSWER_SECONDS + 5

    def __init__(self, model: Model, limits: Limits) -> None:
        self._model = model
        self._limits = limits
        self._tally = Tally()
        self._batcher: Batcher[Row, Written] = Batcher(
            self._generate,
            size=limits.batch_size,
            wait_seconds=limits.batch_wait_ms / 1000,
            queue_size=limits.queue_size,
            tally=self._tally,
        )
        self._working: asyncio.Task[None] | None = None
        # Tokenizers are not made for several threads.
        self._preparing = ThreadPoolExecutor(1, thread_name_prefix="prepare")
        self.model_id = model.name
        parts = [prompt.VERSION, conversation.VERSION, conversation.digest()]
        if model.projector is not None:
            parts.append(f"projector-{model.projector.digest}")
        self.adapter_id = "+".join(parts)

    # --- From start to stop ---

    async def start(self) -> None:
        """Answer a question of each kind once, before any is taken."""
        began = time.monotonic()
        try:
            await asyncio.get_running_loop().run_in_executor(
                self._preparing, self._warm_up
            )
        except Unusable:
            raise
        except Exception as exc:  # noqa: BLE001 - whatever the libraries raise
            raise Unusable(
                "The model of MEDGEMMA_MODEL_PATH cannot generate "
                f"({type(exc).__name__}). Give it more memory, or fetch it again."
            ) from None
        self._working = asyncio.create_task(self._batcher.run())
        self.is_ready = True
        logger.info("Warmed up in %.1f s", time.monotonic() - began)

    def stop(self) -> None:
        """Answer what was taken, as far as time allows; then refuse the rest."""
        asyncio.get_running_loop().call_later(ANSWER_SECONDS, self._batcher.give_up)

    def _warm_up(self) -> None:
        """Use each part of the model once.

        Raises:
            Unusable: what it computes are no numbers.
        """
        embedding = None
        if self._model.projector is not None:
            embedding = Embedding(1, bytes(4 * WIDTH))
        picture = Image.new("RGB", (8, 8))
        said = conversation.messages(
            Question(), pictures=1, has_embedding=embedding is not None, not_given=()
        )
        prepared = self._model.prepare(said, [picture], embedding)
        self._model.check_numbers(prepared)
        row = Row(prepared=prepared, max_new_tokens=WARM_UP_TOKENS, temperature=0.0)
        self._model.generate([row])

    # --- Questions ---

    async def infer(self, question: Question) -> dict[str, Any]:
        """Draft a result; ask a second time where the first answer is of no use."""
        if not self.is_ready:
            self._tally.refused["not_ready"] += 1
            raise Overloaded("The model is not ready yet.", retry_after=2)
        with self._batcher.place():
            try:
                async with asyncio.timeout(self._limits.deadline_seconds):
                    return await self._drafted(question)
            except TimeoutError:
                self._tally.refused["deadline"] += 1
                raise Overloaded(
                    "The question was not answered in time.", retry_after=1
                ) from None

    async def _drafted(self, question: Question) -> dict[str, Any]:
        given = await asyncio.to_thread(self._given, question)
        draft = await self._asked(question, given, given.messages)
        if draft.problem:
            self._tally.second_tries += 1
            again = conversation.told_what_was_wrong(given.messages, draft.problem)
            # A few words more may be too many; then the first answer is the last.
            with contextlib.suppress(InvalidQuestion):
                draft = await self._asked(question, given, again)
        if draft.problem:
            self._tally.unusable_answers += 1
            logger.warning("No usable answer. %s", draft.problem)
        return drafts.result(
            draft,
            model_id=self.model_id,
            adapter_id=self.adapter_id,
            not_given=given.not_given,
        )

    def _given(self, question: Question) -> Given:
        """Read what was sent beside the text.

        Raises:
            InvalidQuestion: it cannot be read.
        """
        embedding, pictures = embedding_of(question), pictures_of(question)
        not_given = []
        if embedding is not None and self._model.projector is None:
            embedding, not_given = None, ["embedding"]
        not_given += question.unread
        said = conversation.messages(
            question,
            pictures=len(pictures),
            has_embedding=embedding is not None,
            not_given=not_given,
        )
        return Given(said, pictures, embedding, not_given)

    async def _asked(
        self, question: Question, given: Given, said: conversation.Messages
    ) -> Draft:
        """Put one conversation into a batch, and read what came of it.

        Raises:
            InvalidQuestion: it is longer than the model can read.
        """
        prepared = await asyncio.get_running_loop().run_in_executor(
            self._preparing, self._model.prepare, said, given.pictures, given.embedding
        )
        new = max(question.max_new_tokens, self._limits.min_new_tokens)
        if prepared.length() + new > self._model.context:
            most = self._model.context - new
            raise InvalidQuestion(
                {"observations": [f"With all else, at most {most} tokens."]}
            )
        written = await self._batcher.ask(
            Row(prepared=prepared, max_new_tokens=new, temperature=question.temperature)
        )
        return drafts.read(written.text, is_cut_off=written.is_cut_off)

    def _generate(self, entries: Sequence[Entry[Row, Written]]) -> list[Written]:
        """Generate a batch; in the batcher's thread."""
        rows = [entry.asked for entry in entries]
        written = self._model.generate(rows, lambda row: entries[row].is_wanted)
        self._tally.prompt_tokens += sum(row.prepared.length() for row in rows)
        self._tally.generated_tokens += sum(each.tokens for each in written)
        return written

    # --- What it says of itself ---

    def facts(self) -> dict[str, Any]:
        """Say on what it runs, how much it takes, and which inputs."""
        inputs = ["text", "images"]
        if self._model.projector is not None:
            inputs.append("embedding")
        return {
            "is_ready": self.is_ready,
            "device": self._model.device,
            "dtype": self._model.dtype,
            "context_tokens": self._model.context,
            "inputs": inputs,
            **asdict(self._limits),
        }

    def metrics(self) -> str:
        """Count tokens, batches and waits."""
        return self._tally.render(is_ready=self.is_ready)
