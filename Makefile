# demo, cluster, test and bench work from a bare clone; see scripts/setup for what they install.
PYTHON ?= python3
PORT := 3001
BIN := .venv/bin

.PHONY: demo cluster test bench check format

demo:
	@PYTHON=$(PYTHON) scripts/setup demo
	$(BIN)/whinny run examples.products.app:app --host 127.0.0.1 --port $(PORT)

cluster: PORT := 3002
cluster:
	@PYTHON=$(PYTHON) scripts/setup test
	$(BIN)/python examples/cluster/start.py --port $(PORT)

test:
	@PYTHON=$(PYTHON) scripts/setup test
	$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder

bench:
	@PYTHON=$(PYTHON) scripts/setup bench
	$(BIN)/python -m benchmarks $(BENCH)

check:
	@PYTHON=$(PYTHON) scripts/setup check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports --no-cache

format:
	@PYTHON=$(PYTHON) scripts/setup check
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
