"""`indicdigits bench`: how fast this machine trains, prepares and reads."""

from __future__ import annotations

from typing import Annotated

import typer

from indicdigits.cli.common import Device, Devices, Json, Quiet, emit, parse_devices, reporter


def bench(
    quick: Annotated[
        bool, typer.Option("--quick", help="Rough figures in a few seconds, to see that it works.")
    ] = False,
    device: Device = "auto",
    devices: Devices = "auto",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure training, fine-tuning, preparation and reading here; a table to paste."""
    from indicdigits.cli.app import TRAIN_MODULES
    from indicdigits.evaluation import bench as benches

    say, count = reporter(quiet), parse_devices(devices)
    about, parts, notes = benches.machine(), benches.parts(), list[str]()
    try:
        from indicdigits.evaluation import bench_training
        from indicdigits.training import device as chosen
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in TRAIN_MODULES:
            raise
        notes.append(
            "Training is not measured: the light install leaves it out "
            "(pip install 'indicdigits[train]')."
        )
        say.say(notes[0])
    else:
        chosen.choose(device, say, devices=count)
        about["device"] = bench_training.device()
        parts += bench_training.parts(count)
    if quick:
        notes.append("Measured with --quick: rough.")
    with say.track("measuring", len(parts)) as task:
        figures = benches.measured(
            parts,
            benches.QUICK if quick else benches.FULL,
            lambda label: task.advance(1, label),
        )
    data = {
        "machine": about,
        "figures": [figure._asdict() for figure in figures],
        "notes": notes,
    }
    emit(data, json, benches.table(about, figures, notes))
