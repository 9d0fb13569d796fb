# Thin on purpose: every target is what one would type by hand (see README.md).
PYTHON ?= python3
EXPERIMENT ?= quickstart
SEED ?= 0
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: report grid test coverage test-all test-library test-report test-scripts test-flow test-quickstart test-runs campaign lint format lock clean

report: .venv/run.stamp
	$(BIN)/snakemake --cores all --config experiment=$(EXPERIMENT)

grid: .venv/run.stamp
	$(BIN)/python -m ovlab_flow --experiment $(EXPERIMENT)

# Two at a time, whichever is next; the quickstart wants the machine. Benchmarks and scripts measure, and would wait for
# each other. Coverage is that of the library's and the scripts' own tests: a figure takes 1.7 times as long with it, a
# dry run of Snakemake twice; `make coverage` has these too.
test: .venv/test.stamp
	$(BIN)/coverage erase
	$(MAKE) --jobs=2 lint test-library test-scripts test-flow test-report
	$(MAKE) test-quickstart
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --fail-under=85

coverage: .venv/test.stamp
	$(BIN)/coverage erase
	$(MAKE) --jobs=2 test-library test-scripts
	$(BIN)/coverage run -m pytest tests/unit/report tests/flow
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --fail-under=90

# Whole experiments besides: reruns, kills, real models where ../shared/real is there.
test-all: test test-runs

test-library: .venv/test.stamp
	$(BIN)/coverage run -m pytest tests/unit --ignore=tests/unit/report --durations=10

test-report: .venv/test.stamp
	$(BIN)/python -m pytest tests/unit/report --durations=10

test-scripts: .venv/test.stamp
	$(BIN)/coverage run -m pytest tests/scripts --durations=10
	$(BIN)/python -m pytest tests/benchmarks --durations=10

test-flow: .venv/test.stamp
	$(BIN)/python -m pytest tests/flow --durations=10

test-quickstart: .venv/test.stamp
	$(BIN)/python -m pytest tests/e2e/test_quickstart.py --durations=10

test-runs: .venv/test.stamp
	$(BIN)/python -m pytest tests/e2e tests/real tests/campaign --ignore=tests/e2e/test_quickstart.py --durations=10

# Hours: 500 kills, which go on after the last one where they were stopped, all hostile inputs, a minute of fuzzing a parser.
campaign: .venv/test.stamp
	PYTHONPATH=tests $(BIN)/python -m campaign.kill --kills 500 --seed $(SEED)
	PYTHONPATH=tests $(BIN)/python -m campaign.hostile
	FUZZ_SECONDS=60 $(BIN)/python -m pytest tests/campaign/test_fuzz.py -rP

lint: .venv/test.stamp
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy

format: .venv/test.stamp
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format . && $(BIN)/snakefmt Snakefile workflow

lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --extra test -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf results/* .snakemake

.venv/run.stamp: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

.venv/test.stamp: requirements-dev.lock .venv/run.stamp
	$(PIP) --require-hashes -r requirements-dev.lock
	touch $@
