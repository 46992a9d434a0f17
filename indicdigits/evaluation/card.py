"""A model card after Mitchell et al. (2019), every figure taken from a report's metrics."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from indicdigits.evaluation import sentences, words
from indicdigits.recipe import Recipe, load, shipped
from indicdigits.registry import DATASETS
from indicdigits.runtime.acceptance import NOT_A_DIGIT

_SCRATCH = "scratch"
_LONGEST_SHOWN = 160  # characters of a line in an error
_NO_CONTACT = "(whoever passes this file on: your name and address here)"


def card_markdown(recipe: Recipe, metrics: Mapping[str, Any]) -> str:
    """The card of a reader, as Markdown.

    Args:
        recipe: What it was trained by.
        metrics: The content of its report's metrics.json; every figure is from there.
    """
    parts = [f"# {words.title(metrics)}: {metrics['name']}", _lead(recipe, metrics)]
    for heading, lines in sections(recipe, metrics).items():
        parts += [f"## {heading}", "\n".join(lines)]
    return "\n\n".join(parts).replace("\u00a0", " ") + "\n"


def sections(recipe: Recipe, metrics: Mapping[str, Any]) -> dict[str, list[str]]:
    """The card's sections, heading -> lines of Markdown; what was not measured is left out."""
    found = {
        "Intended use": _intended_use(metrics),
        "Data and licences": _data(recipe, metrics),
        "Results": _results(metrics),
        "Class by class": _class_table(metrics),
        "Group by group": _groups(metrics),
        "When it is not sure": _doubt(metrics),
        "Worse pictures": _robustness(metrics),
        "Limits": _limits(metrics),
        "Training": _training(recipe, metrics),
        "Contact": [str(metrics["training"]["contact"] or _NO_CONTACT)],
    }
    return {heading: lines for heading, lines in found.items() if lines}


def difference(written: str, expected: str) -> str | None:
    """The first line in which a card is not what its figures say, in words; None where it is.

    Args:
        written: The card as it is.
        expected: From `card_markdown`.
    """
    pairs = itertools.zip_longest(written.splitlines(), expected.splitlines())
    for number, (ours, theirs) in enumerate(pairs, 1):
        if ours != theirs:
            return f"line {number} is {_shown(ours)}, and the figures say {_shown(theirs)}"
    return None


def _shown(line: str | None) -> str:
    if line is None:
        return "missing"
    return repr(line if len(line) <= _LONGEST_SHOWN else line[:_LONGEST_SHOWN] + "…")


def _lead(recipe: Recipe, metrics: Mapping[str, Any]) -> str:
    right, drawn = metrics["n"] - metrics["errors"], _is_drawn(metrics)
    lead = (
        f"Reads one {words.script_name(metrics['script'])} character at a time. On the "
        f"{metrics['n']} {metrics['pictures']} of {_part(metrics)} it read {right} right and "
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


def _is_drawn(metrics: Mapping[str, Any]) -> bool:
    return bool(metrics["pictures"] == "drawn digits")


def _part(metrics: Mapping[str, Any]) -> str:
    """Which pictures were read, in words."""
    if metrics["of_recipe"]:
        return f"its {metrics['part']} split"
    return f"`{metrics['dataset']}` ({metrics['part']})"


def _intended_use(metrics: Mapping[str, Any]) -> list[str]:
    return [
        f"- Pictures of one character each, one of the {len(_meant(metrics))} classes below"
        f"{'.' if len(_meant(metrics)) == len(metrics['per_class']) else ', or of no digit.'}",
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
    if not metrics["of_recipe"]:
        lines += [
            f"- Measured on `{one['dataset']}`: {one['summary']}. Licence: "
            f"{one['licence'] or 'that of whoever made them'}"
            for one in metrics["data"]["sources"]
        ]
    for part, counts in metrics["data"]["counts"].items():
        lines.append(f"- Pictures, {part} part: {sum(counts)}, of each class {_range(counts)}.")
    apart = metrics["data"].get("apart") or []
    apart_lines = sentences.apart_lines(apart, metrics["n"], metrics["errors"])
    lines += [f"- {words.capitalised(line)}." for line in apart_lines]
    rest = metrics["without_leaked"]
    leaked = f"{rest['leaked_n']} of {metrics['n']}" if rest else "not known"
    lines.append(f"- Test pictures that stand in the training set too, byte for byte: {leaked}.")
    return lines


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"


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
        row(_part(metrics).removeprefix("its "), metrics),
    ]
    if metrics.get("look_alikes"):
        lines.append(row("look-alikes of several scripts counted as one", metrics["look_alikes"]))
    if len(metrics["sets"]) > 1:
        for one in metrics["sets"]:
            note = "" if one["trained_on"] else ", not trained on"
            lines.append(row(f"of it `{one['dataset']}`{note}", one))
            if one.get("look_alikes"):
                lines.append(row("the same, look-alikes counted as one", one["look_alikes"]))
    if rest and rest["leaked_n"]:
        lines.append(row(f"test split without the {rest['leaked_n']} seen in training", rest))
    if validation and validation["n"]:
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


def _groups(metrics: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    for table in metrics["groups"] or []:
        if table["column"] == "dataset":
            continue  # they stand under "Results"
        lines += [
            f"By `{table['column']}`: {sentences.chance(table)}, permutation test of "
            f"{table['permutations']:,} permutations. Worst first:",
            "",
            "| group | pictures | errors | accuracy | 95 % Wilson interval |",
            "|---|---:|---:|---:|---|",
            *(
                f"| {sentences.group_name(row)} | {row['n']} | {row['errors']} "
                f"| {words.percent(row['accuracy'])} | {words.interval(row['interval'])} |"
                for row in table["values"]
            ),
            "",
        ]
    return lines[:-1]


def _doubt(metrics: Mapping[str, Any]) -> list[str]:
    lines = []
    calibration, reject, negatives = (
        metrics[key] for key in ("calibration", "reject", "negatives")
    )
    if calibration:
        lines.append(f"- {sentences.calibration_line(calibration)}")
    if reject:
        lines += [f"- {line}" for line in sentences.reject_lines(reject)]
    if negatives:
        lines.append(f"- {words.capitalised(sentences.negatives_line(negatives))}.")
    return lines


def _robustness(metrics: Mapping[str, Any]) -> list[str]:
    measured = metrics["robustness"]
    return [f"- {sentences.robustness_line(measured)}"] if measured else []


def _limits(metrics: Mapping[str, Any]) -> list[str]:
    untested = [
        words.class_name(row["text"], row["value"]) for row in _meant(metrics) if not row["support"]
    ]
    lines = []
    if metrics.get("heads"):
        lines.append(
            "- It does not tell scripts apart, and was told the script of each test picture: it is "
            "a start for fine-tuning, not a reader."
        )
    if _is_drawn(metrics):
        lines.append("- Never tested on handwriting; the figures above are about drawn digits.")
    if untested:
        lines.append(f"- No test pictures of: {', '.join(untested)}. Nothing is known about them.")
    interval = words.interval(metrics["interval"])
    return [
        *lines,
        f"- {metrics['n']} test pictures from one collection: other writers, pens, papers and "
        f"scanners may read worse than the interval of {interval} says.",
        *_never_sure(metrics),
        "- Digits of other scripts, and regional shapes that its data lack, are misread.",
    ]


def _meant(metrics: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows of classes that may be an answer: all but "not a digit"."""
    return [row for row in metrics["per_class"] if row["text"] != NOT_A_DIGIT]


def _never_sure(metrics: Mapping[str, Any]) -> Iterable[str]:
    if not metrics["negatives"]:
        knows = (
            "It knows digits only: whatever a picture shows, its best guess is one of its classes"
        )
        if len(_meant(metrics)) < len(metrics["per_class"]):
            knows = "It has learnt to refuse what is no digit"
        yield f"- {knows}, and how it takes what is no digit has not been measured."
    if (metrics["calibration"] or {}).get("temperature") is None:
        yield "- Its probabilities are not calibrated: 99 % sure is not 99 % right."


def _training(recipe: Recipe, metrics: Mapping[str, Any]) -> list[str]:
    training = metrics["training"]
    lines = [f"- Backbone `{recipe.model.backbone}`, input {recipe.data.input_size} pixels square."]
    if recipe.start.head == "prototype":
        then = "then trained" if recipe.phases else "and not trained any further"
        lines.append(f"- Head: class means of the training pictures, {then}.")
    for phase in recipe.phases:
        frozen = [f"`{rule.prefix}`" for rule in phase.rules if rule.frozen]
        kept = f"; frozen: {', '.join(frozen)}" if frozen else ""
        lines.append(f"- Phase `{phase.name}`: {words.count(phase.epochs, 'epoch')}{kept}.")
    lines.append(f"- Training took: {sentences.time_taken(training)}.")
    lines.append(f"- Energy: {sentences.energy(training)}.")
    if training["version"]:
        lines.append(f"- Made with indicdigits {training['version']}.")
    lines.append(f"- Recipe digest (SHA-256): `{metrics['recipe_digest']}`")
    return lines
