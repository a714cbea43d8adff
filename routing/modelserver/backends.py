"""What answers the questions; one class each, found by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from milestones import rules
from routing.modelserver.contract import Question


class Backend(Protocol):
    """Something that drafts a result for one question.

    ``infer`` runs in a thread, several at a time, and may take its time.
    """

    name: str
    model_id: str
    adapter_id: str

    def infer(self, question: Question) -> dict[str, Any]:
        """Return a result in the result vocabulary."""
        ...


class ReferenceBackend:
    """The deterministic milestone rules: the same question, the same bytes."""

    name = "reference"
    model_id = rules.MODEL_ID

    def __init__(self) -> None:
        self.adapter_id = rules.adapter_id()

    def infer(self, question: Question) -> dict[str, Any]:
        """Apply the rules; an embedding is accepted and said not to be used."""
        result = rules.assess(
            age_months=question.age_months,
            gestational_weeks=question.gestational_weeks,
            answers=question.milestones,
            flags=question.flags,
            observations=question.observations,
        )
        if question.embedding_b64:
            result["explainability"].append(
                {"type": "embedding", "detail": "not used by the reference rules"}
            )
        return result


BACKENDS: dict[str, Callable[[], Backend]] = {ReferenceBackend.name: ReferenceBackend}
