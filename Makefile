# Everything is prepared by deploy/local/bootstrap.py, which needs nothing but a Python; the rest runs in .venv.
PYTHON ?= python3
RUN := .venv/bin/python -m deploy.local
.DEFAULT_GOAL := help
.PHONY: help python bootstrap tools up demo test lint proto bench down clean lock

help: ## Say what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1	\2/' | expand -t 14

bootstrap: python
	@"$(PYTHON)" deploy/local/bootstrap.py

# What needs no broker (generating, checking) does not install one.
tools: python
	@"$(PYTHON)" deploy/local/bootstrap.py --without-broker

# Anything from 3.7 on can say by itself what it lacks, or find a better one.
python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 7))' 2>/dev/null || { echo "Deskstream needs Python 3.11, \
	3.12 or 3.13, and \"$(PYTHON)\" is none: install one (sudo apt-get install python3 python3-venv), or name one you have: \
	make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }

up: bootstrap ## Run the platform here until Ctrl-C (ARGS=--infra-only: broker and database only)
	@$(RUN) up $(ARGS)

demo: bootstrap ## Play one working day of a desk through every channel
	@$(RUN) demo $(ARGS)

test: bootstrap ## Pass every test (ARGS='-k words' for some)
	@.venv/bin/python -m pytest -p no:pytest_nameko $(ARGS)

lint: tools ## Check style, types, imports, contracts and generated code
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy services deploy tests
	@.venv/bin/lint-imports
	@.venv/bin/buf lint proto
	@.venv/bin/python -m deploy.local.generate --check

proto: tools ## Generate services/contracts from proto/
	@.venv/bin/python -m deploy.local.generate

bench: bootstrap ## Measure the floor and Deskstream on this machine; writes .run/bench.json
	@.venv/bin/python -c 'import businesstimedelta, pandas' 2>/dev/null || .venv/bin/python -m pip install --quiet \
	--disable-pip-version-check --require-hashes -r requirements-bench.txt || \
	echo "What we are measured beside could not be installed (above); its rows will say so." >&2
	@.venv/bin/python -m tests.bench $(ARGS)

down: ## End what `make up` left running
	@if [ -x .venv/bin/python ]; then $(RUN) down; else echo "Nothing is running: there is no .venv here."; fi

clean: down ## Remove everything made here: .venv, .run, caches
	@rm -rf .venv .run .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: python ## Lock requirements*.in by hash for every Python and platform we support
	@"$(PYTHON)" deploy/local/lock.py
