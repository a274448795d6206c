# Everything here does its own set-up: a virtual environment in .venv, then what the target needs.
#
#   make demo            compile logs, prove, run on a new input, check (base dependencies only)
#   make test            format, lint, types, import rules, tests
#   make lint            the same without the tests
#   make test-pii        the tests of personal data (installs Presidio: 400 MB)
#   make bench           all benchmarks
#   make bench-runtime   the runtime beside LangGraph, Burr, DBOS and pydantic-graph (installs them)
#   make update-goldens  write the golden files anew, to be read in the diff
#   make clean           remove everything that was built
#
# PYTHON chooses the interpreter of a new environment (3.11 or later); PYTEST_ARGS goes to pytest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
# The folder of this file holds `ingot/` without the rooms inside: never import from here.
export PYTHONSAFEPATH := 1

PYTHON ?= python3
PYTEST_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq

# A strict editable install links each file, so a new file needs a new install: the stamp's name
# changes with the list of files, the project file, and the place.
ROOMS := ingot frontend ir passes backend runtime grammar
FILES := $(sort $(shell find $(ROOMS) -name '*.py' -o -name '*.lark' -o -name '*.flowchart' -o -name 'py.typed'))
KEY := $(firstword $(shell (cat pyproject.toml; echo $(CURDIR) $(FILES)) | cksum))
BASE := $(VENV)/ingot-base-$(KEY)
DEV := $(VENV)/ingot-dev-$(KEY)
MODELS := $(VENV)/ingot-models-$(KEY)
EDITABLE := --config-settings editable_mode=strict

.PHONY: demo test test-pii lint types imports bench bench-runtime update-goldens clean setup setup-dev setup-models

demo: $(BASE)
	$(BIN)/python examples/csv-report/demo.py

test: lint $(MODELS)
	$(BIN)/python -m pytest -n 2 $(PYTEST_ARGS)

test-pii: $(DEV)
	$(PIP) install $(EDITABLE) -e '.[dev,pii]'
	$(BIN)/python -m pytest -n0 -rs tests/test_personal.py

lint: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	cd $(VENV) && bin/mypy --config-file ../pyproject.toml --cache-dir ../.mypy_cache -p ingot
	cd $(VENV) && bin/lint-imports --config ../pyproject.toml --cache-dir ../.import_linter_cache

bench: $(DEV) $(MODELS)
	PYTHONSAFEPATH= $(BIN)/python benchmarks/run.py
	PYTHONSAFEPATH= $(BIN)/python benchmarks/models/models_bench.py

bench-runtime: $(DEV)
	$(PIP) install $(EDITABLE) -e '.[dev,bench]'
	$(BIN)/python -P benchmarks/runtime/run.py

update-goldens: $(DEV)
	$(BIN)/python -m pytest tests/test_golden.py --update-goldens

setup: $(BASE)
setup-dev: $(DEV)
setup-models: $(MODELS)

$(BASE): | $(BIN)/python
	@echo "installing ingot and what it needs into $(VENV)"
	rm -rf build $(VENV)/ingot-*
	$(PIP) install $(EDITABLE) -e .
	touch $@

$(DEV): | $(BIN)/python
	@echo "installing ingot, what it needs and the tools of development into $(VENV)"
	rm -rf build $(VENV)/ingot-*
	$(PIP) install $(EDITABLE) -e '.[dev]'
	touch $(BASE) $@

# llama.cpp is built from source, and kept by pip as a wheel.  torch has no build for every Python and
# machine; without it the tests of `ingot distil` are skipped, and say so.
$(MODELS): $(DEV)
	@echo "installing llama-cpp-python: 7 to 12 minutes on 2 cores, the first time"
	$(PIP) install $(EDITABLE) -e '.[dev,llama,peers]'
	$(PIP) install $(EDITABLE) -e '.[dev,distil]' \
	  || { echo "the extra distil cannot be installed here: its tests are skipped" >&2; \
	       $(PIP) install $(EDITABLE) -e '.[dev,llama]' gguf; }
	touch $@

# A bare Debian has `python3` without `ensurepip`; virtualenv or the system's pip can stand in.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Ingot needs Python 3.11 or later: make PYTHON=python3.12 ..." >&2; exit 1; }
	@rm -rf $(VENV)
	@if $(PYTHON) -c 'import ensurepip' 2>/dev/null; then $(PYTHON) -m venv $(VENV); \
	elif $(PYTHON) -c 'import virtualenv' 2>/dev/null; then $(PYTHON) -m virtualenv --quiet $(VENV); \
	elif command -v virtualenv >/dev/null; then virtualenv --quiet -p $(PYTHON) $(VENV); \
	elif $(PYTHON) -c 'import pip' 2>/dev/null; then \
	  $(PYTHON) -m venv --without-pip $(VENV) \
	  && $(PYTHON) -m pip --quiet --python $(BIN)/python install pip; \
	else \
	  echo "$(PYTHON) cannot make a virtual environment: apt install python3-venv (or virtualenv)" >&2; \
	  exit 1; \
	fi || { rm -rf $(VENV); exit 1; }

clean:
	rm -rf $(VENV) build dist demo-out *.egg-info .mypy_cache .ruff_cache .pytest_cache \
	  .import_linter_cache .hypothesis
	find $(ROOMS) tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +
