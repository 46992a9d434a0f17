"""What was measured, section by section, in sentences: for page, card and command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from indicdigits.evaluation.words import count, duration, interval, percent, script_name
from indicdigits.runtime.reading import NO_INK

_MOST_NAMED = 10

# What the page says in the place of a section that was not measured.
HOW_TO_MEASURE = {
    "calibration": (
        "It is not calibrated. `indicdigits calibrate RUN` fits that on pictures of the training "
        "part that were held out, for whoever has its run; evaluate or export that again "
        "afterwards."
    ),
    "reject": (
        "It has no threshold: it answers whatever its certainty. `indicdigits calibrate RUN` finds "
        "thresholds for stated error rates, for whoever has its run."
    ),
    "robustness": (
        "Not measured. `indicdigits evaluate --worse 200` reads 200 of the pictures again under "
        "each corruption."
    ),
}


def group_line(table: Mapping[str, Any]) -> str:
    """A column's groups in a line: the worst of them, and whether the spread may be chance."""
    rows = [row for row in table["values"] if row["value"] is not None]
    line = f"by {table['column']}, {len(rows)} groups: {chance(table)}"
    if table["worst"] is not None:
        worst = next(row for row in rows if row["value"] == table["worst"])
        line += (
            f"; worst {worst['value']}, {percent(worst['accuracy'])} ({interval(worst['interval'])}"
            f"), {count(worst['errors'], 'error')} in {worst['n']}"
        )
    return line + (f"; not given for {table['missing']}" if table["missing"] else "")


def chance(table: Mapping[str, Any]) -> str:
    """What the permutation test of a column says."""
    p = table["p_value"]
    number = "< 0.001" if p < 0.001 else f"= {p:.{2 if p >= 0.1 else 3}f}"
    verdict = "differ by more than chance" if p < 0.05 else "differ no more than chance may make"
    return f"they {verdict} (p {number})"


def labels_line(script: str) -> str:
    """What the labels 0 to 9 of a user's own pictures were taken for."""
    return f"labels 0 to 9 were taken for {script_name(script)} digits"


def apart_lines(
    apart: Sequence[Mapping[str, Any]], n: int | None = None, errors: int = 0
) -> list[str]:
    """What was counted apart: pictures that a reader refuses unread, and files that are none.

    Args:
        apart: Of a metrics.json or a comparison.
        n: How many pictures were read, where it is to be said what they would change.
        errors: How many of these wrongly.
    """
    refused: dict[str, list[str]] = {}
    for one in apart:
        if not one["broken"]:
            refused.setdefault(one["reason"], []).append(one["id"])
    lines = [
        f"{count(len(names), 'picture')} that any reader refuses, \u201c{reason}\u201d"
        f"{' (all paper or all ink)' if reason == NO_INK else ''}: {listed(names)}"
        for reason, names in refused.items()
    ]
    if refused and n is not None:
        number = sum(map(len, refused.values()))
        share = percent((n - errors) / (n + number))
        lines.append(f"counted neither right nor wrong; as errors they would leave {share} right")
    broken = [f"{one['id']} ({one['reason']})" for one in apart if one["broken"]]
    if broken:
        lines.append(f"{count(len(broken), 'file')} left out, no pictures: {listed(broken)}")
    return lines


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - _MOST_NAMED
    shown = ", ".join(names[:_MOST_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown


def negatives_line(negatives: Mapping[str, Any]) -> str:
    """How many pictures that are no digit were taken for one."""
    line = (
        f"no digits: {negatives['accepted']} of {negatives['n']} taken for one, "
        f"{percent(negatives['share'])} ({interval(negatives['interval'])})"
    )
    kinds = [row for row in negatives["kinds"] if row["kind"] is not None]
    return line + "".join(f"; {row['kind']} {percent(row['share'])}" for row in kinds)


def group_name(row: Mapping[str, Any]) -> str:
    """The value of a group; pictures without one are a group too."""
    return "not given" if row["value"] is None else str(row["value"])


def calibration_line(calibration: Mapping[str, Any]) -> str:
    """How far certainty is from the share read right, in a sentence or two."""
    line = (
        f"Calibration error (ECE) {percent(calibration['ece'])}, 95 % interval "
        f"{interval(calibration['ece_interval'])}"
    )
    perfect = calibration.get("ece_if_perfect")
    if perfect:
        line += (
            f"; a perfectly calibrated reader would show {percent(perfect['mean'])} on average and "
            f"up to {percent(perfect['high'])} on as many pictures"
        )
    line += f". Negative log-likelihood {calibration['nll']:.4f}"
    before = calibration.get("uncalibrated")
    if before:
        line += f", uncalibrated {before['nll']:.4f} (ECE {percent(before['ece'])})"
    fitted = f" Fitted on {calibration['fitted_on']}." if calibration["fitted_on"] else ""
    return f"{line}.{fitted}"


def reject_lines(reject: Mapping[str, Any]) -> list[str]:
    """What its threshold refuses and lets through, and the thresholds for stated error rates."""
    at = (
        "Without a threshold"
        if reject["threshold"] is None
        else (f"At its threshold of {reject['threshold']:.4f}")
    )
    lines = [
        f"{at} it refuses {percent(1 - reject['coverage'])} and is wrong in {reject['errors']} of "
        f"those it accepts ({percent(reject['risk'], 3)})."
    ]
    for point in reject["points"]:
        rate = f"at most {100 * point['error_rate']:g} %" if point["error_rate"] else "none"
        lines.append(
            f"Chosen so that {rate} of the accepted were wrong where it was fitted: threshold "
            f"{point['threshold']:.4f}; on these pictures {percent(1 - point['coverage'])} "
            f"refused, {point['errors']} of the accepted wrong ({percent(point['risk'], 3)})."
        )
    return lines


def robustness_line(measured: Mapping[str, Any]) -> str:
    """The accuracy on corrupted pictures, in a sentence or two."""
    prepared = measured.get("mean_mnist_c_prepared")
    return (
        f"MNIST-C's corruptions at the paper's strength, on {measured['n']} pictures: "
        f"{percent(measured['mean_mnist_c'])} read right on average; "
        f"{percent(measured['mean_never_trained'])} over those that training never used."
        + (
            ""
            if prepared is None
            else f" Through the preparation that every picture of a user passes: "
            f"{percent(prepared)}."
        )
    )


def time_taken(training: Mapping[str, Any]) -> str:
    """How long training took and where."""
    if not training["seconds"]:
        return "not recorded"
    machine = f" on {training['machine']}" if training["machine"] else ""
    return duration(training["seconds"]) + machine


def energy(training: Mapping[str, Any]) -> str:
    """What training took in energy, with what that assumes."""
    known = training["energy"]
    if not known:
        return "not known"
    return (
        f"about {known['watt_hours']:.3g} Wh, estimated from that time and "
        f"{known['watts']:g} W ({known['assumed']})"
    )


def part(metrics: Mapping[str, Any]) -> str:
    """Which part of the data was read: "the whole test split"."""
    return "all of them" if metrics["part"] == "all" else f"the whole {metrics['part']} split"


def validation(measured: Mapping[str, Any] | None) -> str:
    """How the part held out of training was read."""
    if measured is None:
        return "not looked at"
    if not measured["n"]:
        return "no part was held out"
    if measured["trained_on"]:
        return f"{measured['n']} pictures; trained on in the end, so not a test"
    return (
        f"{percent(measured['accuracy'])}, {count(measured['errors'], 'error')} in "
        f"{measured['n']} pictures held out of training"
    )
