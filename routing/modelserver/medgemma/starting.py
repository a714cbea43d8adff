"""Making the backend: what is missing is said in one line, and first."""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec

from django.conf import settings

from routing.modelserver.backends import Unusable
from routing.modelserver.medgemma.backend import Limits, MedGemma
from routing.modelserver.medgemma.folder import checked

PACKAGES = ("torch", "transformers", "safetensors", "PIL")

logger = logging.getLogger(__name__)


def load() -> MedGemma:
    """Load the model of MEDGEMMA_MODEL_PATH, on a GPU where there is one.

    Raises:
        Unusable: packages or a usable model are missing.
    """
    folder = checked(settings.MEDGEMMA_MODEL_PATH)
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise Unusable(
            f"The medgemma backend needs {', '.join(missing)}. Install with: "
            "pip install --require-hashes -r requirements/modelserver.txt"
        )
    # Read once, at the import of the library that fetches models.
    os.environ["HF_HUB_OFFLINE"] = "1"
    from routing.modelserver.medgemma.model import Model

    model = Model(folder)
    logger.info("Loaded %s on %s, %s", folder.name, model.device, model.dtype)
    return MedGemma(
        model,
        Limits(
            batch_size=settings.MODEL_BATCH_SIZE,
            batch_wait_ms=settings.MODEL_BATCH_WAIT_MS,
            queue_size=settings.MODEL_QUEUE_SIZE,
            deadline_seconds=settings.MODEL_DEADLINE_SECONDS,
            min_new_tokens=settings.MODEL_MIN_TOKENS,
        ),
    )
