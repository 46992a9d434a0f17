"""What all builders of this project share: TFDS without TensorFlow.

Pictures are handed to TFDS as PNG bytes (an array would need TensorFlow), and files are written
as ArrayRecord, which `as_data_source` reads back in the order of the keys.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import tensorflow_datasets as tfds
from etils import epath

from indicdigits.progress import Reporter


class DigitsBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Base of the builders; each is imported by its module, not looked up by name.

    Attributes:
        reporter: Where progress is shown; quiet unless the caller sets another.
    """

    VERSION = tfds.core.Version("1.0.0")
    reporter = Reporter(quiet=True)

    def __init_subclass__(cls, **options: Any) -> None:
        # Never registered: "mnist" belongs to TFDS, whose own could not be imported any more.
        super().__init_subclass__(**{**options, "skip_registration": True})
        # TFDS guesses a wrong folder when the package is installed as editable.
        file = sys.modules[cls.__module__].__file__
        assert file is not None
        cls.pkg_dir_path = epath.Path(file).parent

    def digits_info(
        self,
        classes: Iterable[str],
        shape: tuple[int | None, int | None, int],
        *,
        groups: Mapping[str, Any] | None = None,
        homepage: str | None = None,
    ) -> tfds.core.DatasetInfo:
        """The information of a data set with the features `image`, `label` and `groups`.

        Args:
            classes: Text of each class, in the order of the labels.
            shape: Height, width and channels (1 or 3); None where pictures differ.
            groups: Further columns of each picture, name -> TFDS feature.
            homepage: Where the data are described.
        """
        features: dict[str, Any] = {
            "image": tfds.features.Image(shape=shape, dtype=np.uint8, encoding_format="png"),
            "label": tfds.features.ClassLabel(names=list(classes)),
        }
        if groups:
            features["groups"] = dict(groups)
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
            homepage=homepage,
            disable_shuffling=True,
        )


def png_bytes(picture: npt.NDArray[np.uint8]) -> io.BytesIO:
    """A uint8 picture (H,W) or (H,W,3) as the bytes of a PNG file."""
    ordered = picture if picture.ndim == 2 else picture[..., ::-1]  # OpenCV wants BGR
    done, png = cv2.imencode(".png", ordered, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    assert done  # it fails on what is no uint8 picture only
    return io.BytesIO(png.tobytes())


def as_examples(
    images: npt.NDArray[np.uint8], labels: npt.NDArray[Any], builder: DigitsBuilder, part: str
) -> Iterable[tuple[int, dict[str, Any]]]:
    """Arrays (N,H,W) or (N,H,W,3) and labels (N,) as TFDS examples, keyed by their number."""
    with builder.reporter.track(f"preparing {builder.name} {part}", len(images)) as task:
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield number, {"image": png_bytes(image), "label": int(label)}
            task.advance()
