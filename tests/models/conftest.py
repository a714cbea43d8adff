"""What the tests of real model servers share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.models.gemma.serving import TransformersServe, make_models
from tests.models.medgemma_server import MedGemmaServer, projector_file


@pytest.fixture(scope="session")
def gemmas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tiny Gemma 3 models, made once."""
    folder = tmp_path_factory.mktemp("gemmas")
    make_models(folder)
    return folder


@pytest.fixture(scope="session")
def medgemma(
    gemmas: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MedGemmaServer]:
    """Our own server, with a Gemma that drafts as it should."""
    log = tmp_path_factory.mktemp("medgemma") / "server.log"
    with MedGemmaServer(gemmas / "drafts", log) as server:
        yield server


@pytest.fixture(scope="session")
def babbling(
    gemmas: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MedGemmaServer]:
    """The same with one that says noise, another for each question, all of it read.

    It has a projector, takes twelve questions at a time, and its answers may be short.
    """
    folder = tmp_path_factory.mktemp("babbling")
    shutil.copytree(gemmas / "ponders", folder / "babbles-1")
    model = folder / "babbles-1"
    (model / "embedding_projector.safetensors").write_bytes(projector_file())
    limits = {
        "MODEL_BATCH_SIZE": 8,
        "MODEL_BATCH_WAIT_MS": 50,
        "MODEL_QUEUE_SIZE": 4,
        "MODEL_DEADLINE_SECONDS": 20,
        "MODEL_MIN_TOKENS": 1,
    }
    with MedGemmaServer(model, folder / "server.log", **limits) as server:
        yield server


@pytest.fixture(scope="session")
def served(
    gemmas: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TransformersServe]:
    """One `transformers serve` that has all of them."""
    log = tmp_path_factory.mktemp("served") / "server.log"
    server = TransformersServe(gemmas, log=log)
    try:
        server.start()
        yield server
    finally:
        server.kill()
