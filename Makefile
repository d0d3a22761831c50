# Everything runs from .venv, which the first call of any target prepares; when nothing changed, preparing does nothing.
#
#   make demo        account issuer, door and two demo apps on this machine
#   make test        lint, then the tests (REQUIRE_ALL=1: what is missing fails instead of being skipped)
#   make test-long   full race counts, timing statistics, faults
#   make bench       side-by-side benchmark (BENCH_FLAGS=--quick: a look; loadtests/README.md)
#   make lock        resolve the lock files anew (LOCK_FLAGS=--upgrade for newer versions)

SHELL := /bin/sh
.SHELLFLAGS := -eu -c
.DELETE_ON_ERROR:
.PHONY: setup demo test test-long bench lint lock clean

PYTHON ?= python3
# One more than the cores of a small machine: many tests wait for servers and browsers.
PYTEST_WORKERS ?= 3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
INTEROP := tests/interop

setup: $(VENV)/.project-installed $(INTEROP)/node_modules/.installed

# exec: a make that is told to end passes that on to its child, and the child must not be a shell in between.
demo: setup
	exec $(BIN)/blindage demo

test: lint
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadfile

# One process: races and timing statistics want the machine to themselves.
test-long: setup
	$(BIN)/python -m pytest -m long --timeout 3600

bench: setup
	export BENCH_PYTHON="$${BENCH_PYTHON:-$$($(BIN)/python -m loadtests.interpreter)}"; \
	$(BIN)/python -m loadtests.bench $(BENCH_FLAGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The first Python of 3.11 or newer. An environment that is there and works is kept, a half-made one is not.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
$(VENV)/.made:
	@if $(BIN)/python -c 'import pip; $(NEW_ENOUGH)' 2>/dev/null; then touch $@; exit 0; fi; \
	for python in $(PYTHON) python3.14 python3.13 python3.12 python3.11; do \
	    command -v "$$python" >/dev/null || continue; \
	    "$$python" -c '$(NEW_ENOUGH)' 2>/dev/null || continue; \
	    echo "make: $(VENV) from $$("$$python" --version)"; \
	    "$$python" -m venv --clear $(VENV) && touch $@ && exit 0; \
	    rm -rf $(VENV); \
	    echo "make: '$$python -m venv' failed (Debian has it in the package python3-venv)" >&2; exit 1; \
	done; \
	echo "make: Python 3.11 or newer is needed; name one with PYTHON=..." >&2; exit 1

$(VENV)/.packages-installed: requirements-dev.lock $(VENV)/.made
	@echo "make: packages of requirements-dev.lock"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/.project-installed: pyproject.toml $(VENV)/.packages-installed
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# The tests that drive Node libraries are skipped, with the reason, where there is no Node.
$(INTEROP)/node_modules/.installed: $(INTEROP)/package.json $(INTEROP)/package-lock.json $(INTEROP)/.npmrc
	@if command -v node >/dev/null && command -v npm >/dev/null; then \
	    echo "make: packages of $(INTEROP)/package-lock.json"; \
	    cd $(INTEROP) && npm ci --silent --no-audit --no-fund && touch node_modules/.installed; \
	fi

# uv resolves for every Python from 3.11 on at once: a lock made by one interpreter lacks what another needs
# (async-timeout, which redis wants below 3.11.3).
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links --system-certs $(LOCK_FLAGS)

lock: $(VENV)/.packages-installed
	@$(PIP) install uv==0.13.9
	$(LOCK) --output-file requirements.lock
	$(LOCK) --extra dev --constraint requirements.lock --output-file requirements-dev.lock

# Data and measurements in var/ stay.
clean:
	rm -rf $(VENV) $(INTEROP)/node_modules build dist *.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find crypto idp relying_party_demo loadtests tests -name __pycache__ -prune -exec rm -rf {} +
