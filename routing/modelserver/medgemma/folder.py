"""Is there a model that can be loaded? Plain Python, asked before anything heavy."""

from __future__ import annotations

import json
from pathlib import Path

from routing.modelserver.backends import Unusable

TYPE = "gemma3"
NEEDED = ("config.json", "tokenizer.json")


def checked(path: str) -> Path:
    """Return the folder of a Gemma 3 with its weights.

    Raises:
        Unusable: the path is empty, is no folder, or holds no whole Gemma 3.
    """
    if not path:
        raise Unusable(
            "MEDGEMMA_MODEL_PATH is not set. "
            "Set it to the folder of a Gemma 3, such as /models/medgemma-4b-it."
        )
    folder = Path(path)
    if not folder.is_dir():
        raise _refused("is no folder", "Nothing is fetched: put the model there first.")
    for name in NEEDED:
        if not (folder / name).is_file():
            raise _refused(f"holds no {name}", "Set it to a whole model's folder.")
    found = _type(folder / "config.json")
    if found != TYPE:
        raise _refused(
            f'holds a model of the type "{found[:40]}"',
            f'Set it to a Gemma 3 with its vision tower, type "{TYPE}".',
        )
    if not any(folder.glob("*.safetensors")):
        raise _refused(
            "holds no weights", "Only *.safetensors are read; put them there."
        )
    return folder


def _type(path: Path) -> str:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise _refused(
            "holds a config.json that is no JSON", "Fetch it again."
        ) from None
    return str(config.get("model_type", "")) if isinstance(config, dict) else ""


def _refused(reason: str, fix: str) -> Unusable:
    return Unusable(f"The folder of MEDGEMMA_MODEL_PATH {reason}. {fix}")
