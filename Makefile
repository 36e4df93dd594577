# Every target sets itself up first; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

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

.PHONY: help setup lock schemas
