"""Records of a prepared data set -> normalised arrays, the form in which they are cached."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.imaging.normalise import ink_found, normalise
from indicdigits.progress import Reporter

CHUNK = 256  # records that are read at a time
Picture = npt.NDArray[np.uint8]


def normalised(
    records: Any, size: int, name: str, groups: Sequence[str], reporter: Reporter
) -> dict[str, npt.NDArray[Any]]:
    """Decodes and normalises every record.

    Args:
        records: A data source of TFDS whose `image` is PNG bytes.
        size: Side of the normalised pictures in pixels.
        name: What is shown beside the progress.
        groups: Names of the further columns.
        reporter: Where progress is shown.

    Returns:
        `images` uint8 (N,size,size), `labels` int64 (N,), `keys` S32 (N,), and `group0`,
        `group1`, … (N,) in the order of `groups`.
    """
    count = len(records)
    images = np.zeros((count, size, size), np.uint8)
    labels, keys = np.zeros(count, np.int64), np.zeros(count, "S32")
    columns: dict[str, list[Any]] = {group: [] for group in groups}
    blank = 0
    with reporter.track(f"normalising {name}", count) as task:
        for number, record in enumerate(in_order(records)):
            picture = decoded(record["image"])
            images[number] = normalise(picture, size)
            labels[number], keys[number] = record["label"], picture_key(picture)
            blank += not ink_found(images[number])
            for group, column in columns.items():
                column.append(record["groups"][group])
            task.advance()
    if blank:
        reporter.say(f"{name}: {blank} of {count} pictures show no ink")
    named = {f"group{number}": _column(columns[group]) for number, group in enumerate(groups)}
    return {"images": images, "labels": labels, "keys": keys, **named}


def in_order(records: Any) -> Iterator[Any]:
    """The records from first to last, read in chunks: one at a time costs twice as much."""
    for start in range(0, len(records), CHUNK):
        yield from records.__getitems__(list(range(start, min(start + CHUNK, len(records)))))


def decoded(png: bytes) -> Picture:
    """PNG bytes that this project wrote -> uint8 (H,W), or (H,W,3) where the channels differ."""
    picture = np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)
    if picture.ndim == 2:
        return picture
    blue, green, red = cv2.split(picture)
    if np.array_equal(blue, green) and np.array_equal(green, red):
        return np.asarray(blue, np.uint8)
    return np.ascontiguousarray(picture[..., ::-1])


def picture_key(picture: Picture) -> bytes:
    """Digest of a picture's shape and pixels, 32 hexadecimal digits."""
    digest = hashlib.blake2b(repr(picture.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(picture).data)
    return digest.hexdigest().encode()


def _column(values: list[Any]) -> npt.NDArray[Any]:
    if values and isinstance(values[0], bytes):
        return np.array([value.decode() for value in values])
    return np.array(values)
