# make demo: install and run the main job.   make test: install, lint, type-check and test.   make help: all targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN ?= runs/demo
REFERENCE_VENV := .venv-conformance
REFERENCE_PYTHON ?= $(PYTHON)
REFERENCE_CHAIN := $(REFERENCE_VENV)/bin/python -m conformance.reference_chain
TENSORFLOW_VENV := .venv-tensorflow
LOWEST_VENV := .venv-lowest
# Packages that test-lowest takes from constraints.txt: torch where only its tested build runs without a GPU's libraries.
LOWEST_TESTED ?= torch torchvision
LOWEST_TESTS ?= tests/linksim tests/stages tests/laws tests/cli tests/deploy tests/structure
DOCS_VENV := .venv-docs
CONFORMANCE_RUN ?= runs/conformance
STUDY ?= runs/study
STUDY_FLAGS ?=
MUTATION_JOBS ?= 2
# KiB of address space: a mutant that loops for ever must not take the machine's memory before its time is up.
MUTATION_MEMORY ?= 12000000
MUTATED := $(shell find linksim tests -name '*.py') pyproject.toml constraints.txt
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
PYTHON_IS_NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11) and "linksim needs Python 3.11 or newer: make PYTHON=python3.11")
TENSORFLOW_HAS_WHEELS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "TensorFlow needs Python 3.11 to 3.13 here: make REFERENCE_PYTHON=python3.13 and the target")

.DEFAULT_GOAL := help
.PHONY: help venv demo study test test-browser test-tensorflow test-lowest release-check lint docs docs-test \
	conformance golden mutation clean

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

$(VENV)/.installed-mutation: $(VENV)/.installed-dev
	$(PIP) -e '.[dev,mutation]'
	@touch $@

$(VENV)/.installed-browser: $(VENV)/.installed-dev
	$(PIP) -e '.[dev,browser]'
	@touch $@

# Sionna 1.2.2 needs TensorFlow and is imported under the same name as the Sionna of linksim.
$(REFERENCE_VENV)/.installed: tests/conformance/requirements.txt
	@$(REFERENCE_PYTHON) -c '$(TENSORFLOW_HAS_WHEELS)'
	$(REFERENCE_PYTHON) -m venv --clear $(REFERENCE_VENV)
	$(REFERENCE_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

$(TENSORFLOW_VENV)/.installed: tests/with_tensorflow/requirements.txt pyproject.toml constraints.txt
	@$(REFERENCE_PYTHON) -c '$(TENSORFLOW_HAS_WHEELS)'
	$(REFERENCE_PYTHON) -m venv --clear $(TENSORFLOW_VENV)
	$(TENSORFLOW_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r $< -e .
	@touch $@

$(DOCS_VENV)/.installed: docs/theme/requirements.txt constraints.txt
	@$(PYTHON) -c '$(PYTHON_IS_NEW_ENOUGH)'
	$(PYTHON) -m venv --clear $(DOCS_VENV)
	$(DOCS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r $<
	@touch $@

demo: $(VENV)/.installed  ## train, audit and benchmark a digital semantic link on real digits
	$(BIN)/linksim train --preset recommended --run-dir $(RUN) --overwrite $(TRAIN_FLAGS)
	$(BIN)/linksim audit $(RUN)/checkpoints/best_hard_model.pt --out $(RUN)
	$(BIN)/linksim ber --max-bits 3e5 --out $(RUN) --overwrite
	$(BIN)/linksim accuracy $(RUN)/checkpoints/best_hard_model.pt --snr-db -6:16:2 --baselines noiseless separate --out $(RUN) --overwrite
	$(BIN)/linksim export $(RUN)/checkpoints/best_hard_model.pt --out $(RUN)/bundle --overwrite
	@echo; echo "Written:"; ls -1 $(RUN)/*.html $(RUN)/*.png $(RUN)/*.json $(RUN)/*.csv $(RUN)/*.jsonl $(RUN)/checkpoints/*.pt | sed 's/^/  /'

DEFECTS := per-bit-grouping batch-padding distance-softmax llr-scale radius-1 radius-2 transmit-statistics
VARIED := soft-annealed note legacy straight-through reinmax
VARIATIONS := tokens=4 tokens=32 codebook_size=16 codebook_size=256 bits_per_symbol=2 bits_per_symbol=6 \
	channel=rayleigh channel=rayleigh-fast
# One store for all, so that no training is done twice; a target that was interrupted goes on where it was.
COMPARE := $(BIN)/linksim study --store $(STUDY)/study.sqlite $(STUDY_FLAGS)
TUNED := --tuned $(STUDY)/mnist5k/study.json
study: $(VENV)/.installed  ## what docs/study.md reports, some hours on two cores; goes on after an interruption
	$(COMPARE) --out $(STUDY)/mnist5k
	$(COMPARE) --out $(STUDY)/digits --dataset digits $(TUNED)
	$(COMPARE) --out $(STUDY)/collapse --tokens 15 --untuned --methods legacy exact-surrogate $(DEFECTS)
	$(COMPARE) --out $(STUDY)/variations $(TUNED) --seeds 0 1 2 --snr-db 0 --methods $(VARIED) --vary $(VARIATIONS)

lint: $(VENV)/.installed-dev  ## ruff and the type checker
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright

test: lint  ## lint, type-check and run the tests
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-browser: $(VENV)/.installed-browser docs  ## drive the site and audit pages, also that of make demo, in Chromium
	$(if $(wildcard $(RUN)/audit.html),LINKSIM_AUDIT_PAGE=$(RUN)/audit.html) $(BIN)/python -m pytest tests/browser

test-tensorflow: export TF_CPP_MIN_LOG_LEVEL := 2
test-tensorflow: $(TENSORFLOW_VENV)/.installed  ## test the Keras layer, in an environment with TensorFlow
	$(TENSORFLOW_VENV)/bin/python -m pytest tests/with_tensorflow

test-lowest: $(BIN)/python  ## test with the lowest versions that are declared, in an environment of its own
	$(PYTHON) -m venv --clear $(LOWEST_VENV)
	$(BIN)/python tests/release/lowest.py --tested $(LOWEST_TESTED) > $(LOWEST_VENV)/constraints.txt
	$(LOWEST_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c $(LOWEST_VENV)/constraints.txt -e '.[dev]'
	$(LOWEST_VENV)/bin/python -m pytest $(LOWEST_TESTS)

release-check: $(VENV)/.installed-dev  ## build wheel and source archive, install each alone, run what README.md promises
	$(BIN)/python tests/release/check.py

# Without --quiet, which hides warnings from --strict, too.
docs: export NO_MKDOCS_2_WARNING := 1
docs: $(DOCS_VENV)/.installed  ## build the documentation site in site/, without a warning
	$(DOCS_VENV)/bin/mkdocs build --strict --clean
	@echo "Written: site/index.html"

docs-test: export TF_CPP_MIN_LOG_LEVEL := 3
docs-test: $(VENV)/.installed-dev $(TENSORFLOW_VENV)/.installed  ## run every block of every tutorial, as a reader would
	$(BIN)/python -m pytest tests/tutorials -v

conformance golden: export PYTHONPATH := tests
conformance golden: export TF_CPP_MIN_LOG_LEVEL := 3
conformance golden: export TF_ENABLE_ONEDNN_OPTS := 0

conformance: $(VENV)/.installed $(REFERENCE_VENV)/.installed  ## compare the hard chain with Sionna 1.2.2 on TensorFlow
	@mkdir -p $(CONFORMANCE_RUN)
	$(REFERENCE_CHAIN) $(CONFORMANCE_RUN)/reference.npz
	$(BIN)/python -m conformance.compare $(CONFORMANCE_RUN)/reference.npz --json $(CONFORMANCE_RUN)/conformance.json

golden: $(REFERENCE_VENV)/.installed  ## make the vectors of Sionna 1.2.2 that make test compares with
	$(REFERENCE_CHAIN) tests/oracles/golden.npz --small

# Results of other code or tests are void. Without a change, `mutmut run` goes on where it stopped.
mutants/.started: $(MUTATED)
	rm -rf mutants
	@mkdir mutants
	@touch $@

# Mutants run in forks of one process, which neither threads of OpenMP nor a GPU's context survive.
mutation: $(VENV)/.installed-mutation mutants/.started  ## plant small errors into the stages; 85 % must be noticed
	ulimit -v $(MUTATION_MEMORY); OMP_NUM_THREADS=1 CUDA_VISIBLE_DEVICES= \
		$(BIN)/mutmut run --max-children $(MUTATION_JOBS) $(MUTANTS)
	@$(BIN)/python tests/mutation/score.py --least 85

clean:  ## remove what the targets made
	rm -rf $(VENV) $(REFERENCE_VENV) $(TENSORFLOW_VENV) $(LOWEST_VENV) $(DOCS_VENV) site mutants runs dist build \
		.pytest_cache .ruff_cache .hypothesis
