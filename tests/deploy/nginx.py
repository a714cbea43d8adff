"""A real nginx with the chart's own configuration, before whatever a test starts."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

from tests.deploy import chart
from tests.system.stack import free_port, wait_until

CONFIGURATION = chart.CHART / "files" / "nginx.conf"


def filled(**names: object) -> str:
    """Fill the names of the configuration in, as the chart and compose do."""
    text = CONFIGURATION.read_text()
    assert set(re.findall(r"\$\{([A-Z_]+)\}", text)) == set(names)
    for name, value in names.items():
        text = text.replace(f"${{{name}}}", str(value))
    return text


class Nginx:
    """nginx on two free ports; ``tls`` holds tls.crt, tls.key and ca.crt."""

    def __init__(self, folder: Path, *, tls: Path, backend: int) -> None:
        self.port, self.health_port = free_port(), free_port()
        self.folder = folder
        temporary = folder / "tmp"
        temporary.mkdir()
        configuration = folder / "nginx.conf"
        configuration.write_text(
            filled(
                MTLS_PORT=self.port,
                HEALTH_PORT=self.health_port,
                BACKEND=f"127.0.0.1:{backend}",
                TLS_FOLDER=tls,
                CLIENT_CA_FOLDER=tls,
                TEMP_FOLDER=temporary,
            )
        )
        program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        assert program, "nginx is missing. On Debian: apt-get install nginx-light"
        words = command_of_the_chart()
        words[0] = program
        if os.geteuid() == 0:
            # It would serve as another user, who may not write into the test's folder.
            words[-1] += " user root;"
        words[words.index("-c") + 1] = str(configuration)
        with (folder / "nginx.log").open("ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log)
        wait_until(self._listens, what=self.log)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def log(self) -> str:
        return (self.folder / "nginx.log").read_text()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)

    def _listens(self) -> bool:
        assert self.process.poll() is None, self.log()
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0


def mtls_pod() -> dict[str, dict[str, object]]:
    """Return the containers of the API's pod by their names, with mtls.enabled."""
    values = chart.values_of(chart.VALUE_FILES[0].parent / "mtls.yaml")
    api = chart.only(chart.objects(values), "Deployment", "screening-pedi-orchestrator")
    containers = api["spec"]["template"]["spec"]["containers"]
    return {container["name"]: container for container in containers}


def command_of_the_chart() -> list[str]:
    return list(mtls_pod()["nginx"]["command"])  # type: ignore[call-overload]
