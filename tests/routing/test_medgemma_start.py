"""Starting ``manage.py modelserver --backend medgemma`` where it cannot run.

No torch is here, and none is needed to say in one line what is missing.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest
from django.core.management import CommandError, call_command

from routing.modelserver.backends import Unusable
from routing.modelserver.medgemma.folder import checked
from tests.servers import ROOT


def make_folder(folder, **files):
    """Write a folder that looks like a Gemma 3; None leaves a file out."""
    whole = {
        "config.json": '{"model_type": "gemma3"}',
        "tokenizer.json": "{}",
        "model.safetensors": "",
    }
    names = {name.replace("_json", ".json"): text for name, text in files.items()}
    for name, text in (whole | names).items():
        if text is not None:
            (folder / name).write_text(text)
    return str(folder)


def refusal(path: str) -> str:
    with pytest.raises(Unusable) as found:
        checked(path)
    return str(found.value)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"config_json": None}, "holds no config.json"),
        ({"tokenizer_json": None}, "holds no tokenizer.json"),
        ({"config_json": "{"}, "a config.json that is no JSON"),
        ({"config_json": "[]"}, 'a model of the type ""'),
        ({"config_json": "{}"}, 'a model of the type ""'),
        ({"config_json": '{"model_type": "llama"}'}, 'the type "llama"'),
        ({"config_json": '{"model_type": "gemma3_text"}'}, "with its vision tower"),
        ({"model.safetensors": None}, "Only *.safetensors are read"),
        (
            {"model.safetensors": None, "pytorch_model.bin": "x"},
            "Only *.safetensors are read",
        ),
    ],
)
def test_a_folder_that_is_no_whole_gemma_is_refused_with_the_fix(tmp_path, files, said):
    message = refusal(make_folder(tmp_path, **files))

    assert "MEDGEMMA_MODEL_PATH" in message
    assert said in message
    assert "\n" not in message


def test_a_whole_folder_is_taken(tmp_path):
    assert checked(make_folder(tmp_path)) == tmp_path


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "MEDGEMMA_MODEL_PATH is not set. Set it to the folder of a Gemma 3"),
        ("/nowhere/at/all", "is no folder. Nothing is fetched"),
        ("google/medgemma-4b-it", "is no folder. Nothing is fetched"),
        (str(ROOT / "manage.py"), "is no folder. Nothing is fetched"),
    ],
)
def test_the_command_says_in_one_line_where_there_is_no_model(settings, path, said):
    settings.MEDGEMMA_MODEL_PATH = path

    with pytest.raises(CommandError) as found:
        call_command("modelserver", backend="medgemma")

    assert said in str(found.value)
    assert "\n" not in str(found.value)


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed here")
def test_without_torch_the_command_names_the_packages_and_the_fix(settings, tmp_path):
    settings.MEDGEMMA_MODEL_PATH = make_folder(tmp_path)

    with pytest.raises(CommandError) as found:
        call_command("modelserver", backend="medgemma")

    assert "torch, transformers" in str(found.value)
    assert "-r requirements/modelserver.txt" in str(found.value)


def test_the_other_backend_never_imports_what_medgemma_runs_on():
    code = (
        "import sys, routing.modelserver.app, routing.modelserver.backends as b;"
        "import routing.management.commands.modelserver, routing.modelserver.server;"
        "b.BACKENDS['reference']();"
        "print([m for m in sys.modules if 'medgemma' in m or m in "
        "{'torch', 'transformers', 'safetensors', 'PIL', 'jsonschema'}])"
    )

    done = subprocess.run(
        [sys.executable, "-c", f"import django, os;{code}"],
        cwd=ROOT,
        env={"DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"


def test_as_a_process_it_ends_with_1_and_one_line():
    done = subprocess.run(
        [sys.executable, "manage.py", "modelserver", "--backend", "medgemma"],
        cwd=ROOT,
        env={
            "DJANGO_SETTINGS_MODULE": "pediscreen_site.settings",
            "DJANGO_SECRET_KEY": "x" * 50,
            "MEDGEMMA_MODEL_PATH": "/nowhere/at/all",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "MEDGEMMA_MODEL_PATH is no folder" in done.stderr
