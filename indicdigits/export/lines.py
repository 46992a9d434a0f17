"""The run of a sequence reader -> its bundle: graph, proof, mixture, figures, card."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import jax
import jinja2
import numpy as np
import numpy.typing as npt

import indicdigits
from indicdigits.data.lines import Hand, LineBatches, hands_of, symbols_of
from indicdigits.data.strings import Style, compose
from indicdigits.errors import UsageError
from indicdigits.evaluation.lines import LENGTH, SPACINGS, fit_mixture, measure, written
from indicdigits.export.onnx import convert
from indicdigits.imaging.strip import ROWS
from indicdigits.models.sequence import SequenceNet
from indicdigits.progress import Reporter
from indicdigits.reading.sequence import SequenceReader
from indicdigits.reading.strings import LineReader
from indicdigits.registry import DATASETS
from indicdigits.runtime import line_bundle
from indicdigits.runtime.container import sha256
from indicdigits.runtime.line_bundle import LineBundle, LineSymbol, Mixture, Pooled
from indicdigits.runtime.parity import Parity
from indicdigits.runtime.reader import Reader
from indicdigits.training import ctc
from indicdigits.training.weights import load_weights

FIT_LINES = 1200  # of each hand, for the mixture
TEST_LINES = 200  # of each hand and spacing, for the figures
_PROOF_BATCHES = 8
_GOLDEN = 6  # lines
_HALVES = Pooled(choice=0.5, lattice=0.5, sequence=0.5, threshold=0.5)
_UNFITTED = Mixture(apart=_HALVES, touching=_HALVES, reader="")


def export_lines(run: Path, reader: Reader, output: Path, reporter: Reporter) -> LineBundle:
    """Makes and writes the bundle of a finished run.

    Args:
        run: Of `indicdigits lines`.
        reader: The reader of single digits that it shall be joined with.
        output: The file to write.
        reporter: Where progress goes.

    Raises:
        UsageError: The two read different digits.
        CheckpointError: The run is not finished, or damaged.
        ParityError: The graph answers differently from the network.
        DataError: The digits cannot be had.
    """
    recipe, root, _ = ctc.read_run(run)
    loaded = load_weights(run)
    model, symbols = ctc.network(recipe, loaded), symbols_of(recipe)
    fit = written(hands_of(recipe, root, "fit", reporter))
    test = written(hands_of(recipe, root, "test", reporter))
    reporter.say("converting to ONNX")
    graph = to_onnx(model)
    parity = _compare(graph, model, fit)
    reporter.say(parity.in_words())
    bundle = LineBundle(
        name=recipe.script,
        script=recipe.script,
        symbols=tuple(LineSymbol(text=s.text, ascii=s.ascii) for s in symbols),
        graph=graph,
        card="",
        golden_npz=_golden(graph, fit[0]),
        parity=parity,
        mixture=_UNFITTED,
        metrics={},
        licence=_licence(loaded.info["datasets"]),
        recipe={"digest": recipe.digest(), "settings": loaded.info["settings"]},
        created_by=f"indicdigits {indicdigits.__version__}",
    )
    bundle = _joined(bundle, reader, fit, reporter)
    metrics = _figures(bundle, reader, test, reporter) | {
        "trained_on": loaded.info["hands"],
        "seconds": loaded.info["seconds"],
        "lattice_reader": {"name": reader.name, "digest": reader.bundle.recipe["digest"]},
    }
    bundle = replace(bundle, metrics=metrics)
    bundle = replace(bundle, card=card(bundle))
    line_bundle.write(bundle, output)
    reporter.say(f"wrote {output} ({output.stat().st_size / 1000:,.0f} kB)")
    return bundle


def _licence(datasets: Iterable[str]) -> str:
    """The licences of all data that the weights have learnt from."""
    names = dict.fromkeys(name.partition("/")[0] for name in datasets)
    return "; ".join(f"{name}: {DATASETS.get(name).licence}" for name in names)


def to_onnx(model: SequenceNet) -> bytes:
    """Converts a sequence reader: `strip` (N,ROWS,W,1) -> `probabilities` (N,W/2,1 + C).

    Raises:
        VerificationError: Something in the network cannot be said in ONNX.
    """

    def answer(strip: jax.Array) -> jax.Array:
        return jax.nn.softmax(model(strip), axis=-1)

    graph = convert(answer, [("N", ROWS, "W", 1)], "strip")
    return bytes(graph.SerializeToString(deterministic=True))


def _compare(graph: bytes, model: SequenceNet, hands: list[Hand]) -> Parity:
    """The proof: graph and network on strips of several widths, alone and in batches."""
    ask = ctc.predictor(model)
    session = line_bundle.session_of(graph)
    batches = LineBatches(hands, size=16, seed=1)
    largest, differing, count = 0.0, 0, 0
    for number in range(_PROOF_BATCHES):
        strips = batches.get(number).strips
        expected = ask(strips)
        for part in (strips, strips[:1]):
            found = line_bundle.answer(session, part)
            off = np.abs(found - expected[: len(part)])
            largest = max(largest, float(off.max()))
            other = found.argmax(axis=2) != expected[: len(part)].argmax(axis=2)
            differing += int(other.any(axis=1).sum())
        count += len(strips)
    return Parity(
        graph_sha256=sha256(graph),
        pictures=count,
        batches=(1, 16),
        max_difference=largest,
        differing_decisions=differing,
    )


def _golden(graph: bytes, hand: Hand) -> bytes:
    rng = np.random.default_rng(2)
    lines: list[npt.NDArray[np.uint8]] = []
    for number in range(_GOLDEN):
        text = "".join(map(str, rng.integers(0, 10, LENGTH)))
        style = Style(spacing=SPACINGS[number % len(SPACINGS)])
        lines.append(compose(text, hand.pool, rng, style).ink)
    return line_bundle.golden_of(lines, graph)


def _joined(
    bundle: LineBundle, reader: Reader, hands: list[Hand], reporter: Reporter
) -> LineBundle:
    sequence = SequenceReader(bundle)
    if not sequence.suits(reader):
        raise UsageError(
            f"reads other digits than {reader.name}",
            where=bundle.name,
            allowed="a reader of the same script",
        )
    read = LineReader(reader, sequence=sequence)
    mixture = fit_mixture(read, hands, FIT_LINES, reporter, name=reader.name)
    for case, pooled in (("apart", mixture.apart), ("touching", mixture.touching)):
        reporter.say(
            f"{case}: chosen by {pooled.choice:.2f} of the lattice; how sure, by "
            f"{pooled.lattice:.2f} of it and {pooled.sequence:.2f} of the sequence reader; "
            f"accepted from {pooled.threshold:.4f}"
        )
    return replace(bundle, mixture=mixture)


def _figures(
    bundle: LineBundle, reader: Reader, hands: list[Hand], reporter: Reporter
) -> dict[str, Any]:
    read = LineReader(reader, sequence=SequenceReader(bundle))
    return {"part": "test", "lines": measure(read, hands, TEST_LINES, reporter)}


def card(bundle: LineBundle) -> str:
    """The card of a sequence reader, Markdown."""
    template = resources.files("indicdigits.export").joinpath("line_card.md.jinja")
    environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined)
    made = environment.from_string(template.read_text(encoding="utf-8"))
    return made.render(bundle=bundle, **bundle.metrics, **bundle.recipe) + "\n"
