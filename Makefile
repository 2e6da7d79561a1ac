# Two commands do everything: `make demo` (watch it work) and `make test` (see it checked).
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet

.PHONY: demo test lint benchmark clean

demo: .venv/.installed
	$(BIN)/solvers demo --out report/

test: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/pytest -n auto --dist worksteal

# pip understands dependency groups from 25.1 on.
.venv/.installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(INSTALL) --upgrade "pip>=25.1"
	$(INSTALL) --editable ".[demo]"
	touch $@

.venv/.test: .venv/.installed
	$(INSTALL) --group test
	touch $@

# An environment of its own: one peer needs an older NumPy than the reference solver does.
.venv-benchmark/.installed: pyproject.toml
	$(PYTHON) -m venv .venv-benchmark
	.venv-benchmark/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	.venv-benchmark/bin/python -m pip install --quiet --editable ".[benchmark]"
	touch $@

benchmark: .venv-benchmark/.installed
	.venv-benchmark/bin/python examples/benchmarks/regression.py
	.venv-benchmark/bin/python examples/benchmarks/classification.py

clean:
	rm -rf .venv .venv-benchmark report build dist .pytest_cache .ruff_cache .hypothesis
