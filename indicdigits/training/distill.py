"""Teachers: the trained networks that a student learns from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from indicdigits.errors import CheckpointError
from indicdigits.models import freeze, surgery
from indicdigits.recipe import Recipe
from indicdigits.recipe.heads import heads_of
from indicdigits.training.weights import load_model


@dataclass(frozen=True, kw_only=True)
class Teachers:
    """An ensemble of networks in evaluation mode; empty where nothing is distilled."""

    graphs: tuple[surgery.Graph, ...] = ()
    ensemble: tuple[surgery.Weights, ...] = ()


def load_teachers(recipe: Recipe, root: Path) -> Teachers:
    """Loads the recipe's teachers.

    Args:
        recipe: The student's recipe.
        root: The folder that relative paths start from, besides the current one.

    Raises:
        CheckpointError: A teacher is not there or damaged, has a head for each script, or reads
            other classes or pictures of another size than the student.
    """
    graphs, ensemble = [], []
    for name in recipe.distill.teachers:
        loaded = load_model(name, root=root)
        _check_fits(loaded.recipe, recipe, name)
        freeze.set_modes(loaded.model, None)
        graph, weights = surgery.split(loaded.model)
        graphs.append(graph)
        ensemble.append(weights)
    return Teachers(graphs=tuple(graphs), ensemble=tuple(ensemble))


def _check_fits(teacher: Recipe, student: Recipe, name: str) -> None:
    if heads_of(teacher):
        raise CheckpointError(
            "this teacher has a head for each script, and must be told which one to ask",
            where=f"distill.teachers: {name}",
            allowed="teachers with one softmax over all classes",
            hint=f"fine-tune it first: indicdigits finetune --script SCRIPT --from {name}",
        )
    theirs = [entry.text for entry in teacher.labels]
    ours = [entry.text for entry in student.labels]
    if theirs != ours:
        raise CheckpointError(
            f"this teacher tells apart {' '.join(theirs)}",
            where=f"distill.teachers: {name}",
            allowed=f"the student's classes, {' '.join(ours)}",
            hint="take a run of the same script and classes as teacher",
        )
    if teacher.data.input_size != student.data.input_size:
        raise CheckpointError(
            f"this teacher reads pictures of {teacher.data.input_size} pixels",
            where=f"distill.teachers: {name}",
            allowed=f"{student.data.input_size}, as the student",
            hint=f"--set data.input_size={teacher.data.input_size}",
        )
