"""The shape of the house: who may know whom, and what is never written."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import ROOT

PACKAGES = [
    "pediscreen_site",
    "agreement",
    "screening",
    "routing",
    "consent",
    "people",
    "claims",
    "audit",
    "milestones",
    "wire",
]
LONGEST_MODULE = 400
MAY_READ_SETTINGS_AT_IMPORT = {
    "pediscreen_site/settings.py",
    "pediscreen_site/urls.py",
    "pediscreen_site/wsgi.py",
}


def modules(*folders: str) -> list[str]:
    return [
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "migrations" not in path.parts
    ]


def tree_of(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text())


def names_called(tree: ast.AST) -> set[str]:
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {ast.unparse(func) for func in called}


def names_imported(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Walk over what runs when the module is imported: no function's inside."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Lambda):
            continue
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            early = [*child.decorator_list, *child.args.defaults]
            early += [default for default in child.args.kw_defaults if default]
            for part in early:
                yield from ast.walk(part)
            continue
        yield child
        yield from at_import(child)


def test_imports_go_one_way():
    program = Path(sys.executable).parent / "lint-imports"

    done = subprocess.run(
        [program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("module", modules(*PACKAGES, "tests"))
def test_no_module_is_longer_than_a_reader_can_hold(module):
    lines = (ROOT / module).read_text().count("\n")

    assert lines <= LONGEST_MODULE


@pytest.mark.parametrize("module", modules(*PACKAGES))
def test_a_module_says_what_it_is_and_prints_nothing(module):
    tree = tree_of(module)

    assert not tree.body or ast.get_docstring(tree)
    assert "print" not in names_called(tree)


@pytest.mark.parametrize("module", modules(*PACKAGES))
def test_nothing_happens_by_signal(module):
    imported = names_imported(tree_of(module))

    assert not any(
        name.startswith(("django.dispatch", "django.db.models.signals"))
        or name.endswith(".signals")
        for name in imported
    )


@pytest.mark.parametrize(
    "module", [m for m in modules(*PACKAGES) if m not in MAY_READ_SETTINGS_AT_IMPORT]
)
def test_no_setting_is_read_at_import(module):
    read = {
        ast.unparse(node)
        for node in at_import(tree_of(module))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "settings"
    }

    assert read <= {"settings.AUTH_USER_MODEL"}  # how Django names the user's table


@pytest.mark.parametrize("module", [m for m in modules(*PACKAGES) if "/demo/" not in m])
def test_the_environment_is_read_in_one_place(module):
    if module == "pediscreen_site/environment.py":
        return
    reads = {"os.environ.get", "os.getenv", "environ.Env", "os.environ.__getitem__"}

    assert not reads & names_called(tree_of(module))


@pytest.mark.parametrize("module", modules(*PACKAGES))
def test_nothing_is_run_or_trusted_that_came_from_outside(module):
    tree = tree_of(module)
    never = {"eval", "exec", "compile", "__import__", "mark_safe", "yaml.load"}

    assert not never & names_called(tree)
    assert not any(
        name.split(".")[0] in {"pickle", "marshal", "shelve", "dill"}
        or name == "django.utils.safestring.mark_safe"
        for name in names_imported(tree)
    )


@pytest.mark.parametrize("module", modules("milestones"))
def test_the_milestones_need_nothing_but_python(module):
    outside = {
        name.split(".")[0] for name in names_imported(tree_of(module))
    } - sys.stdlib_module_names

    assert outside <= {"milestones"}


@pytest.mark.parametrize("module", modules(*PACKAGES, "tests"))
def test_what_is_set_aside_for_later_is_not_left_in_the_code(module):
    text = (ROOT / module).read_text()
    marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X "]

    assert not any(mark in text for mark in marks)
