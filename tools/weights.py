"""Trains anew what ships in checkpoints/: backbones, the readers of each script, those of lines.

    make weights            (or: python tools/weights.py [mnist-cnn devanagari devanagari-lines …])

Needs the public data (INDICDIGITS_MIRROR or the network). Runs stay under runs/weights; a run that
was interrupted goes on, one that is finished is not repeated. Every backbone leaves its card in
checkpoints/, and its weights if they are small.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from indicdigits import recipe as recipes
from indicdigits.registry import BACKBONES

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / "runs" / "weights"
CHECKPOINTS = ROOT / "checkpoints"
# cnn-nano learns from cnn: the order matters.
STARTS = ("mnist-cnn", *(f"mnist-{name}" for name in BACKBONES if name != "cnn"), "indic-cnn")
LARGE = ("mnist-mlp", "mnist-cnn-classic")  # over 1 MB
SHIPPED = tuple(name for name in STARTS if name not in LARGE)
SCRIPT_RECIPES = [
    name.removeprefix("scripts/") for name in recipes.shipped() if name.startswith("scripts/")
]
# Where there is a recipe over all sets of a script, its short one makes no reader that ships.
READERS = tuple(name for name in SCRIPT_RECIPES if f"{name}-all" not in SCRIPT_RECIPES)

# Readers of lines, for the scripts of which there is handwriting, by the steps of their trainings,
# each of which goes on from the one before. The first script starts from a backbone, the others
# from it. More trainings made only the Western one better on validation digits.
LINES = "-lines"
FIRST = "devanagari"
TRAININGS = {FIRST: (2400,), "latin": (1200, 2000, 2400)}
USUAL = (1200,)
LINE_READERS = (
    FIRST,
    *(name.removesuffix("-all") for name in READERS if name.endswith("-all") and FIRST not in name),
)


def command(*words: object) -> None:
    """Runs `indicdigits` as a user would."""
    print("indicdigits", *words, flush=True)
    subprocess.run([sys.executable, "-m", "indicdigits", *map(str, words)], check=True)


def train(verb: str, run: Path, recipe: str, *words: object) -> None:
    """Trains, or goes on with what stands there if that is of the recipe as it is today."""
    started = (run / "recipe.toml").exists()
    if started:
        theirs = recipes.load(run / "recipe.toml", resolved=True).digest()
        if theirs != recipes.load(recipes.find(recipe)).digest():
            raise SystemExit(f"{run} is of another state of the recipe {recipe}: move it away")
    command(verb, *(("--resume", run) if started else (*words, "--out", run)))


def backbone(name: str) -> None:
    """A backbone; its card to checkpoints/, and the weights if they ship."""
    folder, target = RUNS / name, CHECKPOINTS / name
    train("pretrain", folder, name, name)
    command("evaluate", folder)
    shutil.rmtree(target, ignore_errors=True)
    if name in SHIPPED:
        shutil.copytree(folder / "checkpoints" / "final", target)
    target.mkdir(exist_ok=True)
    (target / "card.md").write_text(card(folder), encoding="utf-8")


def card(folder: Path) -> str:
    """The card of an evaluated run."""
    from indicdigits.evaluation.card import card_markdown
    from indicdigits.evaluation.metrics_file import read_metrics

    metrics = read_metrics(folder / "report" / "metrics.json")
    return card_markdown(recipes.load(folder / "recipe.toml", resolved=True), metrics)


def reader(name: str) -> None:
    """One script, calibrated, and its bundle to checkpoints/."""
    folder = RUNS / name
    train("finetune", folder, f"scripts/{name}", "--script", name)
    command("calibrate", folder)
    command("evaluate", folder)
    target = CHECKPOINTS / f"{name}.indicdigits"
    target.unlink(missing_ok=True)
    command("export", folder, "--format", "onnx", "-o", target)


def line_reader(script: str) -> None:
    """The reader of lines of one script, joined with its reader of digits, which comes first."""
    start = "indic-cnn" if script == FIRST else str(RUNS / f"{FIRST}{LINES}")
    trainings = TRAININGS.get(script, USUAL)
    for number, steps in enumerate(trainings, start=1):
        last = number == len(trainings)
        folder = RUNS / (f"{script}{LINES}" if last else f"{script}{LINES}-{number}")
        if (folder / "lines.json").exists():
            command("lines", "--resume", folder)
        else:
            words = ("--script", script, "--from", start, "--steps", steps, "--out", folder)
            command("lines", *words)
        start = str(folder)
    shutil.copy(RUNS / f"{script}{LINES}" / f"{script}.indiclines", CHECKPOINTS)


def main() -> None:
    """Makes all, or those named."""
    everything = [*STARTS, *READERS, *(f"{script}{LINES}" for script in LINE_READERS)]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=everything)
    names = parser.parse_args().names
    for name in names:
        if name not in everything:
            parser.error(f"no {name!r}; there are {', '.join(everything)}")
    for name in names:
        if name.endswith(LINES):
            line_reader(name.removesuffix(LINES))
        else:
            backbone(name) if name in STARTS else reader(name)


if __name__ == "__main__":
    main()
