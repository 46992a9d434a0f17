"""The one way to every format: make it, open it again, compare it with the network, write it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from indicdigits.errors import StorageError, UsageError, VerificationError
from indicdigits.export import folder as folders
from indicdigits.export import verify
from indicdigits.export.agreement import Agreement, measure_agreement
from indicdigits.export.formats import FORMATS, ORT, Wanted, module_of, onnx_run, open_model
from indicdigits.export.graphs import Ends, with_input
from indicdigits.export.preprocessing import NOT_EXPRESSED, with_preprocessing
from indicdigits.export.quantize import to_int8
from indicdigits.export.source import Source, open_source
from indicdigits.export.verify import Predict
from indicdigits.progress import Reporter
from indicdigits.runtime import bundle as bundles
from indicdigits.runtime.archive import read_file, write_file
from indicdigits.runtime.bundle import Bundle, describe
from indicdigits.runtime.container import sha256
from indicdigits.runtime.golden import Golden
from indicdigits.runtime.parity import Parity
from indicdigits.runtime.reader import Reader
from indicdigits.runtime.session import graph_metadata, sealed


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written.

    Attributes:
        path: The file or folder.
        size: Its bytes, those of a folder summed up.
        model: Bytes of the model alone.
        parity: The proof that it answers like the network.
        agreement: Of a graph with the imaging step inside, how near that comes to the real one.
    """

    path: Path
    size: int
    model: int
    parity: Parity
    agreement: Agreement | None = None


def export(what: str | Path, wanted: Wanted, output: Path | None, reporter: Reporter) -> Exported:
    """Exports a trained network through the parity gate.

    Args:
        what: A run or checkpoint folder, a bundle, or the name of a reader or backbone that ships.
        wanted: The format.
        output: The file or folder to write; None puts it into the run folder, or, where there is
            no run, here.
        reporter: Where progress goes.

    Returns:
        What was written. It exists only when it answered like the network; otherwise what stood
        there before is left alone.

    Raises:
        ModuleNotFoundError: What the format needs is not installed.
        CheckpointError: The run has no weights, or they are damaged.
        DataError: The test pictures cannot be had, or the disk refused.
        ParityError: It answers differently from the network.
        UsageError: There is nothing to export, or something else is at `output`.
        VerificationError: The network cannot be said in that format, or the bundle is damaged.
    """
    kind = FORMATS[wanted.format]
    if output:
        _check_place(wanted, output)
    if kind.module:
        module_of(wanted.format)  # before anything is computed: is what it needs here?
    source = open_source(what, reporter, network=not kind.of_graph)
    return write(source, wanted, output, reporter)


def write(source: Source, wanted: Wanted, output: Path | None, reporter: Reporter) -> Exported:
    """The same for what is open already."""
    path = output or source.folder / wanted.file_name(source.bundle.name)
    _check_place(wanted, path)
    is_folder = FORMATS[wanted.format].module
    make = _folder if is_folder else _plain if wanted.plain else _bundle
    made = make(source, wanted, path, reporter)
    if made.parity is not source.bundle.parity:
        reporter.say(f"{wanted.format}: {made.parity.in_words()}")
    if made.agreement:
        reporter.say(f"imaging step inside: {made.agreement.in_words()}")
        reporter.say("; ".join(("it cannot express", *NOT_EXPRESSED)))
    reporter.say(f"wrote {path} ({made.size / 1000:,.0f} kB)")
    return made


def _check_place(wanted: Wanted, path: Path) -> None:
    if FORMATS[wanted.format].module:
        folders.check_place(path, wanted.format)
    elif path.is_dir():
        raise UsageError("is a folder", where=path, allowed="the file to write")
    elif wanted.plain and path.exists():
        _check_plain(wanted, path)


def _check_plain(wanted: Wanted, path: Path) -> None:
    """Refuses to replace anything but a bare graph that takes pictures in the same way."""
    ours = _takes(_input(wanted))
    try:
        theirs = _takes(graph_metadata(read_file(path), where=path)["input"])
    except (VerificationError, StorageError, KeyError):
        theirs = "none: it is no graph of indicdigits export --plain"
    if theirs != ours:
        raise UsageError(
            f"is there already; the pictures it takes: {theirs}",
            where=path,
            allowed=f"a new name, or a graph whose pictures are {ours}",
            hint="-o OTHER.onnx",
        )


def _takes(given: Mapping[str, Any]) -> str:
    """In words, which pictures a graph takes."""
    return "{dtype}, {layout}, channels: {channels}".format_map(given)


def _bundle(source: Source, wanted: Wanted, path: Path, reporter: Reporter) -> Exported:
    bundle = source.bundle
    if FORMATS[wanted.format].int8:
        graph = _graph(source, wanted)
        run = verify.onnx_run(graph)
        parity = _gate(source, wanted, run, sha256(graph))
        golden = _own_golden(bundle.golden, run).to_bytes()
        card = folders.card_of(bundle, parity)
        bundle = replace(bundle, graph=graph, parity=parity, golden_npz=golden, card=card)
    data = bundles.to_bytes(bundle)
    Reader(bundles.from_bytes(data, where=path)).check_golden()
    write_file(path, data)
    return Exported(path=path, size=len(data), model=len(bundle.graph), parity=bundle.parity)


def _plain(source: Source, wanted: Wanted, path: Path, reporter: Reporter) -> Exported:
    graph, parity, agreement = _proven_graph(source, wanted, reporter)
    write_file(path, graph)
    size = len(graph)
    return Exported(path=path, size=size, model=size, parity=parity, agreement=agreement)


def _folder(source: Source, wanted: Wanted, path: Path, reporter: Reporter) -> Exported:
    kind, bundle = FORMATS[wanted.format], source.bundle
    about: dict[str, Any] = {"kind": wanted.format, "input": _input(wanted)}
    if wanted.format == "triton":
        graph, parity, agreement = _proven_graph(source, wanted, reporter)
        files = module_of(wanted.format).build(graph, bundle, wanted.ends)
        about |= {"engine": ORT, "graph_sha256": sha256(graph)}
        if agreement:
            about["preprocessing"] = agreement.as_dict()

        def gate(folder: Path) -> tuple[Parity, Golden]:
            return parity, _own_golden(bundle.golden, onnx_run(graph, wanted.ends))
    else:
        module, agreement = module_of(wanted.format), None
        reporter.say(f"converting {bundle.name} to {wanted.format}")
        build: Callable[..., dict[str, bytes]] = getattr(module, kind.build)
        files = build(_graph(source, wanted), bundle) if kind.of_graph else build(source)
        digest = sha256(files[module.MODEL])
        about |= {"engine": module.engine(), "graph_sha256": digest}

        def gate(folder: Path) -> tuple[Parity, Golden]:
            run = open_model(module, folder, wanted.ends)
            parity = _gate(source, wanted, run, digest)
            return parity, _own_golden(bundle.golden, run) if kind.int8 else bundle.golden

    written = folders.write(path, files, bundle, gate, **about)
    return Exported(
        path=path,
        size=sum(file.stat().st_size for file in path.rglob("*") if file.is_file()),
        model=sum(map(len, files.values())),
        parity=written.parity,
        agreement=agreement,
    )


def _input(wanted: Wanted) -> dict[str, Any]:
    """The part of `input` that says how pictures come in."""
    ends = wanted.ends
    dtype = "uint8" if ends.preprocessing else "float32"
    about: dict[str, Any] = {"name": "image", "dtype": dtype, "layout": ends.layout}
    about |= {"channels": ends.channels, "preprocessing": ends.preprocessing}
    if ends.preprocessing:
        about["not_expressed"] = list(NOT_EXPRESSED)
    return about


def _gate(source: Source, wanted: Wanted, run: Predict, digest: str) -> Parity:
    if FORMATS[wanted.format].int8:
        texts = [entry.text for entry in source.bundle.classes]
        return verify.compare_int8(run, source.predict, source.test, texts, digest=digest)
    return verify.compare(run, source.predict, source.test.images, digest=digest)


def _graph(source: Source, wanted: Wanted) -> bytes:
    """The ONNX graph, in eight bits where that is wanted, with the input that is wanted."""
    graph = source.bundle.graph
    if FORMATS[wanted.format].int8:
        graph = to_int8(graph, source.held_out.images)
    if wanted.ends == Ends():
        return graph
    model = with_input(onnx.load_from_string(graph), wanted.ends.layout, wanted.ends.channels)
    return bytes(model.SerializeToString(deterministic=True))


def _proven_graph(
    source: Source, wanted: Wanted, reporter: Reporter
) -> tuple[bytes, Parity, Agreement | None]:
    """A bare graph with all metadata, its proof, and how good the imaging step inside it is."""
    if not wanted.ends.preprocessing:
        graph = _labelled(_graph(source, wanted), source.bundle, wanted)
        run = onnx_run(graph, wanted.ends)
        return graph, _gate(source, wanted, run, sha256(graph)), None
    # The network behind the imaging step passes the gate; then the whole is measured.
    behind = _graph(source, replace(wanted, ends=Ends()))
    parity = _gate(source, wanted, verify.onnx_run(behind), sha256(behind))
    model = onnx.load_from_string(behind)
    model = with_preprocessing(model, source.bundle.input_size, wanted.ends)
    graph = _labelled(model.SerializeToString(deterministic=True), source.bundle, wanted)
    run = onnx_run(graph, wanted.ends)
    network, channels = verify.onnx_run(behind), wanted.ends.channels
    return graph, parity, measure_agreement(run, network, source, channels, reporter)


def _labelled(graph: bytes, bundle: Bundle, wanted: Wanted) -> bytes:
    """The graph with what a stranger must know in its own metadata: texts, or JSON."""
    model = onnx.load_from_string(graph)
    about = describe(bundle)
    about["input"] |= _input(wanted)
    known = {item.key for item in model.metadata_props}
    keys = ["name", "created_by", "input", "licence", "calibration", "reject"]
    for key in [*keys, "out_of_distribution"]:
        value = about[key]
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        model.metadata_props.add(key=key, value=text)
    assert {"classes", "script"} <= known  # from the conversion
    model.metadata_props.add(key="recipe_digest", value=str(bundle.recipe.get("digest")))
    return sealed(model.SerializeToString(deterministic=True))


def _own_golden(golden: Golden, run: Predict) -> Golden:
    """The golden vectors with the answers of what was exported, where it may differ."""
    return replace(golden, probabilities=np.asarray(run(golden.inputs), np.float32))
