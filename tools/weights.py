"""Trains anew what ships in checkpoints/: the MNIST backbone, then one reader a script.

    make weights            (or: python tools/weights.py [devanagari bengali …])

Needs the public data (INDICDIGITS_MIRROR or the network). The runs stay under runs/weights; a run
that was interrupted goes on, one that is finished is not repeated.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

from indicdigits import recipe as recipes

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / "runs" / "weights"
BACKBONE = "mnist-cnn"
SCRIPTS = ("devanagari", "bengali", "telugu", "tamil")


def command(*words: object) -> None:
    """Runs `indicdigits` as a user would."""
    print("indicdigits", *words, flush=True)
    subprocess.run([sys.executable, "-m", "indicdigits", *map(str, words)], check=True)


def run(verb: str, run: Path, *words: object) -> None:
    """Trains, or goes on with what stands there, then evaluates."""
    started = (run / "recipe.toml").exists()
    command(verb, *(("--resume", run) if started else (*words, "--out", run)))
    command("evaluate", run)


def backbone() -> None:
    """MNIST, and the weights with their card to checkpoints/."""
    folder, target = RUNS / BACKBONE, ROOT / "checkpoints" / BACKBONE
    run("pretrain", folder, "mnist")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder / "checkpoints" / "final", target)
    (target / "card.md").write_text(card(folder), encoding="utf-8")


def card(folder: Path) -> str:
    """The card of an evaluated run."""
    from indicdigits.evaluation.card import card_markdown
    from indicdigits.training import checkpoint

    info = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    info |= checkpoint.read_manifest(folder / "checkpoints" / "final")
    metrics = json.loads((folder / "report" / "metrics.json").read_text(encoding="utf-8"))
    return card_markdown(recipes.load(folder / "recipe.toml", resolved=True), metrics, info)


def reader(script: str) -> None:
    """One script, and its bundle to checkpoints/."""
    folder = RUNS / script
    run("finetune", folder, "--script", script)
    target = ROOT / "checkpoints" / f"{script}.indicdigits"
    target.unlink(missing_ok=True)
    command("export", folder, "--format", "onnx", "-o", target)


def main() -> None:
    """Makes all, or those named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[BACKBONE, *SCRIPTS])
    for name in parser.parse_args().names:
        backbone() if name == BACKBONE else reader(name)


if __name__ == "__main__":
    main()
