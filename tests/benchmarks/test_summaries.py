"""What the benchmarks make of their measurements."""

from __future__ import annotations

import calibration
import numpy as np
import time_to_accuracy
import training_speed


def side(*rounds: float) -> dict[str, object]:
    """A side's record."""
    return {"images_per_second": sorted(rounds)[len(rounds) // 2], "rounds": list(rounds)}


def test_fastest_layout_counts() -> None:
    """Ours is compared with the peer's better layout, round by round."""
    found = training_speed.summary(
        {
            "ours": side(10.0, 20.0, 30.0),
            "PyTorch, NCHW": side(5.0, 5.0, 5.0),
            "PyTorch, channels_last": side(10.0, 40.0, 10.0),
        }
    )
    assert found["best"]["PyTorch"] == "PyTorch, channels_last"
    assert found["ratios"] == {"ours / PyTorch": 1.0}
    text = training_speed.tables({"cnn": found})
    assert "| `cnn` | 20 | - | 10 | - | - | - |" in text
    assert "| `cnn` | 1.00 | - | - |" in text


def test_a_target_never_reached_is_said() -> None:
    """A side that never gets there has no time, and its best is shown."""
    fast = time_to_accuracy.record([(5.0, 0.98), (8.0, 0.991), (12.0, 0.996)])
    slow = time_to_accuracy.record([(20.0, 0.98), (40.0, 0.992)])
    assert fast["reached"] == {"0.99": 8.0, "0.995": 12.0}
    assert slow["reached"] == {"0.99": 40.0, "0.995": None}
    text = time_to_accuracy.table({"ours": [fast], "peer": [slow]}, "peer")
    assert "| ours | 8.0 s (0.20) | 12.0 s | 99.60 % |" in text
    assert "| peer | 40.0 s | not in 2 epochs | 99.20 % |" in text


def test_median_counts_failures() -> None:
    """Where most runs never get there, there is no median."""
    there = time_to_accuracy.record([(1.0, 0.999)])
    never = time_to_accuracy.record([(1.0, 0.5)])
    assert time_to_accuracy.median([there, there, never], 0.99) == 1.0
    assert time_to_accuracy.median([there, never, never], 0.99) is None


def test_what_is_refused_and_what_is_wrong_is_counted_apart() -> None:
    """A wrong answer that is refused is no error; leaked pictures are counted apart."""
    columns = {
        "right": np.array([True, True, False, False, False]),
        "accepted": np.array([True, False, True, True, False]),
        "leaked": np.array([False, False, True, False, False]),
    }
    everything = np.ones(5, bool)
    assert calibration.outcome(columns, everything) == {
        "n": 5,
        "refused": 2,
        "wrong": 2,
        "wrong_without_leaked": 1,
        "wrong_without_refusing": 3,
    }
    twice = calibration.pool([columns, columns])
    assert calibration.outcome(twice, np.ones(10, bool))["refused"] == 4
