"""What answers the questions; one class each, made by its name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from milestones import rules
from routing.modelserver.contract import Question


class Unusable(Exception):
    """A backend cannot be got ready; the message names the cause and the fix."""


class Overloaded(Exception):
    """The question cannot be answered now; it may be asked again later."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds, 1 or more."""


class Backend:
    """Something that drafts a result for one question, and many at once."""

    name: str
    model_id: str
    adapter_id: str
    is_ready = True
    """Whether questions are taken; until then ``/health`` says no."""

    stop_seconds = 0.5
    """How long questions under way may go on after SIGTERM."""

    async def start(self) -> None:
        """Get ready, while the port is open already.

        Raises:
            Unusable: it cannot be got ready.
        """

    def stop(self) -> None:
        """Learn, in the event loop, that the server stops: nothing new comes."""

    async def infer(self, question: Question) -> dict[str, Any]:
        """Return a result in the result vocabulary.

        Raises:
            InvalidQuestion: a field holds what cannot be read.
            Overloaded: not now.
        """
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        """Return what ``/status`` says beside what it says of every backend."""
        return {}

    def metrics(self) -> str:
        """Return figures of its own, as Prometheus text; each line ended."""
        return ""


class ReferenceBackend(Backend):
    """The deterministic milestone rules: the same question, the same bytes."""

    name = "reference"
    model_id = rules.MODEL_ID

    def __init__(self) -> None:
        self.adapter_id = rules.adapter_id()

    async def infer(self, question: Question) -> dict[str, Any]:
        """Apply the rules; what they do not read is taken and said not to be used."""
        return await asyncio.to_thread(assess, question)


def assess(question: Question) -> dict[str, Any]:
    """Apply the reference rules to a question."""
    result = rules.assess(
        age_months=question.age_months,
        gestational_weeks=question.gestational_weeks,
        answers=question.milestones,
        flags=question.flags,
        observations=question.observations,
    )
    unused = ["embedding"] if question.embedding_b64 else []
    unused += ["images"] if question.images or question.unread else []
    result["explainability"] += [
        {"type": name, "detail": "not used by the reference rules"} for name in unused
    ]
    return result


def medgemma() -> Backend:
    """Load MedGemma; what it needs is imported now and not before.

    Raises:
        Unusable: packages or a usable model are missing.
    """
    from routing.modelserver.medgemma.starting import load

    return load()


BACKENDS: dict[str, Callable[[], Backend]] = {
    "medgemma": medgemma,
    ReferenceBackend.name: ReferenceBackend,
}
