"""The data sets, each with its configurations and licence."""

from __future__ import annotations

from indicdigits.registry.entries import DatasetEntry, Registry
from indicdigits.scripts import SCRIPTS

DATASETS: Registry[DatasetEntry] = Registry("data set")

DATASETS.register(
    "mnist",
    DatasetEntry(
        factory="indicdigits.datasets.mnist:Builder",
        summary="70,000 handwritten Western digits",
        scripts={"": "latin"},
        licence="commonly listed as CC BY-SA 3.0",
    ),
)
DATASETS.register(
    "cmaterdb",
    DatasetEntry(
        factory="indicdigits.datasets.cmaterdb:Builder",
        summary="handwritten Bengali, Devanagari and Telugu numerals",
        scripts={"bengali": "bengali", "devanagari": "devanagari", "telugu": "telugu"},
        licence='Apache-2.0 (file beside the data); its README says "free for non-commercial uses"',
    ),
)
DATASETS.register(
    "labelled_images",
    DatasetEntry(
        factory="indicdigits.datasets.labelled_images:Builder",
        summary="your own pictures: a folder a class, a CSV, an npz or IDX files",
        scripts={"": None},
        licence="the owner's",
    ),
)
DATASETS.register(
    "strokes",
    DatasetEntry(
        factory="indicdigits.datasets.strokes:Builder",
        summary="digits drawn by the project from strokes in a recipe",
        # "" is for a recipe with strokes of its own, of whatever script
        scripts={"": None} | {script: script for script in SCRIPTS},
        licence="Apache-2.0 (drawn by this project)",
        drawn=True,
    ),
)
DATASETS.register(
    "fonts",
    DatasetEntry(
        factory="indicdigits.datasets.fonts:Builder",
        summary="digits drawn by the project after the fonts that are installed",
        scripts={"": None} | {script: script for script in SCRIPTS},
        licence="drawn by this project after installed fonts, which have licences of their own",
        drawn=True,
    ),
)
DATASETS.register(
    "not_digits",
    DatasetEntry(
        factory="indicdigits.datasets.not_digits:Builder",
        summary="scribbles, blank cells, letters, digits of other scripts, drawn by the project",
        scripts=dict.fromkeys(("scribbles", "blank", "foreign", "own-letters", "letters")),
        texts=("not a digit",),
        of_classes=("blank", "foreign", "own-letters"),
        licence="drawn by this project; letters after installed fonts, which have their own",
        drawn=True,
    ),
)
DATASETS.register(
    "dhcd",
    DatasetEntry(
        factory="indicdigits.datasets.dhcd:Builder",
        summary="20,000 Devanagari digits of Nepali school children",
        scripts={"": "devanagari"},
        licence="CC BY 4.0 as listed by the archive that publishes it (not checked)",
    ),
)
DATASETS.register(
    "kannada",
    DatasetEntry(
        factory="indicdigits.datasets.kannada:Builder",
        summary="20,480 Kannada digits of 16 writers",
        scripts={"": "kannada"},
        licence="CC BY-SA 4.0 by its authors' other copies (not checked)",
    ),
)
DATASETS.register(
    "gujarati",
    DatasetEntry(
        factory="indicdigits.datasets.gujarati:Builder",
        summary="997 Gujarati digits, binarised",
        scripts={"": "gujarati"},
        licence="MIT",
    ),
)
DATASETS.register(
    "arabic_indic",
    DatasetEntry(
        factory="indicdigits.datasets.arabic_indic:Builder",
        summary="2,984 Arabic-Indic digits, stretched to the square",
        scripts={"": "arabic-indic"},
        licence='Apache-2.0 (file beside the data); its README says "free for non-commercial uses"',
    ),
)
DATASETS.register(
    "tamil_numerals",
    DatasetEntry(
        factory="indicdigits.datasets.tamil_numerals:Builder",
        summary="550 Tamil numerals, 0 to 9 and ten, from an archive that you fetch yourself",
        scripts={"numbers": "tamil", "digits": "tamil"},
        licence="not stated by its publisher",
    ),
)

# Texts of classes that a data set brings the pictures of: no strokes and no font can draw them.
BROUGHT = frozenset(text for name in DATASETS for text in DATASETS.get(name).texts)
