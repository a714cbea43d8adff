"""Turns an embedding into soft tokens, by weights that lie beside the model."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load

from routing.modelserver.backends import Unusable
from routing.modelserver.medgemma.embeddings import WIDTH, Embedding

FILE = "embedding_projector.safetensors"
"""Holds ``weight`` of [hidden, 256], and a ``bias`` of [hidden] if there is one."""


class Projector:
    """A linear map from 256 values to the size of the model's own token vectors."""

    def __init__(self, path: Path, *, hidden: int, device: Any, dtype: Any) -> None:
        """Read the file.

        Raises:
            Unusable: it is damaged, or made for a model of another size.
        """
        data = path.read_bytes()
        try:
            found = load(data)
        except SafetensorError:
            raise _refused(path, "is no whole safetensors file") from None
        shapes = {name: tuple(tensor.shape) for name, tensor in found.items()}
        if shapes not in (
            {"weight": (hidden, WIDTH)},
            {"weight": (hidden, WIDTH), "bias": (hidden,)},
        ):
            raise _refused(path, f"does not fit a model of {hidden} values a token")
        if not all(bool(tensor.isfinite().all()) for tensor in found.values()):
            raise _refused(path, "holds values that are not finite")
        # Multiplied in float32 whatever the model's type: it is small.
        self._weight = found["weight"].float().to(device)
        self._bias = found["bias"].float().to(device) if "bias" in found else None
        self._dtype = dtype
        self.digest = hashlib.sha256(data).hexdigest()[:12]

    def soft_tokens(self, embedding: Embedding) -> Any:
        """Return the token vectors of an embedding, [rows, hidden]."""
        values = torch.frombuffer(bytearray(embedding.data), dtype=torch.float32)
        rows = values.view(embedding.rows, WIDTH).to(self._weight.device)
        return torch.nn.functional.linear(rows, self._weight, self._bias).to(
            self._dtype
        )


def projector_beside(
    folder: Path, *, hidden: int, device: Any, dtype: Any
) -> Projector | None:
    """Return the projector of a model's folder; None where there is none.

    Raises:
        Unusable: there is one, and it cannot be used.
    """
    path = folder / FILE
    if not path.exists():
        return None
    return Projector(path, hidden=hidden, device=device, dtype=dtype)


def _refused(path: Path, reason: str) -> Unusable:
    return Unusable(
        f"{path.name} in the folder of MEDGEMMA_MODEL_PATH {reason}. "
        "Put the right file there, or take it away."
    )
