"""Sources of a recipe -> arrays; the only file of the package that talks to TFDS.

Three steps, each whole or not at all: TFDS prepares the data set under home()/tfds, its pictures
are normalised once by the very function that a user's photo goes through, and the arrays are
cached under home()/arrays. From then on loading maps those files and imports no TFDS.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import shutil
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from itertools import compress
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from indicdigits.data.parts import (
    Data,
    Split,
    check_every_class,
    check_shots,
    class_indices,
    joined,
)
from indicdigits.data.request import Request
from indicdigits.data.split import chosen_of_each, first_of_each
from indicdigits.data.storage import (
    as_refusal,
    home,
    refused,
    storage_errors,
    sweep,
    whole_folder,
    write_npy,
)
from indicdigits.errors import DataError, IndicDigitsError
from indicdigits.progress import Reporter
from indicdigits.recipe import ClassEntry, Recipe, Source
from indicdigits.registry import DATASETS
from indicdigits.scripts import SCRIPTS

__all__ = ["Data", "Split", "home", "is_prepared", "load_data", "load_split", "raw_pictures"]

Part = Literal["train", "test"]
PARTS: tuple[Part, ...] = ("train", "test")
ABOUT = "about.json"
Strokes = Mapping[str, tuple[tuple[str, ...], ...]]


def load_data(
    recipe: Recipe, root: Path, reporter: Reporter, *, leave_out: Container[str] = ()
) -> Data:
    """Loads every source of a recipe and carves out the validation part.

    The validation part is stratified by class and source and depends on nothing but the pictures
    and `recipe.data.seed`; identical pictures of a class stay on one side. A source of weight 0
    has neither: its test part alone is loaded; and that not where it is not `tested`.

    Args:
        recipe: With `train_on = "train+validation"`, `train` holds both parts; with `shots`, only
            so many pictures of each class, beside what is drawn.
        root: The folder that the recipe's relative paths start from.
        reporter: Where progress is shown.
        leave_out: Data sets that are not loaded; without them a class may have no picture.

    Raises:
        DataError: The data cannot be had, or do not fit the recipe's classes: a label is none of
            them, or one of them has no picture to train on, or fewer than the shots.
    """

    def load(part: Part, sources: Sequence[Source]) -> list[Split]:
        return [
            load_split(
                source,
                part,
                size=recipe.data.input_size,
                classes=recipe.labels,
                root=root,
                reporter=reporter,
                strokes=recipe.strokes,
            )
            for source in sources
        ]

    options = recipe.data
    wanted = [source for source in options.sources if source.dataset not in leave_out]
    seen = [source for source in wanted if source.weight]
    tested = [source for source in wanted if source.tested]
    splits = load("train", seen)
    held_out = [
        chosen_of_each(split.labels, split.keys, options.validation_fraction, seed=options.seed)
        for split in splits
    ]
    validation = joined([s.take(rows) for s, rows in zip(splits, held_out, strict=True)])
    if options.train_on == "train":
        splits = [split.take(~rows) for split, rows in zip(splits, held_out, strict=True)]
    if options.shots:
        splits = _shots(seen, splits, recipe)
    weighted = [
        split if source.weight == 1 else split.take(_repeated(split, source, options.seed))
        for source, split in zip(seen, splits, strict=True)
    ]
    train = joined(weighted)
    if len(wanted) == len(options.sources):
        check_every_class(train, recipe.labels)
    return Data(train=train, validation=validation, test=joined(load("test", tested)))


def _shots(sources: Sequence[Source], splits: Sequence[Split], recipe: Recipe) -> list[Split]:
    """The splits with so many pictures of each class in all, beside those that are drawn."""
    shots, seed = recipe.data.shots, recipe.data.seed
    real = [not DATASETS.get(s.dataset.partition("/")[0]).drawn for s in sources]
    if not any(real):
        raise DataError(
            "shots are labelled pictures, and every picture here is drawn",
            where="data.shots",
            hint="add a source with pictures, or --set data.shots=0",
        )
    labels = np.concatenate([split.labels for split in compress(splits, real)])
    keys = np.concatenate([split.keys for split in compress(splits, real)])
    check_shots(labels, shots, recipe.labels, " + ".join(s.name for s in compress(splits, real)))
    chosen = first_of_each(labels, keys, shots, seed=seed)
    ends = np.cumsum([len(split) for split in compress(splits, real)])
    parts = iter(np.split(chosen, ends[:-1]))
    return [s.take(next(parts)) if r else s for s, r in zip(splits, real, strict=True)]


def _repeated(split: Split, source: Source, seed: int) -> npt.NDArray[np.intp]:
    """Indices of a split, each as often as its source's weight says."""
    whole, rest = divmod(source.weight, 1.0)
    some = np.flatnonzero(chosen_of_each(split.labels, split.keys, rest, seed=seed))
    return np.concatenate([np.tile(np.arange(len(split)), int(whole)), some])


def load_split(
    source: Source,
    part: Part,
    *,
    size: int,
    classes: tuple[ClassEntry, ...],
    root: Path,
    reporter: Reporter,
    strokes: Strokes | None = None,
) -> Split:
    """Loads one part of one source; what is not prepared yet is prepared first.

    Args:
        source: The recipe's entry.
        part: "train" or "test".
        size: Side of the pictures in pixels.
        classes: The recipe's classes; labels become indices into them.
        root: The folder that relative paths start from.
        reporter: Where progress is shown.
        strokes: The recipe's strokes, for the data sets that are drawn from them.

    Raises:
        DataError: The data cannot be had, or have a label that is no class.
    """
    request = Request(source=source, classes=classes, root=root, strokes=strokes or {})
    folder = _arrays_folder(request, size)
    if not (folder / ABOUT).is_file():
        _prepare(request, folder, size, reporter)
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))

    def array(name: str, mode: Literal["r"] | None = None) -> Any:
        return np.load(folder / f"{part}-{name}.npy", mmap_mode=mode, allow_pickle=False)

    groups = {name: array(f"group{number}") for number, name in enumerate(about["groups"])}
    groups["dataset"] = np.full(about["count"][part], source.dataset)
    return Split(
        images=array("images", "r"),
        labels=class_indices(array("labels"), about["classes"], classes, source.dataset),
        keys=array("keys"),
        groups=groups,
        name=f"{source.dataset} {part}",
    )


def is_prepared(
    source: Source,
    *,
    classes: tuple[ClassEntry, ...],
    root: Path,
    strokes: Strokes | None = None,
) -> bool:
    """Whether a source can be loaded without a download or a TFDS run (at some picture size).

    Raises:
        DataError: What it is made from is not here, such as pictures of one's own, or fonts.
    """
    request = Request(source=source, classes=classes, root=root, strokes=strokes or {})
    folder = home() / "arrays" / request.name / (_config_name(request) or "default")
    return any(folder.glob(f"{_package(request).VERSION}-*/{ABOUT}"))


def raw_pictures(
    source: Source,
    part: Part,
    indices: Iterable[int],
    *,
    classes: tuple[ClassEntry, ...],
    root: Path,
    reporter: Reporter,
    strokes: Strokes | None = None,
) -> list[npt.NDArray[np.uint8]]:
    """The pictures at these indices as they came, uint8 (H,W) or (H,W,3), for people to look at.

    Raises:
        DataError: The data cannot be had.
    """
    from indicdigits.data.arrays import decoded

    request = Request(source=source, classes=classes, root=root, strokes=strokes or {})
    records = _records(_tfds_builder(request, reporter), part)
    return [decoded(records[int(index)]["image"]) for index in indices]


def _package(request: Request) -> Any:
    return importlib.import_module(DATASETS.get(request.name).factory.partition(":")[0])


def _fingerprint(request: Request) -> str:
    """Digest of what the data depend on beside their name, "" where that is nothing."""
    fingerprint = getattr(_package(request), "fingerprint", None)
    return fingerprint(request) if fingerprint else ""


def _config_name(request: Request) -> str:
    """The TFDS configuration; that of data made from a recipe holds their fingerprint."""
    return "-".join(filter(None, (request.config, _fingerprint(request))))


def _arrays_folder(request: Request, size: int) -> Path:
    from indicdigits.imaging.normalise import SPEC

    text = json.dumps(SPEC, sort_keys=True, default=str)
    spec = hashlib.sha256(text.encode()).hexdigest()[:12]
    version = f"{_package(request).VERSION}-{size}px-{spec}"
    return home() / "arrays" / request.name / (_config_name(request) or "default") / version


def _prepare(request: Request, folder: Path, size: int, reporter: Reporter) -> None:
    """Normalises both parts of a data set and writes the arrays."""
    from indicdigits.data.arrays import normalised

    builder = _tfds_builder(request, reporter)
    features = builder.info.features
    groups = sorted(features["groups"]) if "groups" in features else []
    count = {}
    with whole_folder(folder) as temporary:
        for part in PARTS:
            name = f"{request.source.dataset} {part}"
            arrays = normalised(_records(builder, part), size, name, groups, reporter)
            count[part] = len(arrays["labels"])
            for array_name, array in arrays.items():
                path = temporary / f"{part}-{array_name}.npy"
                write_npy(path, array.dtype, array.shape, [array])
        texts = features["label"].names
        about = {
            "classes": [[text, _value_of(text, request)] for text in texts],
            "groups": groups,
            "count": count,
        }
        (temporary / ABOUT).write_text(json.dumps(about), encoding="utf-8")
    if "-" in _fingerprint(request):
        for prepared in (folder.parent, Path(builder.data_dir).parent):
            _remove_outdated(prepared)


def _remove_outdated(prepared: Path) -> None:
    """Removes earlier copies of a user's data, which have changed since."""
    for other in prepared.parent.glob(prepared.name.rpartition("-")[0] + "-*"):
        if other.name != prepared.name:
            shutil.rmtree(other, ignore_errors=True)


def _value_of(text: str, request: Request) -> int | None:
    """The value of a data set's class: what the recipe says, or what the digit is worth."""
    for entry in request.classes:
        if entry.text == text:
            return entry.value
    digits = {digit: value for s in SCRIPTS.values() for value, digit in enumerate(s.digits)}
    return digits.get(text)


def _tfds_builder(request: Request, reporter: Reporter) -> Any:
    """The prepared TFDS builder of a source."""
    package, config = _package(request), _config_name(request)
    where = home() / "tfds" / request.name / config
    with storage_errors(where):
        where.mkdir(parents=True, exist_ok=True)
        sweep(where, "incomplete.*")
    tfds = _quiet_tfds()
    builder_class = package.Builder
    of_recipe = hasattr(package, "fingerprint")

    def make() -> Any:
        builder = builder_class(
            config=builder_class.config_for(request, config) if of_recipe else config or None,
            data_dir=home() / "tfds",
        )
        builder.reporter = reporter
        return builder

    with _own_errors(where), redirect_stdout(io.StringIO()):  # it prints where answers belong
        builder = make()
        try:
            builder.download_and_prepare(
                file_format="array_record",
                download_config=tfds.download.DownloadConfig(try_download_gcs=False),
            )
        except OSError:
            if not (Path(builder.data_dir) / "dataset_info.json").is_file():
                raise
            builder = make()  # another process was first: its copy is as good
    return builder


def _records(builder: Any, part: str) -> Any:
    """The records of a part in their order; `image` stays PNG bytes."""
    import tensorflow_datasets as tfds

    return builder.as_data_source(split=part, decoders={"image": tfds.decode.SkipDecoding()})


def _quiet_tfds() -> Any:
    # Whatever TFDS says while it works, our reporter says better.
    import logging

    logging.getLogger("absl").setLevel(logging.ERROR)
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    return tfds


@contextmanager
def _own_errors(where: Path) -> Iterator[None]:
    """Frees our own errors, and the disk's, from the wrappers that TFDS puts around them."""
    try:
        yield
    except Exception as error:
        link: BaseException | None = error
        while link is not None:
            if isinstance(link, IndicDigitsError):
                raise link from None
            refusal = as_refusal(link)
            if refusal is not None:
                raise refused(refusal, where) from error
            link = link.__cause__ or link.__context__
        raise DataError(f"could not be prepared: {error}", where=where) from error
