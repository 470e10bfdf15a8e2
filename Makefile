# `make run` and `make test` need Python 3.11 or later, make, and nothing else. Everything is installed into .venv.
# Another interpreter: make run PYTHON=/usr/bin/python3.12 (after `make clean`, if .venv exists).

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
TOO_OLD := import sys; sys.exit(sys.version_info < (3, 11))

# The first interpreter on the path that is new enough: `python3` is old on some systems that have a newer one beside it.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	$$python -c '$(TOO_OLD)' 2>/dev/null && echo $$python && break; done)

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help run test lint types pytest bench bench-peers docs clean

help:  ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1@/p' Makefile | awk -F@ '{ printf "make %-12s %s\n", $$1, $$2 }'

run: $(VENV)/.installed  ## Count the words of the standard library's own sources
	$(BIN)/python examples/wordcount.py

test: lint types pytest  ## Lint, check types, run the whole test suite

lint: $(VENV)/.installed-dev  ## ruff
	$(BIN)/ruff check .

types: $(VENV)/.installed-dev  ## mypy --strict on the package
	$(BIN)/mypy --strict bourne

# Sixteen test processes are slower to start than they are quick to run.
pytest: $(VENV)/.installed-dev  ## The tests alone
	$(BIN)/python -m pytest -q -n logical --maxprocesses=8

# Fewer workloads: make bench ONLY=nexmark, make bench-peers ONLY=wordcount,top
bench: $(VENV)/.installed-dev  ## Compare with loops written by hand; writes docs/benchmarks.md
	$(BIN)/python -m benchmarks.run --only='$(ONLY)'

bench-peers: $(VENV)/.installed-dev  ## Compare with Beam, bytewax, Dask, Spark and Polars, which it installs into build/peers
	$(BIN)/python -m benchmarks.peers --only='$(ONLY)'

docs: $(VENV)/.installed-docs  ## Build the documentation into docs/_build/html; a warning is an error
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

clean:  ## Remove everything that the targets above made, .venv included
	rm -rf $(VENV) build dist docs/_build .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the environment ------------------------------------------------------------------------------------------------
# The package is installed editable: its sources can change without a new installation, pyproject.toml cannot.

$(BIN)/python:
	@test -n '$(PYTHON)' || { echo 'bourne needs Python 3.11 or later, and there is none on the PATH.' \
		'Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12' >&2; exit 1; }
	@$(PYTHON) -c '$(TOO_OLD)' || { echo "bourne needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
		'Name a newer one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo '$(PYTHON) cannot make a virtual environment; on Debian and' \
		'Ubuntu that takes the package python3-venv.' >&2; exit 1; }

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --editable '.[docs]'
	@touch $@ $(VENV)/.installed
