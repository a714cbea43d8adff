"""The image of our own model server: what is in it, and what it starts.

No engine builds it here, and nothing that runs on a GPU is installed: what MedGemma
does once it is loaded is in `tests/models`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy import image
from tests.servers import ROOT

pytestmark = [pytest.mark.deploy, pytest.mark.system]

DOCKERFILE = ROOT / "docker" / "modelserver" / "Dockerfile"
INSTRUCTIONS = image.instructions(DOCKERFILE)


def pins(name: str) -> dict[str, str]:
    """Return the version of each package of a lock file."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9.-]+)==([^\s;\\]+)", text, re.M))


def environment() -> dict[str, str]:
    words = image.last("ENV", DOCKERFILE).split()
    return dict(word.split("=", 1) for word in words)


# --- The Dockerfile ---------------------------------------------------------------


def test_hadolint_finds_nothing():
    program = Path(sys.executable).parent / "hadolint"

    done = subprocess.run(
        [program, DOCKERFILE], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout


def test_it_stands_on_what_the_other_image_stands_on():
    both = [INSTRUCTIONS, image.instructions()]
    bases = [[w for n, w in each if n in {"ARG", "FROM"}] for each in both]

    assert bases[0] == bases[1]


def test_only_what_the_lock_file_names_by_its_hash_is_installed():
    installs = [w for n, w in INSTRUCTIONS if n == "RUN" and " install " in w]
    from_pip = [words for words in installs if "pip" in words]

    assert len(from_pip) == 1
    assert "--require-hashes -r /requirements/modelserver.txt" in from_pip[0]
    assert not [words for words in installs if "apt-get" in words]


def test_the_entry_is_no_shell_and_the_user_is_a_number_that_is_not_root():
    assert json.loads(image.last("ENTRYPOINT", DOCKERFILE)) == json.loads(
        image.last("ENTRYPOINT")
    )
    assert json.loads(image.last("CMD", DOCKERFILE)) == [
        *["modelserver", "--backend", "medgemma"]
    ]
    assert image.last("USER", DOCKERFILE) == image.last("USER")
    assert "useradd --uid 10001" in image.last("RUN", DOCKERFILE)


def test_its_health_is_asked_without_a_shell_and_a_model_has_time_to_load():
    words = image.last("HEALTHCHECK", DOCKERFILE)
    options, _, command = words.partition("CMD")

    assert json.loads(command)[:3] == ["python", "-m", "pediscreen_site.probe"]
    assert json.loads(command)[3].endswith(":8000/health")
    assert int(re.search(r"start-period=(\d+)m", options)[1]) >= 5


def test_a_gpu_is_asked_for_and_no_hub():
    found = environment()

    assert found["NVIDIA_VISIBLE_DEVICES"] == "all"
    assert set(found["NVIDIA_DRIVER_CAPABILITIES"].split(",")) == {"compute", "utility"}
    assert found["HF_HUB_OFFLINE"] == "1"
    assert found["HF_HOME"].startswith("/tmp/")  # noqa: S108 - the container's own


def test_the_weights_are_mounted_and_nothing_else_is_in_it_but_what_runs():
    given = image.context(DOCKERFILE)
    others = set(image.context()) - {"requirements/prod.txt"}
    copied = [words for name, words in INSTRUCTIONS if name in {"COPY", "ADD"}]

    assert set(given) == others | {"requirements/modelserver.txt"}
    assert {words.split()[-1] for words in copied} == {
        *("/requirements/modelserver.txt", ".", "/venv", "/app"),
    }
    assert environment()["MEDGEMMA_MODEL_PATH"].startswith("/models/")
    assert re.search(r"\s/models\s", image.last("RUN", DOCKERFILE))


# --- The lock file ----------------------------------------------------------------


def test_it_has_the_products_packages_in_the_products_versions():
    ours, base = pins("modelserver"), pins("base")
    own = {name: base[name] for name in base if name in ours}

    assert {"django", "aiohttp", "pillow", "jsonschema"} <= set(own)
    assert {name: ours[name] for name in own} == own


def test_it_has_cuda_and_what_the_tests_of_the_model_run_on():
    ours, tried = pins("modelserver"), pins("models")

    assert ours["transformers"] == tried["transformers"]
    assert ours["tokenizers"] == tried["tokenizers"]
    assert ours["safetensors"] == tried["safetensors"]
    source = (ROOT / "requirements" / "models.in").read_text()
    assert f"torch=={ours['torch']}+cpu" in source
    assert [name for name in ours if name.startswith("nvidia-cudnn")]


# --- The role ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that is /app in the image; nobody may write there."""
    folder = tmp_path_factory.mktemp("modelserver") / "app"
    for path in image.context(DOCKERFILE):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, folder / path)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    return folder


def run(app: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the image's entry in its folder, with no capability, to its end."""
    return subprocess.run(
        image.confined([*image.entry(DOCKERFILE), *words]),
        cwd=app,
        env={
            "PATH": "/usr/bin:/bin",
            "DJANGO_SECRET_KEY": "x" * 50,
            "PYTHONDONTWRITEBYTECODE": "1",
            **env,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_a_model_it_ends_and_says_in_one_line_what_to_mount(app):
    words = json.loads(image.last("CMD", DOCKERFILE))
    path = environment()["MEDGEMMA_MODEL_PATH"]

    done = run(app, *words, MEDGEMMA_MODEL_PATH=path)

    assert done.returncode == 1
    assert "MEDGEMMA_MODEL_PATH is no folder" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_what_the_build_checks_passes_in_its_folder(app):
    [made] = [w for n, w in INSTRUCTIONS if n == "RUN" and "manage.py check" in w]
    checked = made.split("&&")[1].strip().replace("/venv/bin/python", image.PYTHON)

    done = subprocess.run(
        ["sh", "-ec", checked],
        cwd=app,
        env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
