# Two commands matter: `make run` and `make test`. Each sets up first what it needs.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
STAMP := .venv/installed
NPM_CI = PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm ci --silent --prefix

.PHONY: run test check bench profiles coverage mutation faults clean

# What runs the service.
$(READY): pyproject.toml requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# What checks and tests it, Node.js among it; then what the tests run on Node.js.
$(STAMP): $(READY) requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	touch $@

%/node_modules/.package-lock.json: %/package-lock.json | $(STAMP)
	$(NPM_CI) $*
	touch $@

# What is made up to look like a secret, and what is full of digests.
NO_SECRETS = '^tests/|package-lock.json$$|^requirements.*txt$$|^fhir_profiles/(examples|resources)/'

# The browser that npm has brought; none is needed where the machine has its own, or no such package runs.
CHROMIUM := tests/foreign/node_modules/.chromium/unpacked
$(CHROMIUM): tests/foreign/chromium.mjs tests/foreign/node_modules/.package-lock.json
	$(BIN)/node $< || echo "Chromium could not be unpacked: tests in a browser may be skipped."
	mkdir -p $(@D) && touch $@

NODE := fhir_profiles/node_modules/.package-lock.json tests/foreign/node_modules/.package-lock.json $(CHROMIUM)

# The main job on the sample clinic; `make run ONCE=1` prints and leaves.
run: $(READY)
	$(BIN)/referral-service demo $(if $(ONCE),--once)

test: $(STAMP) $(NODE)
	$(BIN)/pytest

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook --exclude-files $(NO_SECRETS) --exclude-secrets '^(PASSWORD|referral)$$'

# Each figure beside a baseline of the same run.
bench: $(STAMP)
	$(BIN)/python -m bench.deciding
	$(BIN)/python -m bench.serving
	$(BIN)/python -m bench.serving postgresql
	$(BIN)/python -m bench.sweeping
	$(BIN)/python -m bench.advising
	$(BIN)/python -m bench.listing
	$(BIN)/python -m bench.row_security

# Builds fhir_profiles/, validates every example, and fails where what is committed differs.
profiles: $(STAMP) $(NODE)
	$(BIN)/python -m fhir_profiles.build

# Every branch of the decision is tested.
coverage: $(STAMP)
	$(BIN)/pytest tests/core tests/vignettes tests/workflow tests/cli/test_assess.py --cov=referral_service.core --cov-branch --cov-fail-under=100 --cov-report=term-missing:skip-covered

# At least 95 % of the faults put into the decision are noticed; half an hour on two cores.
mutation: $(STAMP)
	$(BIN)/python -m bench.mutation

# Histories with every fault, and real processes killed, far more than `make test` has; hours. A failure prints what replays it.
faults: $(STAMP)
	$(BIN)/python -m tests.faults.run --histories 100000
	$(BIN)/python -m tests.faults.kills --kills 2000
	$(BIN)/python -m tests.faults.deliveries --orders 10000
	$(BIN)/python -m tests.faults.tampering --times 10000

clean:
	rm -rf .venv var mutants fhir_profiles/node_modules tests/foreign/node_modules
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage
