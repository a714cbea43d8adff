"""``manage.py modelserver --backend medgemma`` as a process, with a tiny Gemma."""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import struct
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

from tests.models.gemma.serving import ENVIRONMENT, program
from tests.servers import ROOT
from tests.system.stack import free_port, wait_until

HIDDEN = 64
"""Values a token of the tiny Gemmas."""


class MedGemmaServer:
    """One server; leaving the context kills it."""

    def __init__(self, model: Path, log: Path, **env: Any) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_file = log
        self.env = ENVIRONMENT | {
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "pediscreen_site.settings",
            "DJANGO_SECRET_KEY": "x" * 50,
            "MEDGEMMA_MODEL_PATH": str(model),
            **{name: str(value) for name, value in env.items()},
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.health_seen: list[int] = []
        """Every status of /health until it was 200, in order."""

    def __enter__(self) -> MedGemmaServer:
        self.start()
        wait_until(self._is_ready, seconds=120, what=lambda: self.log[-3000:])
        return self

    def __exit__(self, *args: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def start(self) -> None:
        """Start it, and do not wait."""
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *[program("python"), "manage.py", "modelserver"],
                    *["--backend", "medgemma", "--port", str(self.port)],
                ],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def ended(self, seconds: float = 60) -> int:
        """Wait until it has ended by itself; return how."""
        assert self.process is not None
        return self.process.wait(seconds)

    def stop(self, seconds: float) -> int:
        """Stop it as an engine does; return how it ended."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def messages(self) -> list[str]:
        """Return what it logged, line by line; each is one JSON object."""
        return [json.loads(line)["message"] for line in self.log.splitlines()]

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log[-4000:]
        until = time.monotonic() + 1
        while time.monotonic() < until:
            try:
                status = requests.get(f"{self.url}/health", timeout=5).status_code
            except requests.ConnectionError:
                return False
            self.health_seen.append(status)
            if status == 200:
                return True
            time.sleep(0.01)
        return False

    # --- Asking -------------------------------------------------------------------

    def post(self, body: Any, path: str = "/infer", timeout: float = 60) -> Any:
        return requests.post(f"{self.url}{path}", json=body, timeout=timeout)

    def result(self, **fields: Any) -> dict[str, Any]:
        """Ask one question that is answered; return its result."""
        response = self.post(fields)
        assert response.status_code == 200, response.text
        return dict(response.json()["result"])

    def results(self, questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Ask all questions at once; return their results in order."""
        with ThreadPoolExecutor(len(questions)) as pool:
            return list(pool.map(lambda fields: self.result(**fields), questions))

    def status(self) -> dict[str, Any]:
        return dict(requests.get(f"{self.url}/status", timeout=5).json())

    def metrics(self) -> dict[str, float]:
        """Return each figure by its name, labels and all."""
        text = requests.get(f"{self.url}/metrics", timeout=5).text
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#"]
        return {name: float(figure) for name, figure in lines}


def floats(seed: int, rows: int = 1) -> str:
    """Make an embedding of [rows, 256] out of a seed, as base64."""
    drawn = random.Random(seed)
    values = [drawn.gauss(0, 1) for _ in range(rows * 256)]
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def projector_file(hidden: int = HIDDEN, width: int = 256) -> bytes:
    """Write a projector: a safetensors file of random weights, and a bias."""
    drawn = random.Random(11)
    weight = [drawn.gauss(0, 0.01) for _ in range(hidden * width)]
    data = struct.pack(f"<{len(weight)}f", *weight) + bytes(4 * hidden)
    end = 4 * len(weight)
    header = json.dumps(
        {
            "weight": {
                "dtype": "F32",
                "shape": [hidden, width],
                "data_offsets": [0, end],
            },
            "bias": {
                "dtype": "F32",
                "shape": [hidden],
                "data_offsets": [end, end + 4 * hidden],
            },
        }
    ).encode()
    return struct.pack("<Q", len(header)) + header + data
