"""Who may import whom: the direction of the design's section 2, read from the sources."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "indicdigits"
BUILDERS = REPOSITORY / "datasets"

BASE = {"errors", "scripts", "progress", "registry", "recipe"}
LEARNING = BASE | {"imaging", "models", "data", "datasets", "training"}
SEES = {
    "errors": set(),
    "scripts": {"errors"},
    "progress": {"errors"},
    "registry": BASE - {"recipe"},
    "recipe": BASE,
    "imaging": BASE,
    "models": BASE | {"imaging"},
    "data": BASE | {"imaging"},
    "datasets": BASE | {"imaging", "data"},
    "training": LEARNING,
    "runtime": {"errors", "scripts", "progress", "imaging"},
    "reading": {"errors", "scripts", "progress", "imaging", "runtime"},
    "serve": {"errors", "scripts", "progress", "runtime", "reading"},
    "evaluation": LEARNING | {"runtime", "reading"},
    "export": LEARNING | {"runtime", "reading", "evaluation"},
}
TRAINING_ONLY = {
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax",
    "grain",
    "albumentations",
    "tensorflow_datasets",
}
LIGHT_ROOMS = {"errors", "scripts", "progress", "registry", "recipe", "imaging", "runtime"}
LIGHT_ROOMS |= {"reading", "serve"}
# A library that one file (or folder of files) keeps to itself.
ONE_HOME = {
    "albumentations": {"indicdigits/data/augment.py"},
    "grain": {"indicdigits/data/pipeline.py"},
    "orbax": {"indicdigits/training/checkpoint.py"},
    "tensorflow_datasets": {"indicdigits/data/source.py", "datasets"},
}


def sources() -> list[Path]:
    return [*sorted(PACKAGE.rglob("*.py")), *sorted(BUILDERS.rglob("*.py"))]


def name_of(path: Path) -> str:
    """The module's name once installed, such as "indicdigits.data.source"."""
    relative = path.relative_to(REPOSITORY).with_suffix("")
    parts = [part for part in relative.parts if part != "__init__"]
    return ".".join(parts if parts[0] == "indicdigits" else ["indicdigits", *parts])


def room_of(module: str) -> str:
    """The part of the name after "indicdigits.", or "" for the package itself."""
    return [*module.split("."), ""][1]


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import at line {node.lineno}"
            for alias in node.names:  # `from indicdigits import recipe` imports a room
                yield (
                    f"{node.module}.{alias.name}"
                    if node.module == "indicdigits"
                    else str(node.module)
                )


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_direction(path: Path) -> None:
    """Each room imports only the rooms below it."""
    room = room_of(name_of(path))
    if room in {"", "__main__", "cli", "checkpoints", "recipes"}:
        return  # see all
    ours = {room_of(name) for name in imported(parse(path)) if name.startswith("indicdigits")}
    assert ours - {room, "", "__version__"} <= SEES[room]


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_light_rooms_and_single_homes(path: Path) -> None:
    """What reads pictures imports no training library, and some libraries have one home each."""
    libraries = {name.partition(".")[0] for name in imported(parse(path))}
    if room_of(name_of(path)) in LIGHT_ROOMS:
        assert not libraries & TRAINING_ONLY
    here = path.relative_to(REPOSITORY).as_posix()
    for library in libraries & set(ONE_HOME):
        homes = ONE_HOME[library]
        assert here in homes or here.partition("/")[0] in homes, f"{library} has a home: {homes}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "cli").glob("*.py")), ids=name_of)
def test_verbs_import_lazily(path: Path) -> None:
    """At the top of a verb's file stand only the standard library, typer and light rooms."""
    allowed = {"typer", *sys.stdlib_module_names}
    rooms = {"", "errors", "progress", "cli"}
    for node in parse(path).body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for name in imported(ast.Module(body=[node], type_ignores=[])):
                ours = name.startswith("indicdigits")
                assert (room_of(name) in rooms) if ours else name.partition(".")[0] in allowed, name


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import indicdigits", {*TRAINING_ONLY, "numpy", "cv2", "onnxruntime", "typer"}),
        ("import indicdigits.cli.app", {*TRAINING_ONLY, "numpy", "cv2", "onnxruntime"}),
        ("import indicdigits; indicdigits.load", {*TRAINING_ONLY, "matplotlib", "typer"}),
        ("import indicdigits; indicdigits.read", {*TRAINING_ONLY, "matplotlib", "typer"}),
    ],
)
def test_what_comes_with_an_import(code: str, forbidden: set[str]) -> None:
    """Importing the package costs nothing, and reading pictures needs no JAX."""
    code += f"\nimport sys; print(sorted(set(sys.modules) & {forbidden!r}))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "[]\n", result.stderr
