"""`indicdigits calibrate`: finds out how sure a run may be, on pictures it has not seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from indicdigits.cli.common import Device, Devices, Json, Quiet, emit, parse_devices, reporter


def calibrate(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run.")],
    folds: Annotated[
        int,
        typer.Option("--folds", min=2, max=20, help="Trainings, each without one part of so many."),
    ] = 3,
    device: Device = "auto",
    devices: Devices = "auto",
    workers: Annotated[
        int, typer.Option("--workers", min=0, max=64, help="Extra processes that draw pictures.")
    ] = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fit temperature and reject thresholds on out-of-fold predictions; write RUN/calibration.json.

    Trains the run's recipe --folds times, each without one part of the training pictures. The same
    command goes on where it was interrupted.
    """
    from indicdigits.evaluation.calibrate import FILE, calibrate_run
    from indicdigits.training import device as devices_
    from indicdigits.training.loop import Runtime

    count, say = parse_devices(devices), reporter(quiet)
    devices_.choose(device, say, devices=count)
    runtime = Runtime(
        run=run,
        reporter=say,
        workers=workers,
        devices=count,
        resume_command=f"indicdigits calibrate {run} --folds {folds}",
    )
    content = calibrate_run(run, folds, runtime)
    answer = {"file": run / FILE, **content}
    emit(
        answer,
        json,
        "\n".join(
            [
                *_lines(content),
                f"{run / FILE}",
                f"next: indicdigits evaluate {run}\n      indicdigits export {run}",
            ]
        ),
    )


def _lines(content: dict[str, Any]) -> Iterator[str]:
    before = content["out_of_fold"]["calibration"]["uncalibrated"]
    after, reject = content["out_of_fold"]["calibration"], content["reject"]
    yield f"temperature {content['calibration']['temperature']:.3f}, from {after['fitted_on']}"
    yield (
        f"negative log-likelihood {before['nll']:.4f} before, {after['nll']:.4f} after; "
        f"calibration error {before['ece']:.2%} before, {after['ece']:.2%} after"
    )
    for point in reject["points"]:
        chosen = (
            ", used unless told otherwise" if point["error_rate"] == reject["error_rate"] else ""
        )
        yield (
            f"{_wrong(point['error_rate'])}: accept from {point['threshold']:.4f}, "
            f"{1 - point['coverage']:.2%} refused{chosen}"
        )
    outside = content["out_of_distribution"]
    if outside:
        yield (
            f"not a digit from {outside['threshold']:.4f}, "
            f"{outside['digits_refused']:.2%} of digits refused by it"
        )


def _wrong(rate: float) -> str:
    return f"at most {100 * rate:g}% wrong" if rate else "none wrong"
