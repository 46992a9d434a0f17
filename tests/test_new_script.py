"""The tutorial of docs/new-script.md, as it is printed there."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from indicdigits.data.fonts import font_path_for
from tests.conftest import Run

TUTORIAL = Path(__file__).resolve().parent.parent / "docs" / "new-script.md"


@pytest.mark.slow
def test_the_tutorial(command: Run, tmp_path: Path, data_home: Path) -> None:
    """Every command of the tutorial works in an empty folder; what it makes reads a digit."""
    if font_path_for("𑄶𑄷𑄸𑄹𑄺𑄻𑄼𑄽𑄾𑄿") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no font of Chakma: install fonts-noto-core", pytrace=False)
        pytest.skip("no font of Chakma: install fonts-noto-core")
    block = re.search(r"```sh\n(.*?)```", TUTORIAL.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    lines = [line.split() for line in block.group(1).splitlines()]
    assert len(lines) == 6
    for words in lines:
        assert words[0] == "indicdigits"
        # one epoch: the way is tested here, not what is reached
        short = ["--set", "phases.finetune.epochs=1"] if words[1] == "finetune" else []
        short += ["--set", "augment.copies=1"] if short else []
        done = command(*words[1:], *short, timeout=300)
        assert done.returncode == 0, done.stderr
    assert "drawn digits only" in command("evaluate", "runs/chakma", "-q").stdout
    read = command("predict", "chakma.indicdigits", "sheet.png", "--json")
    assert '"text": "' in read.stdout
