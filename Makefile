# Everything a fresh machine needs: Python 3.11 or newer, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo-out

.PHONY: demo test test-all lint docs clean

demo: $(VENV)/base
	rm -rf $(DEMO)
	$(BIN)/curate filter --input examples/crawl --output $(DEMO)

test: $(VENV)/dev
	$(BIN)/python -m pytest -n auto
	$(BIN)/python -m pytest -n auto --doctest-modules src

# Also what takes long.
test-all: $(VENV)/dev
	$(BIN)/python -m pytest -n auto --run-slow

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

# The kernels are compiled once, here, and cached beside the modules.
$(VENV)/base: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	$(BIN)/python -m curate.cli.warm
	touch $@

$(VENV)/dev: $(VENV)/base
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) $(DEMO)
