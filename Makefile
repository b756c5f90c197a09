# Two commands matter: `make run` and `make test`. Both set everything up first.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed

.PHONY: run test check bench coverage clean

$(STAMP): pyproject.toml requirements-dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(STAMP)

# The main job on the sample clinic; `make run ONCE=1` prints and leaves.
run: $(STAMP)
	$(BIN)/referral-service demo $(if $(ONCE),--once)

test: $(STAMP)
	$(BIN)/pytest

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Each figure beside a baseline of the same run.
bench: $(STAMP)
	$(BIN)/python -m bench.deciding

# Every branch of the decision is tested.
coverage: $(STAMP)
	$(BIN)/pytest tests/core tests/vignettes tests/workflow tests/cli --cov=referral_service.core --cov-branch --cov-fail-under=100 --cov-report=term-missing:skip-covered

clean:
	rm -rf .venv var .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
