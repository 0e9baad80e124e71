# Needs make and Python 3.11 or newer; everything else goes into .venv here and the user's cache folder.
#   make run               install, fetch the weights, start the server (make run ARGS="--port 9000")
#   make test              all tests but those of `make interop`
#   make check test interop   what CI runs
.DEFAULT_GOAL := help
.PHONY: help setup weights run test check fix cov interop fuzz bench docs clean

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
STAMP := .venv/.installed
WEIGHTS := smollm2-135m
PURE := src/antiphon/protocol/*,src/antiphon/session/*,src/antiphon/dialects/*,src/antiphon/audio/*,src/antiphon/ports.py
EXTRAS := embedded,hub,webrtc,dev
ARGS ?=
FUZZ_SECONDS ?= 60
JOBS ?= 2

export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## Say what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

setup: $(STAMP) ## Create .venv and install into it; quick when nothing changed

$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "Antiphon needs Python 3.11 or newer; there is: $$(python3 --version 2>&1)"; \
	  echo "hint: make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv \
	  || { rm -rf .venv; echo "hint: on Debian, apt-get install python3-venv"; exit 1; }
	$(BIN)/pip install --quiet --editable '.[$(EXTRAS)]'
	@touch $@

weights: $(STAMP) ## Fetch the weights of the default engines
	@$(BIN)/antiphon pull $(WEIGHTS)

run: weights ## Start the server
	@exec $(BIN)/antiphon serve $(ARGS)

test: weights ## Run the tests, those on the embedded models included
	$(BIN)/pytest -m 'not interop' -n $(JOBS) --dist loadfile $(ARGS)

interop: weights ## Run real SDKs and programs of others against a real server; needs Node 20 and Chromium
	@$(BIN)/python tests/interop/clients/install.py
	$(BIN)/pytest -m interop $(ARGS)

check: $(STAMP) ## Lint, format, types, layers, budgets
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(BIN)/python .ci/budgets.py src

fix: $(STAMP) ## Repair what ruff can repair
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

cov: weights ## Test with coverage; the pure packages must be covered whole
	$(BIN)/pytest -m 'not interop' --cov --cov-report= $(ARGS)
	$(BIN)/coverage report
	$(BIN)/coverage report --fail-under=100 --include='$(PURE)'

fuzz: $(STAMP) ## Feed nonsense to the parsers
	@set -e; for f in fuzz/fuzz_*.py; do $(BIN)/python $$f --seconds $(FUZZ_SECONDS); done

bench: weights ## Measure, and write docs/performance.md; peers once before, by bench/peers/install.py
	$(BIN)/pip install --quiet --editable '.[bench]'
	$(BIN)/python bench/bench_all.py $(ARGS)
	$(BIN)/python bench/report.py

docs: $(STAMP) ## Write the generated reference pages
	$(BIN)/python docs/generate.py

clean: ## Remove what was built, .venv included; the weights stay in the cache
	rm -rf .venv .interop .bench tests/interop/node/node_modules .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
