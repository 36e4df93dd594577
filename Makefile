# Every target sets itself up first; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest
# a system under test waits most of the time: for sessions to end, for windows to pass, for a next try
AT_ONCE := -n 3 --dist loadfile --no-loadscope-reorder
COMPOSE = $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)

.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  make \1\t/' | expand -t 26

setup: $(STAMP) ## make .venv with the locked dependencies; does nothing when it is current

$(STAMP): requirements.lock pyproject.toml
	@echo "setup: making $(VENV) and installing the locked dependencies (a minute or two the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@
	@echo "setup: done; the command is $(BIN)/samplewatch"

lock: $(STAMP) ## write requirements.lock anew from pyproject.toml
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --universal --generate-hashes \
	  --no-emit-index-url --no-header --python-version 3.11 --output-file requirements.lock

schemas: $(STAMP) ## write schemas/generated anew
	@$(BIN)/python -m schemas.generate

demo: $(STAMP) ## show the whole way once: start everything, feed it, check what comes out, stop everything
	@echo "demo: from an empty var/demo to rates and alerts, in about a minute"
	@$(BIN)/samplewatch demo

run: $(STAMP) ## the same, and keep everything running until Ctrl-C
	@echo "run: the demo, left running; Ctrl-C stops everything"
	@exec $(BIN)/samplewatch demo --keep

test: lint ## lint, then the unit, integration and end-to-end tests
	@echo "test: all tests; those on containers run where a Docker engine answers"
	@$(PYTEST) $(AT_ONCE) tests/e2e tests/integration tests/unit

test-failed: $(STAMP) ## the files in which a test failed last time, once more, one after the other
	@files=$$(grep -o '"tests/[^:"]*' .pytest_cache/v/cache/lastfailed 2>/dev/null | tr -d '"' | sort -u); \
	  test -n "$$files" || { echo "test-failed: no test is known to have failed"; exit 1; }; \
	  echo "test-failed:" $$files; $(PYTEST) $$files

test-unit: $(STAMP) ## the unit tests: no broker, no Redis
	@$(PYTEST) $(AT_ONCE) tests/unit

test-integration: $(STAMP) ## the tests on a real broker and Redis
	@$(PYTEST) $(AT_ONCE) tests/integration

test-e2e: $(STAMP) ## the tests of all services together
	@$(PYTEST) $(AT_ONCE) tests/e2e

up-compose: ## everything in containers, on loopback ports (deploy/compose.yaml); PROFILES=dashboards adds Grafana
	@$(COMPOSE) $(addprefix --profile ,$(PROFILES)) -f deploy/compose.yaml up --build --detach

down-compose: ## stop those containers; the data stays in its volumes (ARGS=--volumes removes it)
	@$(COMPOSE) --profile dashboards -f deploy/compose.yaml down $(ARGS)

bench: $(STAMP) ## measure throughput, latency, rebuild and memory; ARGS="--quick" or the names of some
	@$(BIN)/python -m bench $(ARGS)

test-chaos: $(STAMP) ## kills at each step, zombies, lost Redis, broker and network; SAMPLEWATCH_CHAOS=full adds random kills
	@$(PYTEST) tests/chaos

lint: $(STAMP) ## ruff, mypy, and whether the generated schemas are current and compatible
	@echo "lint: ruff, mypy, schemas"
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/python -m schemas.generate --check
	@$(BIN)/python -m schemas.compatibility
	@$(BIN)/python -m services.runtime.metrics_table --check
	@$(BIN)/python -m deploy.grafana.generate --check

audit: $(STAMP) ## ask for known vulnerabilities of the locked dependencies; fails where an advisory can't be had
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip-audit>=2.10,<3"
	@$(BIN)/pip-audit --requirement requirements.lock --disable-pip --require-hashes --strict

clean: ## remove .venv, var and the caches; refuses while an instance runs in var
	@echo "clean: removing .venv, var and the caches"
	@for dir in $(wildcard var/*/); do \
	  if $(BIN)/samplewatch status --dir $$dir --json 2>/dev/null | grep -q '"running": true'; then \
	    echo "clean: $$dir is running; stop it with: $(BIN)/samplewatch down --dir $$dir"; exit 1; fi; done
	@rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	@find . \( -name __pycache__ -o -name node_modules \) -type d -prune -exec rm -rf {} +

.PHONY: up-compose down-compose help setup lock schemas demo run test test-failed test-unit test-integration test-e2e test-chaos bench lint audit clean
