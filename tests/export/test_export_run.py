"""From a run to a bundle, or to no bundle."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import indicdigits
from indicdigits.errors import ParityError, UsageError, VerificationError
from indicdigits.export import contents
from indicdigits.export import source as sources
from indicdigits.export.contents import Contents
from indicdigits.export.formats import Wanted
from indicdigits.export.writer import export
from indicdigits.progress import Reporter
from indicdigits.runtime import bundle as bundles
from indicdigits.runtime.acceptance import Acceptance
from indicdigits.runtime.reader import Reader

QUIET = Reporter(quiet=True)


@pytest.fixture(scope="module")
def answers() -> dict[bytes, np.ndarray]:
    """What the network answered, so that it is compiled once for each set of pictures."""
    return {}


@pytest.fixture
def gathered(source, graph, answers, monkeypatch) -> None:
    """A run that needs no training, and a graph that was converted before."""

    def remembered(self, images, right=Contents.predict):
        if images.tobytes() not in answers:
            answers[images.tobytes()] = right(self, images)
        return answers[images.tobytes()]

    monkeypatch.setattr(Contents, "predict", remembered)
    monkeypatch.setattr(contents, "gather", lambda run, reporter: source)
    monkeypatch.setattr(sources, "to_onnx", lambda *_, **__: graph)


@pytest.mark.usefixtures("gathered")
def test_bundle_of_a_run(source, tmp_path):
    """The bundle reads by itself and says what it was made from and how good it is."""
    path = export(tmp_path, Wanted(), tmp_path / "new" / "a.indicdigits", QUIET).path
    bundle = bundles.read(path)
    assert (bundle.name, bundle.script) == ("bars", "devanagari")
    assert bundle.recipe["digest"] == source.recipe.digest()
    assert bundle.recipe["resolved"]["data"]["input_size"] == 28
    assert bundle.metrics["seeds"] == [0]
    assert bundle.metrics["part"] == "test"
    assert bundle.metrics["n"] == 40
    assert "mistakes" not in bundle.metrics
    assert "Apache-2.0" in bundle.licence
    assert bundle.created_by == f"indicdigits {indicdigits.__version__}"
    assert bundle.card.startswith("# Devanagari")
    assert bundle.acceptance == Acceptance()
    assert path.stat().st_size < 1_000_000
    reader = indicdigits.load(path)
    reader.check_golden()
    pictures = bundle.golden.pictures
    assert len(pictures) == 12
    assert len({picture.shape for picture in pictures}) >= 8
    assert reader(pictures[-1]).reason == "no ink found"


@pytest.mark.usefixtures("gathered")
def test_same_run_same_file(tmp_path):
    """Exporting the same run twice gives the same bytes."""
    first = export(tmp_path, Wanted(), tmp_path / "a.indicdigits", QUIET).path
    second = export(tmp_path, Wanted(), tmp_path / "b.indicdigits", QUIET).path
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.usefixtures("gathered")
def test_default_place(source, tmp_path):
    """Without a file named, the bundle goes into the run folder."""
    assert export(tmp_path, Wanted(), None, QUIET).path == source.folder / "bars.indicdigits"


@pytest.mark.usefixtures("gathered")
@pytest.mark.parametrize("before", [None, b"an older bundle"])
def test_failed_gate(tmp_path, monkeypatch, before):
    """A graph that answers differently leaves no file, and an older one as it was."""
    path = tmp_path / "a.indicdigits"
    if before is not None:
        path.write_bytes(before)
    right = Contents.predict

    def wrong(self, images):
        return np.roll(right(self, images), 1, axis=1)

    monkeypatch.setattr(Contents, "predict", wrong)
    with pytest.raises(ParityError):
        export(tmp_path, Wanted(), path, QUIET)
    left = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert left == ({} if before is None else {"a.indicdigits": before})


@pytest.mark.usefixtures("gathered")
def test_bundle_that_does_not_replay(tmp_path, monkeypatch):
    """A bundle whose golden vectors do not replay is never written."""

    def broken(self):
        raise VerificationError("golden")

    monkeypatch.setattr(Reader, "check_golden", broken)
    with pytest.raises(VerificationError, match="golden"):
        export(tmp_path, Wanted(), tmp_path / "a.indicdigits", QUIET)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("gathered")
def test_output_is_a_folder(tmp_path):
    """A folder as the output is a usage error, before anything is computed."""
    with pytest.raises(UsageError, match="is a folder"):
        export(tmp_path, Wanted(), tmp_path, QUIET)


def test_no_run(tmp_path):
    """A folder without a run, or none at all, is a usage error."""
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(UsageError, match="no run"):
            export(path, Wanted(), None, QUIET)


def test_report_of_other_weights(source, tmp_path, monkeypatch):
    """Figures of a report go into the bundle only when they are of these weights and thresholds."""
    (tmp_path / "report").mkdir()
    report = tmp_path / "report" / "metrics.json"
    loaded = contents.LoadedModel(
        model=source.model, recipe=source.recipe, info={"kind": "weights"}
    )
    evaluation = type("Evaluation", (), {"metrics": {"fresh": True}})
    monkeypatch.setattr(contents, "evaluate", lambda run, reporter: evaluation)
    report.write_text(json.dumps(source.metrics))
    assert contents._metrics(tmp_path, loaded, Acceptance(), QUIET)["n"] == 40
    others = {"recipe_digest": "other"}, {"schema": 1}, {"part": "train"}, {"of_recipe": False}
    for other in others:
        report.write_text(json.dumps(source.metrics | other))
        assert contents._metrics(tmp_path, loaded, Acceptance(), QUIET) == {"fresh": True}
    report.write_text(json.dumps(source.metrics))
    warmer = Acceptance(temperature=1.5)
    assert contents._metrics(tmp_path, loaded, warmer, QUIET) == {"fresh": True}


def test_licence(recipe):
    """The licence names each data set once, what the weights started from, or the owner's words."""
    assert contents.licence(recipe).startswith("cmaterdb/devanagari: Apache-2.0")
    started = replace(recipe, start=replace(recipe.start, weights="mnist-cnn"), licence="CC0")
    backbone = "weights started from mnist-cnn (mnist: commonly listed as CC BY-SA 3.0)"
    assert contents.licence(started) == f"CC0; {backbone}"
