# Two commands do all the set-up, on a machine with Python 3.11 or newer and a package index:
#   make demo   installs into .venv and classifies the sample pictures
#   make test   the same environment with the development tools: format, lint, types, tests
# And make bench compares speed with what else could be used; it installs those peers too. make reliability kills,
# interrupts and damages runs, and says how often they held (minutes). make accuracy DATA=DIR measures what networks reach
# on pictures with known answers, for vision models; benchmarks/accuracy.py says what DIR holds.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_OUT ?= demo-out

.PHONY: demo test test-torch lint docs format bench reliability accuracy clean

demo: $(VENV)/installed
	$(BIN)/vision classify sample_images -o $(DEMO_OUT) --json > /dev/null
	@echo "Annotated pictures and predictions.jsonl lie in $(DEMO_OUT):"
	@ls $(DEMO_OUT)

# A file of tests stays in one process, and each process has a cache of its own.
WORKERS := -n auto --maxprocesses 4 --dist loadfile

test: lint
	$(BIN)/python -m pytest $(WORKERS)

# The tests of whole commands again, with the reference engine instead of the fast one.
test-torch: $(VENV)/installed-dev
	$(BIN)/python -m pytest $(WORKERS) --engine torch tests/cli

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy src
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tools/command_pages.py --check

docs: $(VENV)/installed-dev
	$(BIN)/python tools/command_pages.py

format: $(VENV)/installed-dev
	$(BIN)/ruff format src tests
	$(BIN)/ruff check --fix src tests

bench: $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[bench,fast]'
	$(BIN)/python -m benchmarks

reliability: $(VENV)/installed
	$(BIN)/python -m benchmarks.reliability

accuracy: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks.accuracy $(if $(DATA),--data $(DATA))

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
