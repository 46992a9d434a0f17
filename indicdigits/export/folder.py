"""An export that is a folder: the model's files, and beside them all that a bundle would say.

about.json    what bundle.json says of the reader, the format, the proof, a digest of each file
labels.txt    the text of each class, a line each, in the order of the outputs
card.md       the card for people
golden.npz    golden vectors, as in a bundle
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from indicdigits.data.storage import flush, storage_errors, temporary_beside
from indicdigits.errors import UsageError, VerificationError
from indicdigits.runtime.archive import read_file
from indicdigits.runtime.bundle import CARD, GOLDEN, LIMITS, SCHEMA, Bundle, describe
from indicdigits.runtime.container import MANIFEST_LIMIT, digest_of, sha256
from indicdigits.runtime.fields import Table
from indicdigits.runtime.golden import Golden
from indicdigits.runtime.parity import Parity

FORMAT = "indicdigits-export"
ABOUT, LABELS = "about.json", "labels.txt"
HINT = "free some space, or name another place with --out"


@dataclass(frozen=True, kw_only=True, eq=False)
class Folder:
    """A folder that was exported, with what it says about itself.

    Attributes:
        path: Where it lies.
        about: The content of about.json.
    """

    path: Path
    about: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The format, such as "tflite"."""
        return str(self.about["kind"])

    @property
    def size(self) -> int:
        """Side of the network's input, pixels."""
        return int(self.about["input"]["size"])

    @cached_property
    def golden(self) -> Golden:
        """The golden vectors.

        Raises:
            VerificationError: They are not what they should be.
        """
        data = read_file(self.path / GOLDEN, LIMITS[GOLDEN])
        classes = len(self.about["classes"])
        return Golden.from_bytes(data, size=self.size, classes=classes, where=self.path)

    @cached_property
    def parity(self) -> Parity:
        """The proof that it answers like the network.

        Raises:
            VerificationError: It is not what it should be.
        """
        table = Table(self.about, where=self.path / ABOUT)
        return Parity.of(table.table("parity"), table.text("graph_sha256"))


def write(
    path: Path,
    model: Mapping[str, bytes],
    bundle: Bundle,
    gate: Callable[[Path], tuple[Parity, Golden]],
    **about: Any,
) -> Folder:
    """Writes a folder that passes the gate; what stood at `path` before stays until then.

    Args:
        path: The folder; one of an earlier export of the same kind is replaced.
        model: The model's files by name, which may have folders in it.
        bundle: What is said about the reader.
        gate: Opens the model in a folder and compares it; gives the proof and golden vectors.
        about: Further fields of about.json: `kind`, `graph_sha256`, `input`, and others.

    Raises:
        ParityError: From the gate; nothing is left.
        StorageError: The disk refused.
        UsageError: Something else is at `path`.
    """
    check_place(path, str(about["kind"]))
    temporary = temporary_beside(path)
    with storage_errors(path, HINT):
        try:
            _write_all(temporary, model)
            parity, golden = gate(temporary)
            texts = [entry.text for entry in bundle.classes]
            beside = {
                LABELS: "".join(f"{text}\n" for text in texts).encode(),
                CARD: card_of(bundle, parity).encode(),
                GOLDEN: golden.to_bytes(),
            }
            _write_all(temporary, beside)
            said = describe(bundle)
            about["input"] = said["input"] | about["input"]
            members = {
                name: {"sha256": sha256(data), "bytes": len(data)}
                for name, data in sorted({**model, **beside}.items())
            }
            said |= {"format": FORMAT, "parity": parity.table(about["kind"]), **about}
            said["members"] = members
            said["digest"] = digest_of(said)
            text = json.dumps(said, indent=1, ensure_ascii=False, allow_nan=False)
            _write_all(temporary, {ABOUT: f"{text}\n".encode()})
            _put_in_place(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return Folder(path=path, about=said)


def card_of(bundle: Bundle, parity: Parity) -> str:
    """A reader's card; of one that computes in eight bits, with what they cost."""
    loss = parity.int8
    if loss is None:
        return bundle.card
    changed = [
        f"| {one.picture} | {one.truth} | {one.before} | {one.after} |" for one in loss.changed
    ]
    return "\n".join(
        [
            bundle.card.rstrip(),
            "\n## Eight bits\n",
            "The figures above are those of the network in floats. This computes in eight bits: "
            f"of {loss.pictures:,} test pictures it reads {loss.int8_errors} wrong, the network "
            f"{loss.errors}; {len(changed)} are read differently.\n",
            *(["| picture | is | floats | eight bits |", "|---|---|---|---|"] if changed else []),
            *changed,
            "",
        ]
    )


def check_place(path: Path, kind: str) -> None:
    """Refuses to replace anything but an earlier export of the same kind.

    Raises:
        UsageError: Something else is there.
    """
    if not os.path.lexists(path) or (path.is_dir() and not any(path.iterdir())):
        return
    try:
        if path.is_dir() and read(path).kind == kind:
            return
    except (UsageError, VerificationError):
        pass
    raise UsageError(
        "is there already, and is no export of this kind",
        where=path,
        allowed=f"a new place, or an earlier export --format {kind}",
    )


def read(path: Path, *, whole: bool = False) -> Folder:
    """Reads what a folder says about itself.

    Args:
        path: The folder.
        whole: Whether every file must be the one that was written.

    Raises:
        UsageError: Nothing was exported there.
        VerificationError: It was changed, or a newer version made it.
    """
    if not (path / ABOUT).is_file():
        raise UsageError("holds no export", where=path, allowed=f"a folder with {ABOUT}")
    try:
        about = json.loads(read_file(path / ABOUT, MANIFEST_LIMIT))
    except ValueError as error:
        raise VerificationError(f"is no JSON: {error}", where=path / ABOUT) from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise VerificationError("is no export of indicdigits", where=path / ABOUT)
    table = Table(about, where=path / ABOUT)
    table.whole("schema", 1, SCHEMA)
    if table.text("digest") != digest_of(about):
        raise VerificationError("was changed after it was written", where=path / ABOUT)
    if whole:
        for name in table.table("members").data:
            _check_member(path, name, table.table("members").table(name).text("sha256"))
    return Folder(path=path, about=about)


def _check_member(path: Path, name: str, digest: str) -> None:
    inside = path / name
    if not inside.resolve().is_relative_to(path.resolve()):
        raise VerificationError(f"names a file outside it: {name!r}", where=path / ABOUT)
    if not inside.is_file() or sha256(read_file(inside)) != digest:
        raise VerificationError(
            f"{name} is missing, or not the file that was written: its SHA-256 differs",
            where=path,
            hint="export it again",
        )


def _write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        flush(file)


def _put_in_place(temporary: Path, path: Path) -> None:
    """Moves the new folder to where the old one stands, which goes."""
    old = temporary_beside(path)
    if os.path.lexists(path):
        path.replace(old)
    try:
        temporary.replace(path)
    except OSError:
        if os.path.lexists(old):
            old.replace(path)
        raise
    shutil.rmtree(old, ignore_errors=True)
