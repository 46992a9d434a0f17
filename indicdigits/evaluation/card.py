"""A model card after Mitchell et al. (2019), every figure taken from a report's metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from indicdigits.evaluation import words
from indicdigits.recipe import Recipe, load, shipped
from indicdigits.registry import DATASETS

_SCRATCH = "scratch"
_NO_CONTACT = "(whoever passes this file on: your name and address here)"


def card_markdown(recipe: Recipe, metrics: Mapping[str, Any], info: Mapping[str, Any]) -> str:
    """The card of a reader, as Markdown.

    Args:
        recipe: What it was trained by.
        metrics: The content of its report's metrics.json.
        info: The manifest of its checkpoint; `seconds`, `machine`, `version` and `contact` are
            used where they are there.
    """
    drawn = metrics["pictures"] == "drawn digits"
    sections = {
        "Intended use": _intended_use(metrics),
        "Data and licences": _data(recipe, metrics),
        "Results": _results(metrics),
        "Class by class": _class_table(metrics),
        "Limits": _limits(metrics, drawn),
        "Training": _training(recipe, metrics, info),
        "Contact": [str(info.get("contact") or _NO_CONTACT)],
    }
    parts = [f"# {words.title(metrics)}: {metrics['name']}", _lead(recipe, metrics, drawn)]
    for heading, lines in sections.items():
        parts += [f"## {heading}", "\n".join(lines)]
    return "\n\n".join(parts).replace("\u00a0", " ") + "\n"


def _lead(recipe: Recipe, metrics: Mapping[str, Any], drawn: bool) -> str:
    right = metrics["n"] - metrics["errors"]
    lead = (
        f"Reads one {words.script_name(metrics['script'])} character at a time. On the "
        f"{metrics['n']} {metrics['pictures']} of its test split it read {right} right and "
        f"{metrics['errors']} wrong: {words.percent(metrics['accuracy'])} "
        f"(95 % interval {words.interval(metrics['interval'])})."
    )
    if not words.trained_on_drawn(recipe):
        return lead
    if not drawn:
        return (
            "**Trained on drawn digits only;** handwriting was tested on, never trained on.\n\n"
            + lead
        )
    return (
        "**Trained on drawn digits only, and never tested on handwriting.** The pictures of "
        "this script, those of the test too, were drawn by a program; how well it reads what "
        "people write is not known.\n\n" + lead
    )


def _intended_use(metrics: Mapping[str, Any]) -> list[str]:
    texts = " ".join(row["text"] for row in metrics["per_class"])
    return [
        f"- Pictures of one character each, one of: {texts}",
        "- For digitising records where a person checks what matters: an answer may be wrong, "
        "and a confident one too.",
        "- Not for whole numbers or pages by itself, for other scripts, or for deciding about a "
        "person without a check.",
    ]


def _data(recipe: Recipe, metrics: Mapping[str, Any]) -> list[str]:
    lines = [f"- {line}" for line in _sources(recipe)]
    start = recipe.start.weights
    if start == _SCRATCH:
        lines.append("- Started from random weights.")
    else:
        lines.append(f"- Started from the weights `{start}`.")
        lines += [f"  - trained on {line}" for line in _start_sources(start)]
    if recipe.data.shots:
        lines.append(f"- At most {recipe.data.shots} training pictures of each class were used.")
    if recipe.licence:
        lines.append(f"- Licence, as its recipe says: {recipe.licence}")
    leaked = metrics["without_leaked"]["leaked_n"]
    lines.append(
        f"- Test pictures that stand in the training set too, byte for byte: {leaked} "
        f"of {metrics['n']}."
    )
    return lines


def _sources(recipe: Recipe) -> Iterable[str]:
    for source in recipe.data.sources:
        entry = DATASETS.get(source.dataset.partition("/")[0])
        yield f"`{source.dataset}`: {entry.summary}. Licence: {entry.licence}"


def _start_sources(start: str) -> list[str]:
    """The data behind a shipped backbone, known by the recipe of the same name."""
    recipes = {name.rpartition("/")[2]: path for name, path in shipped().items()}
    if start in recipes:
        return list(_sources(load(recipes[start])))
    return ["data that this card does not know; their licence counts as well"]


def _results(metrics: Mapping[str, Any]) -> list[str]:
    rest, validation, macro = metrics["without_leaked"], metrics["validation"], metrics["macro"]

    def row(name: str, part: Mapping[str, Any]) -> str:
        accuracy, interval = words.percent(part["accuracy"]), words.interval(part["interval"])
        return f"| {name} | {part['n']} | {part['errors']} | {accuracy} | {interval} |"

    lines = [
        "| measured on | pictures | errors | accuracy | 95 % Wilson interval |",
        "|---|---:|---:|---:|---|",
        row("test split", metrics),
    ]
    if metrics.get("look_alikes"):
        lines.append(row("look-alikes of several scripts counted as one", metrics["look_alikes"]))
    if len(metrics["sets"]) > 1:
        for one in metrics["sets"]:
            note = "" if one["trained_on"] else ", not trained on"
            lines.append(row(f"of it `{one['dataset']}`{note}", one))
            if one.get("look_alikes"):
                lines.append(row("the same, look-alikes counted as one", one["look_alikes"]))
    if rest["leaked_n"]:
        lines.append(row(f"test split without the {rest['leaked_n']} seen in training", rest))
    if validation["n"]:
        note = "trained on in the end" if validation["trained_on"] else "held out of training"
        lines.append(row(f"validation part, {note}", validation))
    return [
        *lines,
        "",
        f"Mean over the classes: precision {words.percent(macro['precision'])}, recall "
        f"{words.percent(macro['recall'])}, F1 {words.percent(macro['f1'])}. Data set "
        f"`{metrics['dataset']}`, one run with seed {metrics['seed']}, weights: "
        f"{metrics['weights']}. The test split decided nothing about the training.",
    ]


def _class_table(metrics: Mapping[str, Any]) -> list[str]:
    lines = [
        "| class | pictures | errors | precision | recall | F1 |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in metrics["per_class"]:
        figures = " | ".join(words.percent(row[key]) for key in ("precision", "recall", "f1"))
        name = words.class_name(row["text"], row["value"]).replace("|", "\\|")
        lines.append(f"| {name} | {row['support']} | {row['errors']} | {figures} |")
    names = [words.class_name(row["text"], row["value"]) for row in metrics["per_class"]]
    pairs = [
        f"{names[truth]} read as {names[answer]} ({number} times)"
        for truth, answer, number in words.mix_ups(metrics["confusion"])
    ]
    return [*lines, "", f"Most often confused: {'; '.join(pairs)}."] if pairs else lines


def _limits(metrics: Mapping[str, Any], drawn: bool) -> list[str]:
    untested = [row["text"] for row in metrics["per_class"] if not row["support"]]
    lines = []
    if metrics.get("heads"):
        lines.append(
            "- It does not tell scripts apart, and was told the script of each test picture: it is "
            "a start for fine-tuning, not a reader."
        )
    if drawn:
        lines.append("- Never tested on handwriting; the figures above are about drawn digits.")
    if untested:
        lines.append(f"- No test pictures of: {' '.join(untested)}. Nothing is known about them.")
    interval = words.interval(metrics["interval"])
    return [
        *lines,
        f"- {metrics['n']} test pictures from one collection: other writers, pens, papers and "
        f"scanners may read worse than the interval of {interval} says.",
        "- It always answers with one of its classes, whatever the picture shows; its "
        "probabilities are not calibrated.",
        "- Digits of other scripts, and regional shapes that its data lack, are misread.",
    ]


def _training(recipe: Recipe, metrics: Mapping[str, Any], info: Mapping[str, Any]) -> list[str]:
    lines = [f"- Backbone `{recipe.model.backbone}`, input {recipe.data.input_size} pixels square."]
    if recipe.start.head == "prototype":
        then = "then trained" if recipe.phases else "and not trained any further"
        lines.append(f"- Head: class means of the training pictures, {then}.")
    for phase in recipe.phases:
        frozen = [f"`{rule.prefix}`" for rule in phase.rules if rule.frozen]
        kept = f"; frozen: {', '.join(frozen)}" if frozen else ""
        lines.append(f"- Phase `{phase.name}`: {words.count(phase.epochs, 'epoch')}{kept}.")
    seconds = info.get("seconds")
    machine = f" on {info['machine']}" if info.get("machine") else ""
    took = words.duration(seconds) + machine if seconds else "not recorded"
    lines.append(f"- Training took: {took}.")
    if info.get("version"):
        lines.append(f"- Made with indicdigits {info['version']}.")
    lines.append(f"- Recipe digest (SHA-256): `{metrics['recipe_digest']}`")
    return lines
