"""`calibrate` as a user meets it: folds, the file, and what becomes of it in a bundle."""

from __future__ import annotations

import json
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import run, start

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.usefixtures("training_home"),
]


def test_from_a_run_to_a_bundle_that_refuses(bars: Path) -> None:
    """The folds are trained once, and temperature and thresholds go into the bundle."""
    folder = bars.parent
    run(folder, "finetune", "--recipe", "bars.toml", "--out", "out")
    weights = (folder / "out" / "checkpoints" / "final" / "manifest.json").read_bytes()
    answer = json.loads(run(folder, "calibrate", "out", "--folds", "2", "--json"))
    assert answer["out_of_fold"]["calibration"]["n"] == 87
    assert answer["folds"] == 2
    kept = sorted(path.name for path in (folder / "out" / "folds").iterdir())
    assert kept == ["1-of-2.npz", "2-of-2.npz"]
    file = folder / "out" / "calibration.json"
    assert json.loads(file.read_text()) == {k: v for k, v in answer.items() if k != "file"}
    assert (folder / "out" / "checkpoints" / "final" / "manifest.json").read_bytes() == weights
    process = start(folder, "calibrate", "out", "--folds", "2")
    text, progress = process.communicate(timeout=120)
    assert "to train on" not in progress  # nothing is trained again
    assert f"temperature {answer['calibration']['temperature']:.3f}" in text

    run(folder, "export", "out", "-o", "bars.indicdigits")
    about = json.loads(run(folder, "inspect", "bars.indicdigits", "--json"))
    for table in ("calibration", "reject", "out_of_distribution"):
        assert about[table] == answer[table]
    assert "--error-rate 0.001: below " in run(folder, "inspect", "bars.indicdigits")
    Image.fromarray(np.full((30, 30), 255, np.uint8)).save(folder / "paper.png")
    words = ("predict", "bars.indicdigits", "paper.png", "--error-rate", "0.01")
    assert "not accepted: no ink found" in run(folder, *words)

    changed = json.loads(file.read_text()) | {"recipe_digest": "0" * 64}
    file.write_text(json.dumps(changed))
    errors = run(folder, "export", "out", "-o", "other.indicdigits", code=5)
    assert "calibration.json: was made for another recipe or data" in errors
    assert not (folder / "other.indicdigits").exists()


def test_interrupted_it_goes_on(bars: Path) -> None:
    """SIGTERM in the second fold: the same command goes on, to what no interruption gives."""
    folder, epochs = bars.parent, "phases.finetune.epochs=150"
    run(folder, "finetune", "--recipe", "bars.toml", "--set", epochs, "--out", "whole")
    shutil.copytree(folder / "whole", folder / "parts")
    run(folder, "calibrate", "whole", "--folds", "2")
    history = folder / "parts" / "folds" / "2-of-2" / "metrics.jsonl"
    process = start(folder, "calibrate", "parts", "--folds", "2")
    deadline = time.monotonic() + 120
    while not history.is_file():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGTERM)
    errors = process.communicate(timeout=120)[1]
    # On a busy machine the fold may be trained by now, and its pictures are being read.
    assert process.returncode in (143, -signal.SIGTERM), errors
    assert process.returncode < 0 or "indicdigits calibrate parts --folds 2" in errors
    assert not (folder / "parts" / "calibration.json").exists()
    run(folder, "calibrate", "parts", "--folds", "2")
    files = [folder / name / "calibration.json" for name in ("whole", "parts")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_what_is_no_finished_run(bars: Path) -> None:
    """A folder that is no run, or one that is not finished, is a usage error."""
    folder = bars.parent
    assert "no finished run is here" in run(folder, "calibrate", "nowhere", code=2)
    run(folder, "finetune", "--recipe", "bars.toml", "--out", "out")
    shutil.rmtree(folder / "out" / "checkpoints" / "final")
    assert "no finished run is here" in run(folder, "calibrate", "out", code=2)
