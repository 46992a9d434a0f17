"""The weights that ship with the package, found without importing what reads them."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

MANIFEST = "manifest.json"  # names what a checkpoint folder holds


def shipped_weights() -> dict[str, Path]:
    """Name -> checkpoint folder of the backbones that ship with the package."""
    folder = Path(str(files("indicdigits.checkpoints")))
    return {path.parent.name: path.parent for path in sorted(folder.glob(f"*/{MANIFEST}"))}
