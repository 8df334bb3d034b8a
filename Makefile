# make demo: install and run the main job.   make test: install, lint, type-check and test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN ?= runs/demo
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
PYTHON_IS_NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11) and "linksim needs Python 3.11 or newer: make PYTHON=python3.11")

.DEFAULT_GOAL := help
.PHONY: help venv demo test lint clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/  —/'

venv: $(VENV)/.installed  ## make .venv and install linksim into it

$(BIN)/python:
	@$(PYTHON) -c '$(PYTHON_IS_NEW_ENOUGH)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) -e .
	@touch $@

$(VENV)/.installed-dev: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) -e '.[dev]'
	@touch $@ $(VENV)/.installed

demo: $(VENV)/.installed  ## train, audit and benchmark a digital semantic link on real digits
	$(BIN)/linksim train --run-dir $(RUN) --overwrite $(TRAIN_FLAGS)
	$(BIN)/linksim audit $(RUN)/checkpoints/best_hard_model.pt --out $(RUN)
	$(BIN)/linksim ber --max-bits 3e5 --out $(RUN)
	$(BIN)/linksim accuracy $(RUN)/checkpoints/best_hard_model.pt --snr-db -6:16:2 --out $(RUN)
	@echo; echo "Written:"; ls -1 $(RUN)/*.png $(RUN)/*.json $(RUN)/*.csv $(RUN)/*.jsonl $(RUN)/checkpoints/*.pt | sed 's/^/  /'

lint: $(VENV)/.installed-dev  ## ruff and the type checker
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright

test: lint  ## lint, type-check and run the tests
	$(BIN)/python -m pytest -n 2 --dist worksteal

clean:  ## remove what the targets made
	rm -rf $(VENV) runs dist build .pytest_cache .ruff_cache .hypothesis
