# Two commands do all the set-up, on a machine with Python 3.11 or newer and a package index:
#   make demo   installs into .venv and classifies the sample pictures
#   make test   the same environment with the development tools: format, lint, types, tests
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_OUT ?= demo-out

.PHONY: demo test lint format clean

demo: $(VENV)/installed
	$(BIN)/vision classify sample_images -o $(DEMO_OUT) --json > /dev/null
	@echo "Annotated pictures and predictions.jsonl lie in $(DEMO_OUT):"
	@ls $(DEMO_OUT)

test: lint
	$(BIN)/python -m pytest

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check src tests
	$(BIN)/ruff check src tests
	$(BIN)/mypy src

format: $(VENV)/installed-dev
	$(BIN)/ruff format src tests
	$(BIN)/ruff check --fix src tests

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/installed-dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) $(DEMO_OUT) build dist src/*.egg-info .mypy_cache .ruff_cache .hypothesis
