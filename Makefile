# Thin on purpose: every target is what one would type by hand (see README.md).
PYTHON ?= python3
EXPERIMENT ?= quickstart
SEED ?= 0
BUNDLE ?= $(EXPERIMENT).zip
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: report grid bundle verify test coverage test-all test-library test-report test-scripts test-flow test-quickstart test-runs test-campaign campaign test-frameworks frameworks slurm kubernetes test-cluster crate-validator lint format lock clean

report: .venv/run.stamp
	$(BIN)/snakemake --cores all --config experiment=$(EXPERIMENT)

grid: .venv/run.stamp
	$(BIN)/python -m ovlab_flow --experiment $(EXPERIMENT)

# Options of scripts/bundle.py: make bundle OPTIONS='--with-models --author "Doe, Jane" --licence CC-BY-4.0'
bundle: .venv/run.stamp
	$(BIN)/python scripts/bundle.py --experiment $(EXPERIMENT) --output $(BUNDLE) $(OPTIONS)

verify: .venv/run.stamp
	$(BIN)/python scripts/verify.py $(BUNDLE)

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
test-all: test test-runs test-campaign test-frameworks test-cluster

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

# With the frameworks' own tools, as far as they can be installed; what is lacking is skipped with the reason.
test-frameworks: .venv/test.stamp
	-$(MAKE) frameworks
	$(BIN)/python -m pytest tests/frameworks --durations=10

frameworks: .venv-frameworks/frameworks.stamp

# What snakemake --profile profiles/slurm needs besides (docs/cluster.md).
slurm: .venv/slurm.stamp

# What snakemake --profile profiles/kubernetes needs besides kubectl.
kubernetes: .venv/kubernetes.stamp

# A Slurm of its own on this machine, where Debian's slurm-wlm and munge are installed, and pods of a stand-in for kubectl; the
# executors in .venv.
test-cluster: .venv/test.stamp
	-$(MAKE) slurm kubernetes
	$(BIN)/python -m pytest tests/cluster --durations=10

test-runs: .venv/test.stamp
	$(BIN)/python -m pytest tests/e2e tests/real tests/browser $(addprefix --ignore=,tests/e2e/test_quickstart.py $(ATTACKS)) --durations=10

# A slice of the campaign (kills, hostile inputs, fuzzing), strangers' files, faults of the host, large data: a quarter of an hour.
ATTACKS := $(patsubst %,tests/e2e/test_%.py,strangers host_faults large_data)
test-campaign: .venv/test.stamp
	$(BIN)/python -m pytest tests/campaign $(ATTACKS) --durations=10

# Hours: 500 kills, which go on after the last one where they were stopped, all hostile inputs, a minute of fuzzing a parser.
campaign: .venv/test.stamp
	PYTHONPATH=tests $(BIN)/python -m campaign.kill --kills 500 --seed $(SEED)
	PYTHONPATH=tests $(BIN)/python -m campaign.hostile
	FUZZ_SECONDS=60 $(BIN)/python -m pytest tests/campaign/test_fuzz.py -rP

# A public validator of RO-Crates, in an environment of its own: its dependencies are none of the product's.
crate-validator: .venv-crate/validator.stamp

.venv-crate/validator.stamp:
	$(PYTHON) -m venv --clear .venv-crate
	.venv-crate/bin/python -m pip install --quiet --disable-pip-version-check roc-validator==0.13.0 rocrate==0.16.0
	touch $@

lint: .venv/test.stamp
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy

format: .venv/test.stamp
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format . && $(BIN)/snakefmt Snakefile workflow

lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --extra test -c requirements.lock -o requirements-dev.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --extra frameworks -c requirements.lock -o requirements-frameworks.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --extra slurm -c requirements.lock -o requirements-slurm.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --extra kubernetes -c requirements.lock -o requirements-kubernetes.lock

clean:
	rm -rf results/* .snakemake

.venv/run.stamp: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

.venv/%.stamp: requirements-%.lock .venv/run.stamp
	$(PIP) --require-hashes -r $<
	touch $@

.venv/test.stamp: requirements-dev.lock .venv/run.stamp
	$(PIP) --require-hashes -r requirements-dev.lock
	touch $@

# The product's packages are seen from here, so that a model is converted where PyTorch is. PyTorch's CPU build for Linux
# is not on the package index (what is there brings 3 GB of CUDA): it comes from wherever pip is told to look besides
# (PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS), or not at all. Elsewhere, or with 3 GB to spare: make frameworks TORCH=torch
TORCH ?= torch==2.13.0+cpu
FRAMEWORKS := .venv-frameworks/bin/python

.venv-frameworks/frameworks.stamp: requirements-frameworks.lock .venv/test.stamp
	$(BIN)/python -m venv --clear .venv-frameworks
	$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
		> $$($(FRAMEWORKS) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/product.pth
	$(FRAMEWORKS) -m pip install --quiet --disable-pip-version-check --timeout 15 --retries 1 --require-hashes -r requirements-frameworks.lock
	-$(FRAMEWORKS) -m pip install --quiet --disable-pip-version-check --timeout 15 --retries 1 $(TORCH)
	touch $@
