# Everything is prepared by deploy/local/bootstrap.py, which needs nothing but a Python; the rest runs in .venv.
PYTHON ?= python3
RUN := .venv/bin/python -m deploy.local
.DEFAULT_GOAL := help
.PHONY: help bootstrap tools up demo test lint proto bench down clean lock

help: ## Say what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1	\2/' | expand -t 14

bootstrap:
	@$(PYTHON) deploy/local/bootstrap.py

# What needs no broker (generating, checking) does not install one.
tools:
	@$(PYTHON) deploy/local/bootstrap.py --without-broker

up: bootstrap ## Run the platform here until Ctrl-C (ARGS=--infra-only: broker and database only)
	@$(RUN) up $(ARGS)

demo: bootstrap ## Play one working day of a desk through every channel
	@$(RUN) demo $(ARGS)

test: bootstrap ## Pass every test (ARGS='-k words' for some)
	@.venv/bin/python -m pytest -p no:pytest_nameko $(ARGS)

lint: tools ## Check style, types, imports, contracts and generated code
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy --strict services deploy tests
	@.venv/bin/lint-imports
	@.venv/bin/buf lint proto
	@.venv/bin/python -m deploy.local.generate --check

proto: tools ## Generate services/contracts from proto/
	@.venv/bin/python -m deploy.local.generate

bench: bootstrap ## Measure the floor and Deskstream on this machine; writes .run/bench.json
	@.venv/bin/python -m tests.bench $(ARGS)

down: ## End what `make up` left running
	@if [ -x .venv/bin/python ]; then $(RUN) down; else echo "Nothing is running: there is no .venv here."; fi

clean: down ## Remove everything made here: .venv, .run, caches
	@rm -rf .venv .run .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: ## Lock requirements*.in by hash for every Python and platform we support
	@$(PYTHON) deploy/local/lock.py
