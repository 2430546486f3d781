# Everything a person or a CI does with this checkout. `make help` lists it.
# Overridable: PYTHON (3.11 or later), VENV (where the environment lies), WORKERS (test processes).
PYTHON  ?= python3
VENV    ?= .venv
# A test process starts gateways and applications of several processes each: one for two processors.
WORKERS ?= $(shell echo $$(( ($$(getconf _NPROCESSORS_ONLN) + 1) / 2 )))

BIN   := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo run test check static format-check lint types plan docs fix bench lock clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make the environment from the lock file (done once, and again when the lock changes)

$(READY): requirements/dev.lock pyproject.toml requirements/prepare.py
	@$(PYTHON) requirements/prepare.py $(VENV) requirements/dev.lock
	@touch $@

demo: $(READY) ## run the whole migration once, on real servers, with a progress display
	@$(BIN)/python -m deploy.demo

run: $(READY) ## the demo's servers, kept running; prints the dashboard's address
	@$(BIN)/python -m deploy.demo --keep-running

test: $(READY) ## every check and every test; what could not run is listed with its reason
	@$(BIN)/python -m tests.support.install
	@static=0; $(MAKE) --no-print-directory --keep-going static || static=1; \
	tests=0; $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile || tests=$$?; \
	if [ $$static -ne 0 ]; then echo "make check failed: see above the tests"; fi; \
	[ $$static -eq 0 ] && [ $$tests -eq 0 ]

check: static docs ## format, lint, types, floor plan, documents

static: format-check lint types plan

format-check: $(READY)
	@$(BIN)/ruff format --check --quiet --output-format concise . || { echo "run 'make fix'"; exit 1; }

lint: $(READY)
	@$(BIN)/ruff check --quiet --output-format concise .

types: $(READY)
	@$(BIN)/mypy

plan: $(READY)
	@$(BIN)/lint-imports

docs: $(READY)
	@$(BIN)/python -m pytest -q tests/docs

fix: $(READY) ## format, and repair what the linter can repair
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

bench: $(READY) ## measure beside nginx, HAProxy, Envoy and FastAPI + httpx (ARGS=--quick: two minutes)
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/bench.lock \
		|| echo "the peers in requirements/bench.lock have no build for this machine: measuring without them"
	@$(BIN)/python -m bench $(ARGS)

COMPILE = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-config --quiet --custom-compile-command "make lock"

lock: $(READY) ## compile the lock files again (UPGRADE=--upgrade takes newer versions)
	@$(COMPILE) $(UPGRADE) pyproject.toml --group dev --group legacy --group new --output-file requirements/dev.lock
	@$(COMPILE) $(UPGRADE) pyproject.toml --constraint requirements/dev.lock --output-file requirements/product.lock
	@$(COMPILE) $(UPGRADE) requirements/bench.in --output-file requirements/bench.lock

clean: ## remove the environment and everything that can be made again
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
