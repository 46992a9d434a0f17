"""`indicdigits bench`: how fast this machine trains, prepares and reads, or a bundle answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from indicdigits.cli.common import Device, Devices, Json, Quiet, emit, parse_devices, reporter
from indicdigits.errors import UsageError


def bench(
    bundle: Annotated[
        str | None,
        typer.Argument(
            metavar="[BUNDLE|SCRIPT]",
            help="Measure this one alone, in every runtime that is here.",
            show_default=False,
        ),
    ] = None,
    threads: Annotated[
        str, typer.Option("--threads", metavar="N,N…", help="Of a bundle: CPU threads to try.")
    ] = "1,2",
    plot: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="PNG", help="Of a bundle: draw it as well."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Rough figures in a few seconds, to see that it works.")
    ] = False,
    device: Device = "auto",
    devices: Devices = "auto",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure training, preparation and reading here, or one bundle; a table to paste."""
    if bundle is not None:
        return _bundle(bundle, _threads(threads), plot, quick=quick, json=json, quiet=quiet)
    if plot is not None:
        raise UsageError(
            "only a bundle's figures are drawn", hint="indicdigits bench BUNDLE -o PNG"
        )
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
    return emit(data, json, benches.table(about, figures, notes))


def _bundle(
    name: str, threads: list[int], plot: Path | None, *, quick: bool, json: bool, quiet: bool
) -> None:
    """Measures a bundle in every runtime, beside the textbook network."""
    from indicdigits.evaluation import bench as benches
    from indicdigits.evaluation import bench_bundle
    from indicdigits.runtime import bundle as bundles
    from indicdigits.runtime.archive import write_file
    from indicdigits.runtime.shipped import find

    if plot is not None:  # first, since what it needs may be missing
        from indicdigits.evaluation.bench_figure import bench_png
    path = find(name)
    found, about = bundles.read(path), benches.machine()
    budget = benches.QUICK if quick else benches.FULL
    say = reporter(quiet)
    todo = bench_bundle.count(threads)
    with say.track("measuring", todo) as task:
        rows = list(
            bench_bundle.measured(
                found, threads, budget.seconds, lambda label: task.advance(1, label)
            )
        )
    notes = ["Measured with --quick: rough."] if quick else []
    if not any(row.network == bench_bundle.TEXTBOOK for row in rows):
        notes.append("The textbook network is not measured: it needs indicdigits[train].")
    if plot is not None:
        write_file(plot, bench_png(rows, f"{found.name} on {about['processor']}"))
        notes.append(f"Drawn: {plot}")
    data = {
        "machine": about,
        "bundle": {"path": path, "name": found.name, "bytes": path.stat().st_size},
        "rows": [row.as_dict() for row in rows],
        "notes": notes,
    }
    emit(data, json, benches.headed(about, bench_bundle.table(rows), notes))


def _threads(text: str) -> list[int]:
    """Numbers of threads, such as "1,2"."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and 1 <= int(part) <= 256 for part in parts):
        raise UsageError(
            f"{text!r} are no numbers of threads", where="--threads", allowed="such as 1 or 1,2,4"
        )
    return sorted({int(part) for part in parts})
