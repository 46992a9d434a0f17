"""Which packages the distribution holds; everything else stands in pyproject.toml.

`datasets/`, `recipes/` and `checkpoints/` are top-level folders of the repository, where people
look for them, and become `indicdigits.datasets` and so on, since the bare names belong to others.
Packages are found rather than listed, so that a new data set is one folder and no line here.
"""

from setuptools import find_packages, setup

FOLDERS = {
    "indicdigits": "indicdigits",
    "indicdigits.datasets": "datasets",
    "indicdigits.recipes": "recipes",
    "indicdigits.checkpoints": "checkpoints",
}

setup(
    package_dir=FOLDERS,
    packages=[
        name
        for package, folder in FOLDERS.items()
        for name in (package, *(f"{package}.{inner}" for inner in find_packages(folder)))
    ],
)
