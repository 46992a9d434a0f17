"""Learning from teachers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from indicdigits.data.source import Data
from indicdigits.errors import CheckpointError
from indicdigits.models import create, surgery
from indicdigits.progress import Reporter
from indicdigits.recipe import Augment, ClassEntry, Distill, Phase, Recipe, Training
from indicdigits.training.distill import Teachers, load_teachers
from indicdigits.training.loop import Runtime, fit
from indicdigits.training.losses import distilled_loss, label_loss
from indicdigits.training.weights import save_weights


def teacher(folder: Path, recipe: Recipe, seed: int = 0) -> str:
    weights = surgery.split(create(recipe, seed=seed))[1]
    return str(save_weights(folder, weights, recipe))


def test_a_teacher_of_other_classes_or_another_size_is_refused(
    tiny_recipe: Recipe, tmp_path: Path
) -> None:
    """A student can only learn answers that it can give, on pictures that it sees."""
    other = dataclasses.replace(
        tiny_recipe,
        classes=tuple(ClassEntry(text=t, value=v) for v, t in enumerate("abcdefghij")),
    )
    student = dataclasses.replace(
        tiny_recipe, distill=Distill(teachers=(teacher(tmp_path / "other", other),))
    )
    with pytest.raises(CheckpointError, match="tells apart a b c") as caught:
        load_teachers(student, tmp_path)
    assert "0 1 2" in str(caught.value.allowed)
    large = dataclasses.replace(
        tiny_recipe, data=dataclasses.replace(tiny_recipe.data, input_size=32)
    )
    student = dataclasses.replace(
        tiny_recipe, distill=Distill(teachers=(teacher(tmp_path / "large", large),))
    )
    with pytest.raises(CheckpointError, match="pictures of 32 pixels"):
        load_teachers(student, tmp_path)


def test_a_network_with_a_head_for_each_script_is_no_teacher(
    tiny_recipe: Recipe, tmp_path: Path
) -> None:
    """It does not know whose digits a picture shows, so nobody can be told its answers."""
    several = dataclasses.replace(
        tiny_recipe, script="both", scripts=("latin", "tamil"), training=Training(heads="script")
    )
    student = dataclasses.replace(
        several,
        training=Training(),
        distill=Distill(teachers=(teacher(tmp_path / "several", several),)),
    )
    with pytest.raises(CheckpointError, match="a head for each script"):
        load_teachers(student, tmp_path)


def test_a_student_of_another_backbone_learns_from_answers_alone(
    tiny_recipe: Recipe, bars_data: Data, tmp_path: Path
) -> None:
    """With all the weight on the teachers, labels that are wrong do no harm."""
    phase = Phase(name="only", epochs=15, learning_rate=3e-3)
    settings = Training(batch_size=24, average_decay=0.9)
    plain = dataclasses.replace(
        tiny_recipe, phases=(phase,), training=settings, augment=Augment(jitter=0)
    )
    run = tmp_path / "teacher"
    run.mkdir()
    quiet = Reporter(quiet=True)
    weights = fit(plain, bars_data, create(plain, seed=0), Runtime(run=run, reporter=quiet))
    folder = save_weights(tmp_path / "weights", weights, plain)
    student = dataclasses.replace(
        plain,
        model=dataclasses.replace(plain.model, backbone="mlp"),
        distill=Distill(teachers=(str(folder), str(folder)), weight=1.0),
    )
    wrong = dataclasses.replace(bars_data.train, labels=(bars_data.train.labels + 1) % 10)
    data = dataclasses.replace(bars_data, train=wrong)
    teachers = load_teachers(student, tmp_path)
    assert len(teachers.graphs) == 2
    run = tmp_path / "student"
    run.mkdir()
    fit(student, data, create(student, seed=0), Runtime(run=run, reporter=quiet), teachers)
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["validation_accuracy"] > 0.8
    assert Teachers().graphs == ()


def test_the_distilled_loss_is_what_hinton_wrote() -> None:
    """(1 - w) hard + w T² KL; a student that answers as its teachers pays for labels only."""
    logits = jnp.array([[2.0, 0.0, -1.0]])
    distill = Distill(teachers=("x",), temperature=2.0, weight=0.75)
    same = jnp.exp(logits / 2) / jnp.exp(logits / 2).sum()
    assert float(distilled_loss(logits, jnp.array(4.0), same, distill)) == pytest.approx(1.0, 1e-5)
    soft = np.array([[0.2, 0.5, 0.3]])
    log_student = np.log(np.asarray(same))
    expected = 1.0 + 0.75 * 4 * float((soft * (np.log(soft) - log_student)).sum())
    ours = distilled_loss(logits, jnp.array(4.0), jnp.asarray(soft), distill)
    assert float(ours) == pytest.approx(expected, rel=1e-5)


def test_a_high_temperature_asks_for_larger_logits() -> None:
    """Defensive distillation trains its teacher on logits / T: being sure takes T times more."""
    targets = jnp.array([[1.0, 0.0]])
    cold, hot = Training(), Training(temperature=10.0)
    logits = jnp.array([[5.0, 0.0]])
    assert float(label_loss(10 * logits, targets, hot)) == pytest.approx(
        float(label_loss(logits, targets, cold)), rel=1e-5
    )


def test_the_margin_loss_is_zero_within_the_margins() -> None:
    """Lengths of 0.95 for the right capsule and 0.05 for the others cost nothing."""
    lengths = jnp.array([[0.95, 0.05, 0.05]])
    logits = jnp.log(lengths / (1 - lengths))
    targets = jnp.array([[1.0, 0.0, 0.0]])
    margin = Training(loss="margin")
    assert float(label_loss(logits, targets, margin)) == 0.0
    assert float(label_loss(-logits, targets, margin)) > 0.7
