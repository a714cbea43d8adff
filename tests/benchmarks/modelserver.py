"""Our own model server with a tiny Gemma on the CPU, by the size of its batches.

Requests and tokens a second say nothing of a GPU or of MedGemma itself: a model of a
millionth of its size is bound by Python. What they show is what a batch is worth.
"""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.models.gemma.serving import make_models
from tests.models.medgemma_server import MedGemmaServer

SIZES = (1, 4, 16)
CLIENTS, REQUESTS = 16, 96
RECORD = {"age_months": 24, "observations": "Points at things, and waits."}


def by_batch_size() -> dict[int, dict[str, float]]:
    """Ask the same questions of servers that take 1, 4 and 16 at a time."""
    with tempfile.TemporaryDirectory() as folder:
        make_models(Path(folder))
        return {size: _measured(Path(folder), size) for size in SIZES}


def _measured(folder: Path, size: int) -> dict[str, float]:
    log = folder / f"batch-{size}.log"
    with MedGemmaServer(folder / "drafts", log, MODEL_BATCH_SIZE=size) as server:
        server.results([RECORD] * CLIENTS)
        before, began = server.metrics(), time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda n: server.result(**RECORD), range(REQUESTS)))
        seconds = time.monotonic() - began
        after = server.metrics()
    grown = {name: after[name] - before.get(name, 0) for name in after}
    return {
        "r/s": REQUESTS / seconds,
        "tokens/s": grown["modelserver_generated_tokens_total"] / seconds,
        "prompt tokens/s": grown["modelserver_prompt_tokens_total"] / seconds,
        "batch": grown["modelserver_batch_size_sum"]
        / grown["modelserver_batch_size_count"],
    }
