"""The two weights of install, from a wheel and from an editable tree, run from another folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.integration]

REPOSITORY = Path(__file__).resolve().parent.parent
SHIPPED = ("indicdigits", "datasets", "recipes", "checkpoints")
FILES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "constraints.txt")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the distribution is built from, so that building leaves no traces here."""
    copy = tmp_path_factory.mktemp("tree")
    for name in SHIPPED:
        shutil.copytree(
            REPOSITORY / name, copy / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in FILES:
        shutil.copy(REPOSITORY / name, copy)
    return copy


@pytest.fixture(scope="module")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as a release would be."""
    folder = tmp_path_factory.mktemp("dist")
    finish(sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(tree))
    (built,) = folder.glob("*.whl")
    return built


def finish(*words: str, cwd: Path | None = None, **environment: str) -> str:
    """Runs a command that must succeed, and returns what it printed."""
    result = subprocess.run(
        words, capture_output=True, text=True, cwd=cwd, env=os.environ | environment, timeout=600
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def install(folder: Path, *what: str) -> Path:
    """An empty venv with `what` in it; returns the folder of its commands."""
    finish(sys.executable, "-m", "venv", "--without-pip", str(folder))
    commands = folder / "bin"
    finish(sys.executable, "-m", "pip", "--python", str(commands / "python"), "install", *what)
    return commands


def borrow_dependencies(commands: Path) -> None:
    """Lets a venv use the libraries of this one, but not its editable install of the package."""
    purelib = finish(
        str(commands / "python"), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"
    )
    Path(purelib.strip(), "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")


def test_wheel_holds_what_ships(wheel: Path) -> None:
    """The wheel holds every recipe, builder, card and checkpoint, the licence, and no tests."""
    assert wheel.stat().st_size < 35e6  # 29 readers, 8 backbones, 7 readers of lines
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"indicdigits/py.typed", "indicdigits/cli/app.py"} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(
        name.startswith(("tests", "datasets", "recipes", "benchmarks")) for name in names
    )
    for folder in SHIPPED:
        for path in (REPOSITORY / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                relative = path.relative_to(REPOSITORY).as_posix()
                inside = relative if folder == "indicdigits" else f"indicdigits/{relative}"
                assert inside in names


def test_light_install(wheel: Path, tmp_path: Path) -> None:
    """The wheel alone reads pictures and checks recipes, and says what training needs."""
    constraints = str(REPOSITORY / "constraints.txt")
    commands = install(tmp_path / "venv", str(wheel), "--constraint", constraints)
    run, elsewhere = str(commands / "indicdigits"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert finish(run, "--version", cwd=elsewhere).startswith("indicdigits ")
    assert "scripts/devanagari: ok" in finish(
        run, "recipe", "check", "scripts/devanagari", cwd=elsewhere
    )
    missing = subprocess.run(
        [run, "finetune", "--script", "devanagari"], capture_output=True, text=True, cwd=elsewhere
    )
    assert missing.returncode == 2
    assert "pip install 'indicdigits[train]'" in missing.stderr
    assert "Traceback" not in missing.stderr
    for bundle in sorted((REPOSITORY / "checkpoints").rglob("*.indicdigits")):
        finish(
            str(commands / "python"),
            "-c",
            f"import indicdigits, numpy; r = indicdigits.load({bundle.stem!r});"
            "r(numpy.pad(numpy.full((20, 6), 255, numpy.uint8), 9))",
            cwd=elsewhere,
        )


@pytest.mark.parametrize("editable", [False, True], ids=["wheel", "editable"])
def test_the_kit_from_another_folder(
    editable: bool,
    tree: Path,
    wheel: Path,
    mirror: Path,
    data_home: Path,
    tmp_path: Path,
) -> None:
    """Recipes, builders and checkpoints are found from a wheel and from an editable install."""
    what = ("--editable", str(tree)) if editable else (str(wheel),)
    commands = install(tmp_path / "venv", "--no-deps", *what)
    borrow_dependencies(commands)
    python, elsewhere = str(commands / "python"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    where = finish(
        python,
        "-c",
        "import indicdigits, indicdigits.datasets, indicdigits.recipes, indicdigits.checkpoints;"
        "print(indicdigits.__path__[0])",
        cwd=elsewhere,
    ).strip()
    assert Path(where).is_relative_to(tree if editable else tmp_path)
    rows = json.loads(finish(python, "-m", "indicdigits", "recipe", "ls", "--json", cwd=elsewhere))
    assert len(rows) == len(list((REPOSITORY / "recipes").rglob("*.toml")))
    finish(
        *(python, "-m", "indicdigits", "data", "prepare", "cmaterdb/telugu"),
        cwd=elsewhere,
        INDICDIGITS_MIRROR=str(mirror),
        INDICDIGITS_HOME=str(data_home),
    )
