# The only commands to know. Each sets up what it needs; `make render` is all a newcomer has to type.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
PROJECT ?= projects/first_light.json

.PHONY: render test check fix docs clean
.DEFAULT_GOAL := render

render: $(READY)  ## render a project to video (PROJECT=path to choose another)
	$(BIN)/python render.py render $(PROJECT)

test: $(READY_DEV)  ## run the tests
	$(BIN)/python -m pytest

check: $(READY_DEV)  ## style, types, floors of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(READY_DEV)  ## mend what a machine can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY_DEV)  ## write the tables in docs/ anew from the code
	$(BIN)/python -m animator.guide

clean:  ## remove the virtual environment and caches; renders stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(READY): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(READY_DEV): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@ $(READY)
