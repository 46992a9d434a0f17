"""The parity gate, with networks that differ from their graph in one way each."""

from __future__ import annotations

import numpy as np
import pytest

from indicdigits.errors import ParityError
from indicdigits.export import verify


@pytest.fixture(scope="module")
def answers(graph):
    return verify.onnx_run(graph)


def test_agreement(answers, test_split):
    """A network that answers like its graph passes, blank, inverted and noise pictures included."""
    seen = []

    def predict(inputs):
        seen.append(inputs)
        return answers(inputs)

    parity = verify.compare(answers, predict, test_split.images, digest="")
    assert parity.differing_decisions == 0
    inputs = np.concatenate(seen)
    np.testing.assert_array_equal(inputs[:40], test_split.images)
    extra = inputs[40:]
    assert any(not image.any() for image in extra)
    np.testing.assert_array_equal(extra[3:19], 255 - test_split.images[:16])


@pytest.mark.parametrize("where", [0, 39, 40, -1])
@pytest.mark.parametrize("by", [2e-4, float("nan")])
def test_one_probability_off(answers, test_split, where, by):
    """One probability of one picture beyond the tolerance, or not a number, fails the gate."""

    def predict(inputs):
        found = answers(inputs)
        found[where, 3] += by
        return found

    with pytest.raises(ParityError) as caught:
        verify.compare(answers, predict, test_split.images, digest="")
    assert caught.value.exit_code == 6


def test_within_tolerance(answers, test_split):
    """Differences below the tolerance pass and are recorded."""
    parity = verify.compare(
        answers, lambda x: answers(x) + np.float32(5e-5), test_split.images, digest=""
    )
    assert parity.max_difference == pytest.approx(5e-5, rel=0.1)


def test_another_decision(answers, test_split):
    """A decision that flips within the tolerance still fails the gate."""
    flat = np.full(10, 0.1, np.float32)

    def predict(inputs):
        found = answers(inputs)
        best = found[0].argmax()
        second = (best + 1) % 10
        found[0, second] = found[0, best] + np.float32(1e-6)
        return found

    assert flat.sum() == pytest.approx(1)
    with pytest.raises(ParityError, match="1 are decided differently"):
        verify.compare(answers, predict, test_split.images, digest="")


def test_other_classes(answers, test_split):
    """A graph with another number of outputs fails the gate."""
    with pytest.raises(ParityError, match="answers with"):
        verify.compare(answers, lambda x: answers(x)[:, :9], test_split.images, digest="")


def test_bounded_batches(answers, test_split, monkeypatch):
    """A large test set goes through whole in parts of bounded size."""
    monkeypatch.setattr(verify, "WHOLE", 32)
    assert verify.compare(answers, answers, test_split.images, digest="").batches == (1, 2, 7, 32)
