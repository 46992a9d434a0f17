"""What every format is made from: a network whose ONNX graph has passed the gate, and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from indicdigits import recipe as recipes
from indicdigits.data.source import Split, load_data
from indicdigits.errors import UsageError
from indicdigits.export import contents, verify
from indicdigits.export.contents import Contents
from indicdigits.export.onnx import to_onnx
from indicdigits.export.verify import Predict
from indicdigits.progress import Reporter
from indicdigits.recipe import Recipe
from indicdigits.registry.shipped import shipped_weights
from indicdigits.runtime import bundle as bundles
from indicdigits.runtime import shipped
from indicdigits.runtime.bundle import Bundle
from indicdigits.runtime.container import sha256
from indicdigits.runtime.reader import Reader


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """What a format is made from.

    Attributes:
        bundle: The reader with its float graph, which agreed with the network.
        recipe: What it was trained by.
        root: The folder that the recipe's relative paths start from.
        test: The test split.
        held_out: Pictures that were not tested on, for the ranges of int8.
        predict: What every format is compared with: the network, or of a bundle its graph.
        network: The network (`nnx.Module`), or None where there is only a bundle.
        folder: Where files go when nobody says.
    """

    bundle: Bundle
    recipe: Recipe
    root: Path
    test: Split
    held_out: Split
    predict: Predict
    network: Any
    folder: Path


def open_source(what: str | Path, reporter: Reporter, *, network: bool = False) -> Source:
    """Finds what is to be exported, and proves its graph where that was not done before.

    Args:
        what: A run or checkpoint folder, the name of a backbone or reader that ships, or a bundle.
        reporter: Where progress goes.
        network: Whether the network itself is needed, which a bundle has not.

    Raises:
        CheckpointError: The run has no weights, or they are damaged.
        DataError: The test pictures cannot be had.
        ParityError: The graph answers differently from the network.
        UsageError: It is neither run nor bundle, its network is no reader, or it is a bundle
            where the network is needed.
        VerificationError: The bundle is damaged, or the network cannot be said in ONNX.
    """
    path = Path(what)
    if str(what) in shipped_weights() or path.is_dir() or not _is_bundle(what):
        return of_run(contents.gather(what, reporter), reporter)
    file = shipped.find(what)
    if network:
        raise UsageError(
            "a bundle holds the ONNX graph, and this format is made from the network",
            where=file,
            allowed="a run folder, or another format",
            hint="indicdigits finetune … makes a run; --format onnx, openvino and triton take this",
        )
    return _of_bundle(file, reporter)


def _is_bundle(what: str | Path) -> bool:
    """Whether it is a bundle's file, or a name that may be one's; a missing file is none."""
    path = Path(what)
    return path.is_file() or (len(path.parts) == 1 and not path.suffix)


def of_run(source: Contents, reporter: Reporter) -> Source:
    """Converts the network of a run to ONNX, through the gate.

    Raises:
        ParityError: The graph answers differently from the network.
        VerificationError: The network cannot be said in ONNX.
    """
    recipe = source.recipe
    reporter.say(f"converting {recipe.name} to ONNX")
    size = recipe.data.input_size
    graph = to_onnx(source.model, size, recipe.labels, script=recipe.script)
    reporter.say(f"comparing graph and network on {len(source.test.images):,} test pictures")
    run = verify.onnx_run(graph)
    parity = verify.compare(run, source.predict, source.test.images, digest=sha256(graph))
    reporter.say(parity.in_words())
    bundle = source.bundle(graph, parity)
    Reader(bundle).check_golden()
    return Source(
        bundle=bundle,
        recipe=recipe,
        root=source.root,
        test=source.test,
        held_out=source.held_out,
        predict=source.predict,
        network=source.model,
        folder=source.folder,
    )


def _of_bundle(path: Path, reporter: Reporter) -> Source:
    bundle = bundles.read(path)
    if bundle.parity.int8:
        raise UsageError(
            "computes in eight bits, and other formats are made from floats",
            where=path,
            allowed="a run, or a bundle of --format onnx",
        )
    Reader(bundle, where=path).check_golden()
    resolved = tomli_w.dumps(dict(bundle.recipe["resolved"]))
    recipe = recipes.loads(resolved, source=str(path))
    data = load_data(recipe, path.parent, reporter)
    return Source(
        bundle=bundle,
        recipe=recipe,
        root=path.parent,
        test=data.test,
        held_out=data.validation if len(data.validation) else data.train,
        predict=verify.onnx_run(bundle.graph),
        network=None,
        folder=Path(),
    )
