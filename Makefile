# Two commands for everyone: `make demo` and `make test`. Both need Python >= 3.11, git and make only:
# .venv is made from constraints.txt when it is missing or no longer current.

SHELL := /bin/sh
ifndef PYTHON
PYTHON := $(shell sh tools/find-python.sh)
endif
PY := .venv/bin/python
# One thread a test worker: threads that fight for two cores make everything slower.
WORKERS ?= 2
PYTEST := OMP_NUM_THREADS=1 $(PY) -m pytest

.PHONY: help venv demo test test-services test-slow lint format bench constraints clean

help: ## what can be made
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /	/' | expand -t 16

venv: ## .venv with everything the tests need, if missing or not current
	@if [ -n "$(PYTHON)" ]; then "$(PYTHON)" tools/venv.py; else exit 1; fi

demo: venv ## the whole job on the embedded (simulated) cohort, ending with a report to open
	@$(PY) -m medxmodal demo --out reports/out/demo

test: venv ## all tests that need no service and no root, under 10 minutes
	$(PYTEST) -n $(WORKERS) --dist loadfile

test-services: venv ## tests with a real browser, PACS, FHIR server and PostgreSQL; as root on Debian installs them
	@sh tools/services.sh
	$(PYTEST) tests -m services

test-slow: venv ## wheels, kill loops, notebooks on real data
	$(PYTEST) tests -m slow

lint: venv ## style, formatting, types and who may import whom
	@code=0; \
	$(PY) -m ruff check . || code=1; \
	$(PY) -m ruff format --check . || code=1; \
	$(PY) -m mypy medxmodal || code=1; \
	$(PY) -c 'from importlinter.cli import lint_imports_command as lint; lint()' --no-logo || code=1; \
	exit $$code

format: venv ## mend what ruff can mend
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: venv ## the figures of reports/benchmarks.md
	$(PY) benchmarks/run.py

constraints: venv ## write down the exact versions in .venv
	@$(PY) tools/constraints.py > constraints.tmp && mv constraints.tmp constraints.txt
	@"$(PYTHON)" tools/venv.py

clean: ## remove what is made, .venv too
	rm -rf .venv build dist reports/out .ruff_cache .mypy_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
