"""A comparison in words, as a picture and as a page that needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import indicdigits
from indicdigits.data.storage import RUN_HINT, storage_errors, write_whole
from indicdigits.evaluation import sentences, words
from indicdigits.evaluation.compare import Candidate
from indicdigits.evaluation.curves import comparison_png
from indicdigits.evaluation.glyphs import outline_glyphs
from indicdigits.evaluation.page import data_uri, fill, picture_uri

_MOST_PAIRS, _MOST_CHANGED = 6, 24  # whose pictures are shown; compare.json names all

_CAPTION = (
    "What a training loss counts differs between runs with another loss, label smoothing, mixup "
    "or augmentation: compare the errors. Upright lines divide phases of training."
)


def write(folder: Path, result: Mapping[str, Any], candidates: Sequence[Candidate]) -> Path:
    """Writes compare.json, compare.png and compare.html, each whole or not at all.

    Args:
        folder: Made where it is missing; what an earlier comparison left in it is replaced.
        result: From `compare`.
        candidates: The same that were compared.

    Returns:
        The page.

    Raises:
        StorageError: The disk refused.
    """
    with storage_errors(folder, RUN_HINT):
        folder.mkdir(parents=True, exist_ok=True)
    histories = {candidate.name: candidate.history for candidate in candidates}
    curves = [comparison_png(histories, tall=tall) for tall in (False, True)]
    if curves[0] is None:
        (folder / "compare.png").unlink(missing_ok=True)
    else:
        write_whole(folder / "compare.png", curves[0])
    page = folder / "compare.html"
    write_whole(page, render(result, [png for png in curves if png], candidates[0].images))
    text = json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(folder / "compare.json", text + "\n")
    return page


def render(
    result: Mapping[str, Any], curves: Sequence[bytes], images: NDArray[np.uint8] | None = None
) -> str:
    """The page as HTML.

    Args:
        result: From `compare`.
        curves: PNG bytes of the curves for wide and for narrow screens; empty without any.
        images: uint8 (N, S, S), the pictures of the first candidate; None leaves them out.
    """
    return fill(
        "compare.html.jinja",
        c=result,
        title=words.title({"script": result["runs"][0]["script"], "per_class": result["classes"]}),
        lead=lead(result),
        curves=[data_uri(png) for png in curves],
        uncharted=[run["name"] for run in result["runs"] if not run["epochs"]],
        changed=[] if images is None else list(_changed(result, images)),
        most_changed=_MOST_CHANGED,
        glyphs=outline_glyphs(entry["text"] for entry in result["classes"]),
        caption=_CAPTION,
        notes=list(_notes(result)),
        p_value=p_value,
        difference=difference,
        number=number,
        facts=list(_facts(result)),
    )


def _changed(
    result: Mapping[str, Any], images: NDArray[np.uint8]
) -> Iterator[tuple[Mapping[str, Any], list[dict[str, Any]]]]:
    """Of the first few pairs each with the pictures that the two answer differently."""
    values = {entry["text"]: entry["value"] for entry in result["classes"]}

    def row(text: str | None) -> dict[str, Any]:
        return {"text": text or "–", "value": None if text is None else values[text]}

    for pair in result["pairs"][:_MOST_PAIRS]:
        shown = [
            {
                **one,
                "picture": picture_uri(images[one["index"]]),
                "rows": [row(one[key]) for key in ("truth", "first", "second")],
            }
            for one in pair["changed"][:_MOST_CHANGED]
        ]
        if shown:
            yield pair, shown


def lead(result: Mapping[str, Any]) -> str:
    """The outcome in a sentence or a few."""
    pairs, runs = result["pairs"], result["runs"]
    if len(pairs) == 1:
        return f"{verdict(pairs[0], several=False)}."
    fewest = min(run["errors"] for run in runs)
    best = [run["name"] for run in runs if run["errors"] == fewest]
    first = f"{' and '.join(best)} made the fewest errors, {fewest}."
    decided = [verdict(pair, several=True) for pair in pairs if pair["better"]]
    if not decided:
        return f"{first} None of the {len(pairs)} differences is more than chance may make."
    more = f" {len(decided) - 3} more below." if len(decided) > 3 else ""
    return f"{first} {'; '.join(decided[:3])}.{more}"


def verdict(pair: Mapping[str, Any], *, several: bool) -> str:
    """What a test says, in a sentence without its full stop.

    Args:
        pair: One of `pairs` of a comparison.
        several: Whether there were other pairs, so that its p-value had to be adjusted.
    """
    first, second = pair["first"], pair["second"]
    if not pair["only_first_right"] + pair["only_second_right"]:
        return f"{first} and {second} read the same pictures right"
    p = f"{'adjusted ' if several else ''}p\u00a0{p_value(pair['p_adjusted'], sign=True)}"
    if pair["better"] is None:
        return f"The difference between {first} and {second} may be chance, {p}"
    worse = second if pair["better"] == first else first
    return f"{pair['better']} is better than {worse}, {p}"


def difference(pair: Mapping[str, Any]) -> str:
    """How much more the first read right, in points, with its bootstrap interval."""
    low, high = pair["difference_interval"]
    points = f"{100 * pair['difference']:+.2f}\u00a0points"
    return f"{points} ({100 * low:+.2f} to {100 * high:+.2f})"


def p_value(p: float, *, sign: bool = False) -> str:
    """A p-value never rounded down to nothing; with `sign`, "= 0.34"."""
    number = "<\u00a00.001" if p < 0.001 else f"{p:.{2 if p >= 0.1 else 3}f}"
    return f"=\u00a0{number}" if sign and p >= 0.001 else number


def summary(result: Mapping[str, Any]) -> str:
    """A comparison for a terminal: the table, a line for each pair, and what to know."""
    n, pairs = result["n"], result["pairs"]
    head = ("run", "backbone", "parameters", "epochs", "seconds", "validation", f"errors / {n}")
    cells: list[tuple[str, ...]] = [(*head, "accuracy", "95 % interval")]
    cells += [_row(run) for run in result["runs"]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        left = (f"{cell:<{width}}" for cell, width in zip(row[:2], widths[:2], strict=True))
        right = (f"{cell:>{width}}" for cell, width in zip(row[2:], widths[2:], strict=True))
        lines.append("  ".join((*left, *right)).rstrip())
    lines += [*_notes(result), ""]
    for pair in pairs:
        lines.append(f"{verdict(pair, several=len(pairs) > 1)}:")
        lines.append(
            f"  {pair['only_first_right']} read right by {pair['first']} alone, "
            f"{pair['only_second_right']} by {pair['second']} alone, "
            f"{words.count(pair['both_wrong'], 'picture')} by neither"
            + (f"; unadjusted p {p_value(pair['p'], sign=True)}" if len(pairs) > 1 else "")
        )
        lines.append(
            f"  {pair['first']} read {difference(pair)} more right; "
            f"{words.count(len(pair['changed']), 'picture')} answered differently"
        )
    lines.append(_method(result))
    return "\n".join(lines).replace("\u00a0", " ")


def number(value: int | None) -> str:
    """A number with commas; None, where it is not known, as a dash."""
    return "–" if value is None else f"{value:,}"


def _row(run: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        run["name"] + ("" if run["finished"] else " *"),
        run["backbone"] or "–",
        number(run["parameters"]),
        str(run["epochs"] or "–"),
        f"{run['seconds']:,.0f}" if run["seconds"] else "–",
        words.percent(run["validation_accuracy"])
        + (" +" if run["trained_on_validation"] and run["validation_accuracy"] else ""),
        str(run["errors"]),
        words.percent(run["accuracy"]),
        words.interval(run["interval"]),
    )


def _notes(result: Mapping[str, Any]) -> Iterable[str]:
    runs = result["runs"]
    for run in runs:
        if not run["finished"]:
            yield f"* {run['name']} is not finished: its weights are {run['weights']}"
    if any(run["trained_on_validation"] and run["validation_accuracy"] for run in runs):
        yield "+ the validation part was trained on as well, so this is no test"
    yield from sentences.apart_lines(result["apart"])


def _method(result: Mapping[str, Any]) -> str:
    pairs = len(result["pairs"])
    adjusted = f", p-values adjusted by Holm's method for {pairs} pairs" if pairs > 1 else ""
    return f"McNemar's exact test, two-sided, at {100 * result['level']:g} %{adjusted}"


def _facts(result: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Name and value of what one must know to repeat the comparison."""
    datasets = dict.fromkeys(run["dataset"] for run in result["runs"])
    yield (
        "Data set",
        f"{'; '.join(datasets)}, {sentences.part(result['runs'][0])} ({result['n']} pictures)",
    )
    yield "Test", f"{_method(result)} (McNemar 1947; Holm 1979)"
    yield "Interval", "95 % Wilson score interval of each accuracy by itself"
    yield "Difference", "95 % paired bootstrap interval over the pictures (Efron, Tibshirani 1993)"
    yield (
        "What it says",
        "whether these networks differ on pictures of this kind; not whether their recipes do, "
        "for which several seeds of each are needed",
    )
    for run in result["runs"]:
        seed = f", seed {run['seed']}" if run["seed"] is not None else ""
        known = f"recipe {run['recipe']}{seed}, weights {run['weights']}"
        yield run["name"], f"{run['path']}: {known if run['recipe'] else 'predictions'}"
    yield "Made with", f"indicdigits {indicdigits.__version__}"
