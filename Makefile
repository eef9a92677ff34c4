# The front door. Every target sets up what it needs; `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format bench docs constraints clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv, with everything needed to use and develop Headwater

demo: $(READY) ## run the whole loop on real data
	@$(BIN)/hw demo

test: $(READY) ## run all tests: tests/, the examples in docstrings, the code in the docs
	@$(BIN)/python -m pytest -n 2 --doctest-modules --cov --cov-report=term src tests

lint: $(READY) ## check format, rules, types and layers
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(READY) ## format the code and mend what the linter can mend
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

bench: $(READY) ## measure speed and size beside other tools
	@$(BIN)/python benchmarks/run.py

docs: $(READY) ## write docs/reference from the docstrings and the command line's help
	@$(BIN)/python docs/generate.py

# Done again only when the dependencies change, so that a second run of any target starts at once and
# needs no network. Where `venv` comes without pip (Debian without python3-venv), the system's pip puts one in.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Headwater needs Python 3.11 or newer; say which with: make PYTHON=python3.12 setup" >&2; exit 1; }
	@echo "Setting up $(VENV) (a few minutes the first time; done again only when the dependencies change) ..."
	@test -x $(BIN)/python && $(BIN)/python -m pip --version > /dev/null 2>&1 || \
	    $(PYTHON) -m venv $(VENV) > /dev/null 2>&1 || \
	    { $(PYTHON) -m venv --without-pip --clear $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install -qq pip; }
	@$(PIP) install -qq --editable '.[all,dev]' --constraint constraints.txt
	@touch $@
	@echo "Ready: $(BIN)/hw"

# Raise every pin to the newest version that the bounds in pyproject.toml allow.
constraints: ## renew constraints.txt
	@rm -rf build/constraints && $(PYTHON) -m venv build/constraints
	@build/constraints/bin/python -m pip --disable-pip-version-check install -qq --editable '.[all,dev]'
	@{ sed -n '/^#/p' constraints.txt; \
	    build/constraints/bin/python -m pip --disable-pip-version-check freeze --exclude-editable; } > build/constraints.txt
	@mv build/constraints.txt constraints.txt && rm -rf build/constraints

clean: ## remove what tests, builds and benchmarks left; keeps .venv
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.* \
	    htmlcov build dist .bench headwater-demo
	@find src tests docs benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +
