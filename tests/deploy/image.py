"""The image without an engine that builds it: what its Dockerfile says, done here."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.servers import ROOT

DOCKERFILE = ROOT / "docker" / "Dockerfile"
# Another interpreter with requirements/prod.txt installed: the image's own version.
PYTHON = os.environ.get("IMAGE_PYTHON") or sys.executable


def instructions(dockerfile: Path = DOCKERFILE) -> list[tuple[str, str]]:
    """Return each instruction of a Dockerfile with what it is given, on one line."""
    lines = [
        line
        for line in dockerfile.read_text().splitlines()
        if not line.lstrip().startswith("#")
    ]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found = (line.split(maxsplit=1) for line in joined.splitlines() if line.strip())
    return [(name, words) for name, words in found]


def last(name: str, dockerfile: Path = DOCKERFILE) -> str:
    """Return what the last instruction of that name is given."""
    return [words for found, words in instructions(dockerfile) if found == name][-1]


def entry(dockerfile: Path = DOCKERFILE) -> list[str]:
    """Return what the image starts, with the interpreter of this machine."""
    python, *words = json.loads(last("ENTRYPOINT", dockerfile))
    assert python == "python"
    return [PYTHON, *words]


def context(dockerfile: Path = DOCKERFILE) -> list[str]:
    """List what the build is given: the files, less what .dockerignore leaves out."""
    ignored = dockerfile.with_name("Dockerfile.dockerignore").read_text().splitlines()
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for path in listed.stdout.splitlines() if _is_given(path, ignored)]


def _is_given(path: str, ignored: list[str]) -> bool:
    """Apply the patterns in order, the last that matches a path or a folder of it."""
    given = True
    parents = [path, *(str(parent) for parent in Path(path).parents)]
    for line in ignored:
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        taken, pattern = pattern.startswith("!"), pattern.removeprefix("!")
        pattern = pattern.removeprefix("**/")
        if any(fnmatch.fnmatch(each, pattern) for each in parents):
            given = taken
    return given


def build(folder: Path) -> Path:
    """Do in a folder what the Dockerfile does in /app; nobody may write there then."""
    app = folder / "app"
    for path in context():
        (app / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, app / path)
    [made] = [words for name, words in instructions() if "collectstatic" in words]
    subprocess.run(
        ["sh", "-ec", made.replace("/venv/bin/python", PYTHON)],
        cwd=app,
        env={"PATH": os.environ["PATH"], "PYTHONPYCACHEPREFIX": str(folder / "cache")},
        check=True,
        capture_output=True,
    )
    for path in [app, *app.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    return app


def confined(words: list[str]) -> list[str]:
    """Return a command that has no capability and gains no privilege, as in compose.

    Whoever is not root has none to lose.
    """
    if os.geteuid() != 0:
        return words
    nothing = ["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    return ["setpriv", *nothing, *words]
