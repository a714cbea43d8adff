"""Counts of what was generated, and their Prometheus text."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Sum:
    """How often something was measured, and what it came to together."""

    total: float = 0.0
    count: int = 0

    def add(self, *figures: float) -> None:
        """Add measurements."""
        self.total += sum(figures)
        self.count += len(figures)

    def mean(self) -> float:
        """Return the mean; 0 where nothing was measured."""
        return self.total / self.count if self.count else 0.0


@dataclass(slots=True)
class Tally:
    """What one server has generated since its start; times in seconds.

    Counted in the event loop and in the thread of batches, each field in one of them.
    """

    queue_length: int = 0
    queue: Sum = field(default_factory=Sum)
    batch: Sum = field(default_factory=Sum)
    work: Sum = field(default_factory=Sum)
    split_batches: int = 0
    prompt_tokens: int = 0
    generated_tokens: int = 0
    second_tries: int = 0
    unusable_answers: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """By reason: queue_full, deadline, stopping or not_ready."""

    def render(self, *, is_ready: bool) -> str:
        """Write the counts in the Prometheus text format, version 0.0.4."""
        lines = [
            *_head("ready", "gauge", "1 once questions are taken."),
            f"modelserver_ready {int(is_ready)}",
            *_head("queue_length", "gauge", "Questions that wait for a batch."),
            f"modelserver_queue_length {self.queue_length}",
            *_summary("queue_seconds", "Wait of a question for its batch.", self.queue),
            *_summary("batch_size", "Questions generated together.", self.batch),
            *_summary("generation_seconds", "Time to generate a batch.", self.work),
            *_counter(
                "split_batches",
                "Batches that failed, and were done one by one.",
                self.split_batches,
            ),
            *_counter("prompt_tokens", "Tokens read, unpadded.", self.prompt_tokens),
            *_counter("generated_tokens", "Tokens generated.", self.generated_tokens),
            *_counter(
                "second_tries", "Questions asked a second time.", self.second_tries
            ),
            *_counter(
                "unusable_answers",
                "Questions whose answer was not usable in the end.",
                self.unusable_answers,
            ),
            *_head("refused_total", "counter", "Questions not answered, by reason."),
            *(
                f'modelserver_refused_total{{reason="{reason}"}} {n}'
                for reason, n in sorted(self.refused.items())
            ),
        ]
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, told: str) -> list[str]:
    return [f"# HELP modelserver_{name} {told}", f"# TYPE modelserver_{name} {kind}"]


def _counter(name: str, told: str, figure: int) -> list[str]:
    return [
        *_head(f"{name}_total", "counter", told),
        f"modelserver_{name}_total {figure}",
    ]


def _summary(name: str, told: str, found: Sum) -> list[str]:
    return [
        *_head(name, "summary", told),
        f"modelserver_{name}_sum {found.total:.6f}",
        f"modelserver_{name}_count {found.count}",
    ]
