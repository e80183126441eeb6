# `make` alone lists the targets. Everything runs in .venv, which the targets make and keep up to date themselves.

PYTHON ?= python3
# Test files side by side, as many as there are cores: four at least, as they often wait, and eight at most, as they share one
# PostgreSQL and one Kafka. 0: one after the other. In their order: those that start whole systems are spread over the run.
JOBS   ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 4); echo $$(( cores < 4 ? 4 : cores > 8 ? 8 : cores )))
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
UVLOCK := $(BIN)/python -m uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header

.DEFAULT_GOAL := help
.PHONY: help run test check lint types generated docs stack stack-down replay import screenshots bench evaluate year train chaos fuzz client api-key audit-verify rotate-keys examples lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run ## Start everything with a simulated operator (PORT=8000; STACK=1: on Kafka and PostgreSQL; AUTH=1: access by key)
	@exec $(BIN)/python -m deploy.run $(if $(PORT),--port $(PORT)) $(if $(STACK),--stack) $(if $(AUTH),--auth)

test: $(VENV)/.dev ## Run the tests, on real Kafka and PostgreSQL where the machine has them
	@$(BIN)/python -m deploy.stack install || true
	@$(BIN)/python -m deploy.browser || true
	$(BIN)/python -m pytest $(if $(TESTS),$(TESTS),-n $(JOBS) --dist loadfile --no-loadscope-reorder)

check: lint types generated ## Lint, types, generated docs, deployment files

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python tests/lint/code_rules.py

types: $(VENV)/.dev
	$(BIN)/mypy

generated: $(VENV)/.dev
	$(BIN)/python -m shared.contracts.asyncapi --check
	$(BIN)/python -m shared.errors --check
	$(BIN)/python -m deploy.api_documents --check
	$(BIN)/python -m deploy.validate

docs: $(VENV)/.dev ## Write the generated docs again
	$(BIN)/python -m shared.contracts.asyncapi
	$(BIN)/python -m shared.errors
	$(BIN)/python -m deploy.api_documents

examples: $(VENV)/.dev ## Record examples of good answers for the API's document, where one is missing or fits no more, from tests (ARGS=--again: all)
	@$(BIN)/python -m deploy.examples $(ARGS)

stack: $(VENV)/.run ## Start a real Kafka and PostgreSQL on this machine, without containers
	@$(BIN)/python -m deploy.stack install
	@$(BIN)/python -m deploy.stack up

stack-down: $(VENV)/.run ## Stop them
	@$(BIN)/python -m deploy.stack down

replay: $(VENV)/.dev ## Run a real data set through the system: DATA=file SOURCE=cell2cell|online-retail
	@$(BIN)/python -m deploy.replay --data "$(DATA)" --source "$(SOURCE)" $(ARGS)

import: $(VENV)/.run ## Take a file in: FILE=customers.csv KIND=customers|usage|bills|payments|events (ARGS=--help)
	@$(BIN)/python -m services.customer.importing $(ARGS) --kind "$(KIND)" "$(FILE)"

screenshots: $(VENV)/.dev ## Take the pictures of the console in its guide anew, of a running make run
	@$(BIN)/python -m deploy.screenshots $(if $(PORT),--url http://127.0.0.1:$(PORT))

bench: $(VENV)/.dev ## Measure: ingest against its floor, event to alert, 360 view (minutes)
	@$(BIN)/python -m deploy.bench $(ARGS)

evaluate: $(VENV)/.dev ## Hold the warnings against what the simulated operator's customers really did (some twenty minutes)
	@$(BIN)/python -m deploy.evaluate $(ARGS)

year: $(VENV)/.dev ## Live through a simulated year with the campaign on and without it, and choose whom to contact in two ways (half an hour)
	@$(BIN)/python -m deploy.year $(ARGS)

train: $(VENV)/.dev ## Train churn models on what this system observed, or say why not (ARGS="own --help"; also: file, sensitivity, cards, register)
	@$(BIN)/python -m services.segmentation.training $(if $(ARGS),$(ARGS),own)

chaos: $(VENV)/.dev ## Kill workers at random under load, then audit every invariant (minutes)
	@$(BIN)/python -m deploy.chaos $(ARGS)

api-key: $(VENV)/.run ## Make an API key and print it, this once: CLIENT=crm SCOPES="customers:read events:write" (SCOPES=all; ARGS="--days 90")
	@$(BIN)/python -m services.gateway.keys create "$(CLIENT)" $(SCOPES) $(ARGS)

fuzz: $(VENV)/.dev ## Send random requests to every operation of the API, and hold each answer against the document (a quarter of an hour)
	@$(BIN)/python -m deploy.fuzz $(ARGS)

client: $(VENV)/.dev ## Generate a typed Python client of the API into build/
	@$(BIN)/python -m deploy.client $(ARGS)

audit-verify: $(VENV)/.run ## Walk the audit log: exit code 1 and the first entry that was touched, if one was
	@$(BIN)/python -m services.customer.audit_verify

rotate-keys: $(VENV)/.run ## Add a master key to the keyring; the worker wraps the customers' keys anew under it
	@$(BIN)/python -m services.customer.rotate_keys

lock: $(VENV)/.dev ## Pin the dependencies of pyproject.toml again, with hashes
	$(UVLOCK) pyproject.toml -o requirements.lock --upgrade
	$(UVLOCK) pyproject.toml --group dev -o requirements-dev.lock --upgrade

clean: ## Remove the virtual environment and all local data
	rm -rf $(VENV) data build

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Holdfast needs Python 3.11 or newer: make PYTHON=python3.11")'
	@echo "Making the virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock | $(BIN)/python
	@echo "Installing what requirements.lock pins (once)"
	@$(PIP) -r requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock | $(BIN)/python
	@echo "Installing what requirements-dev.lock pins (once)"
	@$(PIP) -r requirements-dev.lock
	@touch $@ $(VENV)/.run
