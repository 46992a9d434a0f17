"""What a checked recipe would do, as plain data and as lines: no weights, no pictures needed."""

from __future__ import annotations

from typing import Any

from indicdigits.recipe.heads import count_heads
from indicdigits.recipe.schema import Phase, Recipe, Rule
from indicdigits.registry import BACKBONES, DATASETS


def summarise(recipe: Recipe) -> dict[str, Any]:
    """What a recipe would do, as plain data.

    Args:
        recipe: A checked recipe.

    Returns:
        Name, task, script, digest, data, classes, heads, start, and for each phase the state of
        each stage: "frozen", "trained", "trained x0.1", or each with its layers where rules part
        the stage, and "reset" where it starts from fresh weights, "class means" where from those.
    """
    return {
        "name": recipe.name,
        "task": recipe.task,
        "script": recipe.script,
        "digest": recipe.digest(),
        "data": [
            {
                "dataset": source.dataset,
                "train": source.train,
                "licence": recipe.licence or DATASETS.get(source.dataset.split("/")[0]).licence,
            }
            for source in recipe.data.sources
        ],
        "classes": [{"text": entry.text, "value": entry.value} for entry in recipe.labels],
        "heads": count_heads(recipe),
        "backbone": recipe.model.backbone,
        "input_size": recipe.data.input_size,
        "start": recipe.start.weights,
        "head": recipe.start.head,
        "teachers": list(recipe.distill.teachers),
        "augmentation": [str(transform["name"]) for transform in recipe.augment.transforms],
        "phases": [
            {
                "name": phase.name,
                "epochs": phase.epochs,
                "optimizer": phase.optimizer,
                "learning_rate": phase.learning_rate,
                "schedule": phase.schedule,
                "early_stopping": phase.early_stopping,
                "cache_frozen": phase.cache_frozen,
                "stages": stage_states(recipe, phase, first=index == 0),
            }
            for index, phase in enumerate(recipe.phases)
        ],
    }


def stage_states(recipe: Recipe, phase: Phase, *, first: bool) -> dict[str, str]:
    """Stage -> what the phase's rules make of it, in forward order.

    Args:
        recipe: Names the backbone, and whether the head is reset.
        phase: Whose rules decide.
        first: Whether it is the first phase, which may begin with a fresh head.
    """
    backbone = BACKBONES.get(recipe.model.backbone)
    # Stage -> state -> the layers in it that are in that state, as a set with an order.
    states: dict[str, dict[str, dict[str, None]]] = {stage: {} for stage in backbone.stages}
    for path in backbone.paths(recipe.model.options):
        rule = next(rule for rule in phase.rules if rule.matches(path))
        stage, *layer = path.split("/")[:-1]
        states[stage].setdefault(_state(rule), {})["/".join(layer)] = None
    found = {
        stage: list(mine) if len(mine) == 1 else [f"{' '.join(x)} {s}" for s, x in mine.items()]
        for stage, mine in states.items()
    }
    if first and recipe.start.head == "prototype":
        found[backbone.stages[-1]].append("class means")
    elif first and recipe.start.weights != "scratch" and recipe.start.head == "reset":
        found[backbone.stages[-1]].append("reset")
    return {stage: ", ".join(texts) for stage, texts in found.items()}


def _state(rule: Rule) -> str:
    if rule.frozen:
        return "frozen"
    return "trained" if rule.rate == 1.0 else f"trained x{rule.rate:g}"


def in_heads(recipe: Recipe) -> str:
    """What follows the number of classes where the heads are several: " in 16 heads"."""
    heads = count_heads(recipe)
    return f" in {heads} heads" if heads > 1 else ""


def lines(recipe: Recipe) -> list[str]:
    """The same for people."""
    about = summarise(recipe)
    sources = ", ".join(
        source["dataset"] + (f" ({source['train']})" if source["train"] else "")
        for source in about["data"]
    )
    held_out = f"{100 * recipe.data.validation_fraction:g} % of training held out"
    fresh = recipe.start.weights == "scratch"
    start = "random weights" if fresh else about["start"]
    if about["head"] == "prototype":
        start += ", head: class means of the training pictures"
    elif not fresh:
        start += f", head: {about['head']}"
    stages = BACKBONES.get(recipe.model.backbone).stages
    texts = " ".join(entry.text for entry in recipe.labels)
    widths = [max(len(name), len("stage")) for name in stages]
    result = [
        f"  task      {recipe.task}, digest {about['digest'][:12]}",
        f"  data      {sources}; {held_out}",
        f"  classes   {len(recipe.labels)}{in_heads(recipe)}: {texts}",
        f"  augment   {', '.join(about['augmentation']) or 'nothing'}",
        f"  network   {recipe.model.backbone}, from {start}",
    ]
    if about["teachers"]:
        result.append(f"  teachers  {', '.join(about['teachers'])}")
    if not about["phases"]:
        result.append("  phases    none: nothing is trained")
    for phase in about["phases"]:
        result.append(
            f"  phase     {phase['name']}: {phase['epochs']} epochs, {phase['optimizer']}, "
            f"learning rate {phase['learning_rate']:g}, {phase['schedule']}"
            + (
                f", stops after {phase['early_stopping']} without improvement"
                if phase["early_stopping"]
                else ""
            )
            + (", frozen stages computed once" if phase["cache_frozen"] else "")
        )
        result += [
            f"    {stage:<{max(widths)}}  {state}" for stage, state in phase["stages"].items()
        ]
    return result
