"""Our own server as a process: what stops its start, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.models.gemma.serving import ENVIRONMENT, program
from tests.models.medgemma_server import MedGemmaServer, projector_file
from tests.servers import ROOT
from tests.system.stack import wait_until

pytestmark = pytest.mark.models

WEIGHTS, PROJECTOR = "model.safetensors", "embedding_projector.safetensors"


# --- What stops its start ---------------------------------------------------------


def cut_off(model: Path) -> None:
    data = (model / WEIGHTS).read_bytes()
    (model / WEIGHTS).write_bytes(data[:-100])


def without_a_layer(model: Path) -> None:
    """Give one tensor a name that nobody asks for."""
    data = (model / WEIGHTS).read_bytes()
    assert data.count(b"layers.1.mlp.down_proj") == 1
    other = data.replace(b"layers.1.mlp.down_proj", b"layers.1.mlp.down_pro0")
    (model / WEIGHTS).write_bytes(other)


def with_no_numbers(model: Path) -> None:
    """Make the last values of the file NaN."""
    data = (model / WEIGHTS).read_bytes()
    (model / WEIGHTS).write_bytes(data[:-4] + struct.pack("<f", float("nan")))


def without_words(model: Path) -> None:
    (model / "tokenizer.json").write_text("{}")


def with_a_projector(data: bytes) -> Callable[[Path], None]:
    return lambda model: (model / PROJECTOR).write_bytes(data) and None


REFUSED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "cut-off": (cut_off, "cannot be loaded"),
    "lacks-a-layer": (without_a_layer, "lacks 1 of the model's weights"),
    "no-numbers": (with_no_numbers, "computes what is no number"),
    "no-words": (without_words, "cannot be loaded"),
    "other-projector": (
        with_a_projector(projector_file(hidden=32)),
        f"{PROJECTOR} in the folder of MEDGEMMA_MODEL_PATH does not fit a model of 64",
    ),
    "narrow-projector": (with_a_projector(projector_file(width=128)), "does not fit"),
    "half-projector": (with_a_projector(projector_file()[:-8]), "is no whole"),
}


@pytest.fixture(scope="module")
def refusals(gemmas: Path, tmp_path_factory: Any) -> dict[str, str]:
    """What the command says of each folder, by the folder's name."""
    folder = tmp_path_factory.mktemp("refused")
    for name, (spoil, _) in REFUSED.items():
        shutil.copytree(gemmas / "babbles", folder / name)
        spoil(folder / name)
    done = subprocess.run(
        [
            *[program("python"), "-m", "tests.models.refused_starts"],
            *[str(folder / name) for name in REFUSED],
        ],
        cwd=ROOT,
        env={
            **ENVIRONMENT,
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "pediscreen_site.settings",
            "DJANGO_SECRET_KEY": "x" * 50,
        },
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    return {Path(path).name: message for path, message in said.items()}


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_cannot_be_used_stops_the_start_and_names_the_setting(
    refusals, name
):
    message = refusals[name]

    assert REFUSED[name][1] in message
    assert "MEDGEMMA_MODEL_PATH" in message
    assert "\n" not in message


# --- How it ends ------------------------------------------------------------------


def test_on_sigterm_what_was_taken_is_answered_and_then_it_ends(gemmas, tmp_path):
    limits = {"MODEL_BATCH_SIZE": 1, "MODEL_MIN_TOKENS": 1}
    asked = {"observations": "zq-quokka", "max_new_tokens": 60}
    with (
        MedGemmaServer(gemmas / "babbles", tmp_path / "log", **limits) as server,
        ThreadPoolExecutor(2) as pool,
    ):
        taken = [pool.submit(server.post, asked) for _ in range(2)]
        wait_until(lambda: server.status()["in_flight"] == 2)
        code = server.stop(30)
        answers = [each.result() for each in taken]

    assert [answer.status_code for answer in answers] == [200] * 2
    assert code == 0
    assert server.messages()[-1] == "Model server stopped"
    assert "zq-quokka" not in server.log
    with pytest.raises(requests.ConnectionError):
        server.post({})
