"""Graphs in eight bits: smaller, checked picture by picture, refused where they lose too much."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from indicdigits.data.parts import Split
from indicdigits.errors import DataError, ParityError
from indicdigits.export import quantize, verify
from indicdigits.runtime import bundle as bundles
from indicdigits.runtime.parity import Change, Loss, Parity


@pytest.fixture(scope="module")
def int8(small: bundles.Bundle, drawn: tuple[np.ndarray, np.ndarray]) -> bytes:
    return quantize.to_int8(small.graph, drawn[0])


def test_a_third_of_the_size(small: bundles.Bundle, int8: bytes) -> None:
    """Promise: `cnn-nano` in eight bits is below 40 kB, with the same ends and metadata."""
    assert len(int8) < 40_000 < len(small.graph)
    before, after = onnx.load_from_string(small.graph), onnx.load_from_string(int8)
    assert before.graph.input == after.graph.input
    assert before.graph.output == after.graph.output
    assert {p.key: p.value for p in before.metadata_props} == {
        p.key: p.value for p in after.metadata_props
    }


def test_same_pictures_same_graph(
    small: bundles.Bundle, drawn: tuple[np.ndarray, np.ndarray], int8: bytes
) -> None:
    """Promise: quantising again gives the same bytes."""
    assert quantize.to_int8(small.graph, drawn[0]) == int8


def test_what_it_costs(
    small: bundles.Bundle, drawn: tuple[np.ndarray, np.ndarray], int8: bytes
) -> None:
    """Promise: errors of both are counted, and the pictures that changed are named."""
    images, labels = drawn
    test = Split(images=images, labels=labels, keys=np.zeros(len(labels), "S32"), name="drawn")
    network = verify.onnx_run(small.graph)

    def doubting(inputs: np.ndarray) -> np.ndarray:
        """The network, but for two digits that it takes for the next one."""
        found = network(inputs)
        found[:2] = np.roll(found[:2], 1, axis=1)
        return found

    texts = [entry.text for entry in small.classes]
    run = verify.onnx_run(int8)
    parity = verify.compare_int8(run, doubting, test, texts, digest="")
    one, two = (answer(images).argmax(axis=1) for answer in (doubting, run))
    assert parity.int8 is not None
    assert parity.int8.pictures == 200
    assert parity.int8.errors == np.count_nonzero(one != labels)
    assert parity.int8.int8_errors == np.count_nonzero(two != labels)
    changed = parity.int8.changed
    assert [int(c.picture[-5:]) for c in changed] == np.flatnonzero(one != two).tolist()
    assert [(c.truth, c.before, c.after) for c in changed[:2]] == [("௦", "௧", "௦")] * 2
    assert parity.differing_decisions >= len(changed)


def test_other_answers_in_other_batches(
    drawn: tuple[np.ndarray, np.ndarray], small: bundles.Bundle
) -> None:
    """Promise: eight bits that answer differently in batches of seven are refused."""
    images, labels = drawn
    test = Split(images=images, labels=labels, keys=np.zeros(len(labels), "S32"), name="drawn")
    network = verify.onnx_run(small.graph)

    def moody(inputs: np.ndarray) -> np.ndarray:
        return network(inputs) + np.float32(0.01 * (len(inputs) == 7))

    texts = [entry.text for entry in small.classes]
    with pytest.raises(ParityError, match="batches of another size"):
        verify.compare_int8(moody, network, test, texts, digest="")


def test_too_much_is_refused() -> None:
    """Promise: more than a tenth of a point lost ends the export; so do answers that are none."""
    change = Change(picture="dhcd/test/00012", truth="३", before="३", after="२")
    good = {"pictures": 1000, "errors": 5, "changed": (change,)}
    loss = Loss(**good, int8_errors=6)
    with pytest.raises(ParityError, match=r"0\.20 points.*dhcd/test/00012 \(३ → २\)") as refused:
        Loss(**good, int8_errors=7)
    assert refused.value.exit_code == 6
    about = {"graph_sha256": "", "pictures": 1000, "batches": (1,), "differing_decisions": 1}
    Parity(**about, max_difference=0.3, int8=loss)
    for wrong in ({"max_difference": float("nan"), "int8": loss}, {"max_difference": 0.0}):
        with pytest.raises(ParityError):
            Parity(**about, **wrong)


def test_nothing_to_look_at(small: bundles.Bundle) -> None:
    """Promise: without pictures there are no ranges, and that is said."""
    with pytest.raises(DataError, match="no pictures"):
        quantize.to_int8(small.graph, np.zeros((0, 28, 28), np.uint8))
