# Needs Python 3.11 or newer, and make. Everything is installed into .venv beside this file.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

# The mirror of the public data, when it stands beside the checkout and no other is named.
ifeq ($(INDICDIGITS_MIRROR),)
ifneq ($(wildcard ../shared/data/.),)
export INDICDIGITS_MIRROR := $(abspath ../shared/data)
endif
endif
export NO_ALBUMENTATIONS_UPDATE := 1

.DEFAULT_GOAL := help
.PHONY: help quickstart demo test test-all lint format weights bench clean

help:  ## say what there is to make
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1: \2/p' $(MAKEFILE_LIST)

$(READY): pyproject.toml setup.py constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--editable '.[train,dev]' --constraint constraints.txt
	@touch $@

quickstart: $(READY)  ## fine-tune, evaluate, export and use a Devanagari reader of your own
	@BIN=$(BIN) bash tools/quickstart.sh

demo: $(READY)  ## draw a filled-in cheque and a page of a register, and read both
	@BIN=$(BIN) bash tools/demo.sh

test: $(READY)  ## all tests
	$(BIN)/python -m pytest -n auto --dist loadfile

test-all: $(READY)  ## all tests, those of formats that need TensorFlow or OpenVINO too (3 GB)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--editable '.[train,dev,export-tensorflow,openvino]' --constraint constraints.txt
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(READY)  ## style, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)  ## mend style and format where that can be done mechanically
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

weights: $(READY)  ## train anew what ships in checkpoints/ (needs the data; about five hours)
	$(BIN)/python tools/weights.py

bench: $(READY)  ## every benchmark, one after the other (hours)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--editable '.[train,peers]' --constraint constraints.txt
	@set -e; for script in $(filter-out %/common.py,$(wildcard benchmarks/*.py)); do \
		echo "$$script"; $(BIN)/python "$$script"; done

clean:  ## remove what was built and run, but not .venv
	rm -rf build dist runs *.egg-info .pytest_cache .mypy_cache .ruff_cache
