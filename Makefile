# Everything a fresh machine needs: Python 3.11 or newer, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo-out

.PHONY: demo test test-all start coverage docs lint clean

demo: $(VENV)/base
	rm -rf $(DEMO)
	$(BIN)/curate filter --input examples/crawl examples/source --output $(DEMO)

# Worksteal: a worker takes tests that lie together, so that their fixtures are made once, and none ends alone.
test: $(VENV)/dev
	$(BIN)/python -m pytest -n auto --dist worksteal
	$(BIN)/python -m pytest -n auto --doctest-modules src

# Also what takes long.
test-all: $(VENV)/dev
	$(BIN)/python -m pytest -n auto --run-slow

# docs/start.md typed line by line, in environments of just what the page says is installed; kept in .venv-start.
start:
	$(PYTHON) tests/start_page.py --cache .venv-start

# How much of the package the tests run through; numba's kernels run compiled, out of coverage's sight.
coverage: $(VENV)/dev
	$(BIN)/python -m pytest -n auto --cov curate --cov-report term:skip-covered

# The site, with every link checked.
docs: $(VENV)/dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

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
	$(BIN)/curate warm
	touch $@

$(VENV)/dev: $(VENV)/base
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) $(DEMO)
