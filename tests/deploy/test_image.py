"""The image: what is in it, and each of its roles as a process from its folder.

No engine builds it here. Its own instructions are carried out in a folder instead, and
each role is started from there by the image's entry, without any capability and without
a place to write to but a temporary one.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.deploy import image
from tests.servers import ROOT
from tests.system.stack import Stack, free_port, wait_until

pytestmark = [pytest.mark.deploy, pytest.mark.system]

STOP_SECONDS = 30
MOST_MEGABYTES = 250


@pytest.fixture(scope="module")
def app(tmp_path_factory: Any) -> Path:
    """The folder that is /app in the image."""
    return image.build(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A migrated database and a Redis.

    SQLite, whatever this run is for: the socket of the tests' PostgreSQL lets nobody in
    who has no capability and is not its owner.
    """
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("TEST_DATABASE", "sqlite")
    made = Stack(EDGE_MODEL_URL="http://127.0.0.1:9/")
    monkeypatch.undo()
    with made as stack:
        yield stack


@pytest.fixture
def role(app: Path, stack: Stack, tmp_path: Path) -> Any:
    """Start a role from the image's folder, with no environment but ours."""
    began: list[subprocess.Popen[bytes]] = []

    def start(*words: str, **env: str) -> subprocess.Popen[bytes]:
        known = ["PATH", "DJANGO_SECRET_KEY", "API_KEY", "AUDIT_KEY", "DATABASE_URL"]
        known += ["REDIS_URL", "EDGE_MODEL_URL"]
        process = subprocess.Popen(
            image.confined([*image.entry(), *words]),
            cwd=app,
            env={name: stack.env[name] for name in known}
            | {"TMPDIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1", **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        began.append(process)
        return process

    yield start
    for process in began:
        if process.poll() is None:
            process.kill()
        process.communicate()


def stopped(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Stop a process as an engine does; return how it ended and what it said."""
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=STOP_SECONDS)
    return process.returncode, said.decode()


def probe(app: Path, where: str) -> int:
    """Ask as the image's health check does; return how it ends."""
    _python, module, name, _ = json.loads(
        image.last("HEALTHCHECK").partition("CMD")[2].strip()
    )
    done = subprocess.run([image.PYTHON, module, name, where], cwd=app, check=False)
    return done.returncode


# --- The Dockerfile ---------------------------------------------------------------


def test_hadolint_finds_nothing():
    program = Path(image.sys.executable).parent / "hadolint"

    done = subprocess.run(
        [program, image.DOCKERFILE], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout


def test_what_it_stands_on_is_a_version_and_can_be_held_to_a_digest():
    arguments = dict(
        words.split("=", 1) for name, words in image.instructions() if name == "ARG"
    )
    stages = [words for name, words in image.instructions() if name == "FROM"]

    assert re.fullmatch(r"3\.13\.\d+", arguments["PYTHON_VERSION"])
    assert stages[0].startswith("python:${PYTHON_VERSION}-slim-trixie${PYTHON_DIGEST")
    assert {stage.split()[0] for stage in stages[1:]} == {"python"}


def test_only_what_the_lock_file_names_by_its_hash_is_installed():
    installs = [
        words
        for name, words in image.instructions()
        if name == "RUN" and " install " in words and "pip" in words
    ]

    assert len(installs) == 1
    assert "--require-hashes -r /requirements/prod.txt" in installs[0]


def test_the_entry_is_no_shell_and_the_user_is_a_number_that_is_not_root():
    assert json.loads(image.last("ENTRYPOINT")) == [
        *["python", "-m", "pediscreen_site.run"]
    ]
    assert json.loads(image.last("CMD")) == ["api"]
    user, group = image.last("USER").split(":")
    assert int(user) > 0
    assert int(group) > 0
    assert int(user) == int(re.search(r"useradd --uid (\d+)", image.last("RUN"))[1])


def test_nothing_is_in_it_but_what_runs():
    given = image.context()
    tops = {path.split("/")[0] for path in given}

    assert "manage.py" in tops
    assert not tops & {"tests", "docs", "helm", "docker", ".ci", ".env.example", "var"}
    assert not [path for path in given if "secret" in path and path.endswith(".env")]
    assert "requirements/prod.txt" in given
    assert "requirements/dev.txt" not in given


def test_every_package_of_the_product_is_in_it():
    packages = {
        path.split("/")[0] for path in image.context() if path.endswith("/__init__.py")
    }
    declared = re.search(
        r"^root_packages = (\[.*\])", (ROOT / "pyproject.toml").read_text(), re.M
    )

    assert packages == set(json.loads(declared[1]))


def test_the_sizes_that_the_document_adds_up_stay_below_the_limit():
    text = (ROOT / "docs" / "deploy.md").read_text()
    rows = re.findall(r"^\| .+? \| ([\d.]+) MB \|", text, re.M)
    total = re.search(r"^\| \*\*together\*\* \| \*\*([\d.]+) MB\*\* \|", text, re.M)

    assert len(rows) >= 4
    assert sum(map(float, rows)) == pytest.approx(float(total[1]))
    assert float(total[1]) < MOST_MEGABYTES


# --- The roles --------------------------------------------------------------------


def test_the_api_serves_pages_with_their_style_from_a_folder_it_cannot_write(role, app):
    port = free_port()
    process = role("api", "--host", "127.0.0.1", "--port", str(port))
    url = f"http://127.0.0.1:{port}"

    wait_until(lambda: probe(app, f"{url}/livez") == 0)
    page = requests.get(f"{url}/admin/login/", timeout=10)
    sheet = re.search(r'href="(/static/desk/[^"]+\.css)"', page.text)[1]
    style = requests.get(f"{url}{sheet}", timeout=10)

    assert page.status_code == style.status_code == 200
    assert style.headers["Content-Encoding"] == "gzip"  # collected when it was built
    code, said = stopped(process)
    assert code == 0, said
    assert "Error" not in said
    assert probe(app, f"{url}/livez") == 1


def test_a_request_that_is_held_is_answered_before_the_api_ends(role, app, stack):
    port = free_port()
    process = role("api", "--host", "127.0.0.1", "--port", str(port))
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: probe(app, f"{url}/livez") == 0)
    job_id = stack.session.post(f"{url}/api/submit", json={}, timeout=10).json()
    asked = f"{url}/api/status/{job_id['job_id']}?wait=3"

    held = subprocess.Popen(
        [*image.entry()[:1], "-c", HOLD, asked, stack.env["API_KEY"]],
        stdout=subprocess.PIPE,
    )
    assert held.stdout.readline() == b"asked\n"
    wait_until(lambda: stack.session.get(f"{url}/livez", timeout=5).ok)
    code, said = stopped(process)

    assert held.communicate(timeout=10)[0] == b"200 PENDING\n"
    assert code == 0, said


HOLD = """
import http.client, json, sys, urllib.parse
url = urllib.parse.urlsplit(sys.argv[1])
there = http.client.HTTPConnection(url.netloc)
there.request("GET", f"{url.path}?{url.query}", headers={"x-api-key": sys.argv[2]})
print("asked", flush=True)
answer = there.getresponse()
print(answer.status, json.load(answer)["status"])
"""


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["worker"], "takes work"),
        (["streamworker"], "takes work"),
        (["modelserver", "--host", "127.0.0.1", "--port", "0"], "http://127.0.0.1:"),
    ],
)
def test_a_role_starts_and_ends_well_when_it_is_told_to(role, words, says):
    process = role(*words)
    line = b""
    while says.encode() not in line:
        line = process.stdout.readline()
        assert line, f"it ended with {process.wait()}"

    code, said = stopped(process)

    assert code == 0, said


def test_the_sequencer_seals_and_ends_well(role, stack):
    process = role("sequencer")
    sealed = "SELECT count(*) FROM audit_checkpoint"
    stack.command("create_api_key", "sealed soon")

    wait_until(lambda: stack.rows(sealed)[0][0] > 0)
    code, said = stopped(process)

    assert code == 0, said


def test_migrations_are_a_role_of_their_own_and_no_other_makes_a_table(role, tmp_path):
    database = tmp_path / "empty.sqlite3"
    url = f"sqlite:///{database}"
    port = str(free_port())

    api = role("api", "--host", "127.0.0.1", "--port", port, DATABASE_URL=url)
    wait_until(lambda: _answers(f"http://127.0.0.1:{port}/livez"))
    assert stopped(api)[0] == 0
    assert not database.exists() or database.stat().st_size == 0
    worker = role("worker", DATABASE_URL=url)
    assert "python manage.py migrate" in worker.communicate(timeout=30)[0].decode()
    assert worker.returncode == 1
    migrate = role("migrate", DATABASE_URL=url)
    said = migrate.communicate(timeout=60)[0].decode()

    assert migrate.returncode == 0, said
    assert database.stat().st_size > 0
    again = role("migrate", DATABASE_URL=url)
    assert "No migrations to apply" in again.communicate(timeout=60)[0].decode()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def test_no_such_role_says_which_there_are(role):
    process = role("wroker")
    said = process.communicate(timeout=10)[0].decode()

    assert process.returncode == 1
    assert 'no role "wroker"' in said
    assert "api | worker | streamworker | sequencer | migrate | modelserver" in said
