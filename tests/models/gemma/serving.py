"""`transformers serve` as a process, and the folder of tiny Gemmas that it serves."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
import requests

from routing.protocols import prompt
from tests.models.gemma.answers import ANSWERS
from tests.servers import ROOT
from tests.system.stack import free_port, wait_until

ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    # Two threads that wait for each other are slow where others want the cores too.
    "OMP_NUM_THREADS": "1",
}


def program(name: str) -> str:
    """Return a program of the environment that has torch; fail where there is none."""
    python = os.environ.get("MODELS_PYTHON") or ROOT / ".venv-models/bin/python"
    found = Path(python).absolute().with_name(name)
    if not found.exists():
        pytest.fail(
            f"{found} is not there, so no Gemma can be made and served. `make "
            "test-models` installs it; MODELS_PYTHON names another environment's."
        )
    return str(found)


def make_models(folder: Path) -> None:
    """Write every model of `ANSWERS` to a folder of its name."""
    corpus = f"{prompt.system()}\n{prompt.user_message({'age_months': 24})}"
    made = subprocess.run(
        [program("python"), "-m", "tests.models.gemma.making", str(folder)],
        cwd=ROOT,
        env=os.environ | ENVIRONMENT,
        input=corpus.encode(),
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert made.returncode == 0, made.stderr.decode()[-4000:]
    assert {path.name for path in folder.iterdir()} == set(ANSWERS)


class TransformersServe:
    """A server for every model of a folder, by name; or pinned to one of them."""

    def __init__(self, folder: Path, *, log: Path, pinned_to: str = "") -> None:
        self.folder = folder
        self.pinned_to = pinned_to
        self.port = free_port()
        self.log_file = log
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, on the port it had before, and wait until it answers."""
        words = ["serve", self.pinned_to] if self.pinned_to else ["serve"]
        words += ["--host", "127.0.0.1", "--port", str(self.port), "--device", "cpu"]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [program("transformers"), *words],
                cwd=self.folder,
                env=os.environ | ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._answers, seconds=180, what="transformers serve answers")

    def kill(self) -> None:
        """End it as `kill -9` does."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def times_asked(self) -> int:
        """Count the chat completions in its access log."""
        return self.log.count('"POST /v1/chat/completions ')

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log[-4000:]
        try:
            return requests.get(f"{self.url}/health", timeout=1).ok
        except requests.RequestException:
            return False
