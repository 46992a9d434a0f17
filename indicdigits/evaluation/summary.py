"""A measurement's result in a few lines of plain text, for the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from indicdigits.evaluation.sentences import apart_lines, group_line, labels_line, negatives_line
from indicdigits.evaluation.words import (
    TOLD,
    class_name,
    count,
    interval,
    mix_ups,
    percent,
    scripts_told_apart,
)


def summary(metrics: Mapping[str, Any]) -> str:
    """A run's result in a few lines of plain text, for the command line."""
    m, rest = metrics, metrics["without_leaked"] or {"leaked_n": 0}
    lines = [
        f"{m['name']}: {m['n'] - m['errors']} of {m['n']} {m['pictures']} read right, "
        f"{percent(m['accuracy'])} (95\u00a0% interval {interval(m['interval'])}), "
        f"{count(m['errors'], 'error')}"
    ]
    if m.get("look_alikes"):
        lines.append(
            f"where digits of several scripts that look alike count as one: "
            f"{percent(m['look_alikes']['accuracy'])}, "
            f"{count(m['look_alikes']['errors'], 'error')}"
        )
    if rest["leaked_n"]:
        lines.append(
            f"without the {rest['leaked_n']} that stand in the training set too: "
            f"{percent(rest['accuracy'])} ({interval(rest['interval'])}), "
            f"{count(rest['errors'], 'error')} in {rest['n']}"
        )
    if len(m["sets"]) > 1:
        lines += [
            f"{one['dataset']}: {percent(one['accuracy'])} ({interval(one['interval'])}), "
            f"{count(one['errors'], 'error')} in {one['n']}{_alike(one)}{_not_trained_on(one)}"
            for one in m["sets"]
        ]
    if m.get("heads"):
        lines.append(f"script: {TOLD}")
    macro = m["macro"]
    lines.append(
        f"mean over the classes: precision {percent(macro['precision'])}, "
        f"recall {percent(macro['recall'])}, F1 {percent(macro['f1'])}"
    )
    scripts = scripts_told_apart(row["text"] for row in m["per_class"])
    names = [
        " ".join(filter(None, (scripts.get(row["text"]), class_name(row["text"], row["value"]))))
        for row in m["per_class"]
    ]
    pairs = [f"{names[t]} read as {names[a]}, {c} times" for t, a, c in mix_ups(m["confusion"])]
    if pairs:
        lines.append("most often confused: " + "; ".join(pairs))
    lines += [group_line(table) for table in m["groups"] or [] if table["column"] != "dataset"]
    if m["negatives"]:
        lines.append(negatives_line(m["negatives"]))
    if m["data"].get("script_of_labels"):
        lines.append(f"{labels_line(m['data']['script_of_labels'])}; --script names another")
    lines += apart_lines(m["data"].get("apart") or [], m["n"], m["errors"])
    if m["pictures"] == "drawn digits":
        lines.append("tested on drawn digits only, never on handwriting")
    return "\n".join(lines)


def _alike(one: Mapping[str, Any]) -> str:
    alike = one.get("look_alikes")
    return f"; {percent(alike['accuracy'])} where look-alikes count as one" if alike else ""


def _not_trained_on(one: Mapping[str, Any]) -> str:
    return "" if one["trained_on"] else ", a set that it was not trained on"
