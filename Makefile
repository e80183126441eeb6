# `make` alone lists the targets. Everything runs in .venv, which the targets make and keep up to date themselves.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
LOCK   := $(BIN)/python -m uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header

.DEFAULT_GOAL := help
.PHONY: help lock

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

lock: ## Pin the dependencies of pyproject.toml again, with hashes
	$(LOCK) pyproject.toml -o requirements.lock --upgrade
	$(LOCK) pyproject.toml --group dev -o requirements-dev.lock --upgrade
