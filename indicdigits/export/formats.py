"""Every format by name, and what runs each of them here.

A bundle and a bare ONNX file are single files; every other format is a folder (`export.folder`).
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import onnxruntime

from indicdigits.errors import UsageError, VerificationError
from indicdigits.export.folder import Folder
from indicdigits.export.graphs import Ends, input_of
from indicdigits.export.verify import Pixels, Predict, Probabilities
from indicdigits.runtime.bundle import SUFFIX
from indicdigits.runtime.session import open_session

ORT = f"onnxruntime {onnxruntime.__version__}"
Name = Literal[
    "onnx",
    "onnx-int8",
    "stablehlo",
    "tflite",
    "tflite-int8",
    "savedmodel",
    "openvino",
    "triton",
]


@dataclass(frozen=True, kw_only=True)
class Format:
    """What is known of a format.

    Attributes:
        module: Of those that are folders, the file here with `open_model` and `engine`.
        build: Its function there that makes the model's files.
        of_graph: Whether it is made from the ONNX graph, which a bundle has; else the network.
        layouts: Whether its input may have another layout or three channels.
        imaging: Whether the imaging step may be in it.
        int8: Whether it computes in eight bits.
    """

    module: str = ""
    build: str = "build"
    of_graph: bool = False
    layouts: bool = False
    imaging: bool = False
    int8: bool = False


FORMATS: dict[Name, Format] = {
    "onnx": Format(of_graph=True, layouts=True, imaging=True),
    "onnx-int8": Format(of_graph=True, layouts=True, imaging=True, int8=True),
    "stablehlo": Format(module="stablehlo"),
    "tflite": Format(module="tflite"),
    "tflite-int8": Format(module="tflite", build="build_int8", int8=True),
    "savedmodel": Format(module="savedmodel"),
    "openvino": Format(module="openvino", of_graph=True, layouts=True),
    "triton": Format(module="triton", of_graph=True, layouts=True, imaging=True),
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to export.

    Attributes:
        format: Its name.
        plain: Of "onnx" and "onnx-int8": whether the bare graph is wanted, rather than a bundle.
        ends: How pictures come into the graph.

    Raises:
        UsageError: The format cannot be had that way.
    """

    format: Name = "onnx"
    plain: bool = False
    ends: Ends = field(default_factory=Ends)

    def __post_init__(self) -> None:
        kind = FORMATS[self.format]
        if self.plain and kind.module:
            raise UsageError(
                f"{self.format} is no ONNX file", where="--plain", allowed="onnx, onnx-int8"
            )
        plain_or_folder = self.plain or bool(kind.module)
        for option, asked, able in (
            ("--with-preprocessing", self.ends.preprocessing, kind.imaging),
            (
                "--layout, --channels",
                replace(self.ends, preprocessing=False) != Ends(),
                kind.layouts,
            ),
        ):
            if asked and not (able and plain_or_folder):
                names = [
                    f"{name} --plain" if not one.module else name
                    for name, one in FORMATS.items()
                    if (one.imaging if "pre" in option else one.layouts)
                ]
                raise UsageError(
                    f"{self.format} takes pictures (N,S,S,1) as they are after the imaging step",
                    where=option,
                    allowed=", ".join(names),
                )

    def file_name(self, name: str) -> str:
        """What the file or folder is called when nobody says."""
        if FORMATS[self.format].module:
            return f"{name}-{self.format}"
        ends = ("-nchw" if self.ends.layout == "NCHW" else "", "-rgb" * (self.ends.channels == 3),
                "-preprocessing" * self.ends.preprocessing)  # fmt: skip
        kind = self.format.removeprefix("onnx") + "".join(ends)
        return f"{name}{kind}{'.onnx' if self.plain else SUFFIX}"


def module_of(name: Name) -> Any:
    """The file with a format's functions.

    Raises:
        ModuleNotFoundError: What the format needs is not installed.
    """
    return importlib.import_module(f"indicdigits.export.{FORMATS[name].module}")


def open_folder(found: Folder) -> tuple[str, Predict]:
    """What runs an exported folder here, and its name and version.

    Raises:
        ModuleNotFoundError: What would run it is not installed.
        VerificationError: It cannot be run.
    """
    if found.kind not in FORMATS:
        raise VerificationError(
            f"is of the format {found.kind!r}",
            where=found.path,
            allowed=", ".join(FORMATS),
            hint="upgrade: pip install --upgrade indicdigits",
        )
    ends = Ends(**{key: found.about["input"][key] for key in Ends.__dataclass_fields__})
    if found.kind == "triton":
        graph = (found.path / found.about["name"] / "1" / "model.onnx").read_bytes()
        return ORT, onnx_run(graph, ends)
    module = module_of(cast(Name, found.kind))
    return module.engine(), open_model(module, found.path, ends)


def open_model(module: Any, folder: Path, ends: Ends) -> Predict:
    """What runs a model that one of the files here has made, which lies in a folder."""
    run: Predict = (
        module.open_model(folder, ends) if hasattr(module, "WEIGHTS") else module.open_model(folder)
    )
    return run


def onnx_run(graph: bytes, ends: Ends) -> Predict:
    """What runs an ONNX graph, however pictures come into it."""
    session = open_session(graph, threads=1, where="the exported graph")

    def run(inputs: Pixels) -> Probabilities:
        return np.asarray(session.run(["probabilities"], {"image": input_of(inputs, ends)})[0])

    return run
