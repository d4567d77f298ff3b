# EXTRA=gpu or EXTRA=cpu chooses the vLLM build; by default what nvidia-smi finds decides.
VENV ?= .venv
BIN := $(VENV)/bin
export EXTRA PYTHON VENV
# Of pytest; one a core at most, since tests that start engines and trainings keep a core busy each.
WORKERS ?= 2

.PHONY: setup setup-compress demo test test-fast test-slow test-long bench prove lint clean

setup:  ## make .venv with everything pinned in pyproject.toml
	@scripts/setup.sh

setup-compress: setup  ## .venv-compress with llm-compressor, for `distilray export RUN --compress`
	@scripts/setup_compress.sh

demo: setup  ## a whole recipe on the practice world: data, student, before and after
	$(BIN)/distilray run jobs/recipes/quickstart.yaml --run runs/quickstart

test: test-fast test-slow

test-fast: setup
	$(BIN)/python -m pytest -m "not slow and not long" -n $(WORKERS) --dist loadfile

test-slow: setup
	$(BIN)/python -m pytest -m "slow and not long" -n $(WORKERS) --dist loadfile --durations=25

test-long: setup  ## what takes minutes a test: every sharding, serving, engines killed
	$(BIN)/python -m pytest -m long -n $(WORKERS) --dist loadfile --durations=25

bench: setup  ## speed against plain vLLM, ray.data.llm and plain serving
	$(BIN)/python -m benchmarks speed

prove: setup  ## what steps and trainings are worth, measured where the truth is known; and that kills lose nothing
	$(BIN)/python -m benchmarks worth
	$(BIN)/python -m pytest tests/cluster tests/train/launch/test_lost.py

lint: setup  ## style, types and which room may import which
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

clean:  ## remove caches and the environment; runs stay
	rm -rf $(VENV) .hypothesis .pytest_cache .ruff_cache .import_linter_cache build dist
	find distilray tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
