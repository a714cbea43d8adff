"""What is done at each token, for each row in its own way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import LogitsProcessor, StoppingCriteria


class RowTemperatures(LogitsProcessor):  # type: ignore[misc]
    """Divides a row's scores by its temperature; at 0 only the best token is left."""

    def __init__(self, temperatures: Sequence[float], device: Any) -> None:
        given = torch.tensor(temperatures, dtype=torch.float32, device=device)
        self._is_greedy = (given == 0).unsqueeze(1)
        self._divisors = torch.where(given == 0, 1.0, given).unsqueeze(1)

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Return the scores, [rows, vocabulary], to draw the next tokens from."""
        best = scores.argmax(dim=-1, keepdim=True)
        only_best = torch.full_like(scores, -torch.inf).scatter(1, best, 0.0)
        return torch.where(self._is_greedy, only_best, scores / self._divisors)


class RowEnds(StoppingCriteria):  # type: ignore[misc]
    """Ends each row at its own number of tokens, or once nobody wants it any more."""

    def __init__(
        self, limits: Sequence[int], is_wanted: Callable[[int], bool], device: Any
    ) -> None:
        self._limits = limits
        self._is_wanted = is_wanted
        self._device = device
        self._steps = 0

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        """Return for each row whether it ends here."""
        self._steps += 1
        ended = [
            self._steps >= limit or not self._is_wanted(row)
            for row, limit in enumerate(self._limits)
        ]
        return torch.tensor(ended, device=self._device)
