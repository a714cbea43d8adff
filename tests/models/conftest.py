"""What the tests of real model servers share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.models.gemma.serving import TransformersServe, make_models


@pytest.fixture(scope="session")
def gemmas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tiny Gemma 3 models, made once."""
    folder = tmp_path_factory.mktemp("gemmas")
    make_models(folder)
    return folder


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
