# `make demo` and `make test` are all that a newcomer needs; `make check` is what CI runs.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: demo install test test-slow test-browser test-real check check-colab lint format types benchmark docs build serve clean

demo: $(VENV)/installed
	@echo "For the shell to find the commands below, type first: . $(BIN)/activate"
	$(BIN)/tfpix2pix-train

install: $(VENV)/installed-test

test: $(VENV)/installed-test
	$(BIN)/pytest -n 2 --dist loadfile --durations 15

test-slow: $(VENV)/installed-test
	$(BIN)/pytest -m slow -n 2 --dist loadfile --durations 40

test-browser: $(VENV)/installed-demo
	$(BIN)/pytest -m browser

test-real: $(VENV)/installed-test
	$(BIN)/pytest -m real_data

check: lint types test

# With the versions of Google Colab: make check-colab PYTHON=python3.13
# Tests that touch TensorFlow, Keras and TFDS and need no extras, and the notebooks.
COLAB = .venv-colab
COLAB_TESTS = $(addprefix tests/, \
  test_losses.py test_objective.py test_balance.py test_notebooks.py \
  $(addprefix data/test_, drawn_facades.py images.py loading.py pipeline.py record_pairs.py tiff.py) \
  $(addprefix models/test_, at_size.py blocks.py convolutions.py discriminators.py generators.py \
    given_statistics.py model_dropout.py unet_options.py) \
  $(addprefix training/test_, averaging.py build.py diffaugment.py pool.py run.py step.py \
    strategy.py updates.py) \
  $(addprefix inference/test_, draws.py own_size.py predicting_runs.py savedmodel_files.py) \
  $(addprefix export/test_, c_loader.py savedmodel.py savedmodel_check.py))
check-colab: $(COLAB)/installed
	$(COLAB)/bin/pip check
	$(COLAB)/bin/tfpix2pix doctor
	$(COLAB)/bin/pytest -n 2 --dist loadfile --durations 15 $(COLAB_TESTS)
	$(COLAB)/bin/pytest -m slow tests/test_notebooks.py

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/installed-test
	$(BIN)/mypy

benchmark: $(VENV)/installed
	$(BIN)/pip install --quiet --editable '.[benchmark]'
	$(BIN)/python -m benchmarks

# Warnings are errors, broken links among them; nothing is fetched.
docs: $(VENV)/installed-docs
	$(BIN)/python -m sphinx -c docs -d build/doctrees --fail-on-warning --keep-going --quiet . build/site
	@echo "build/site/index.html"

build: $(VENV)/installed-test
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

# An export behind TensorFlow Serving, until Ctrl-C: make serve MODEL=exports/facades
SERVING = deploy/tensorflow-serving/docker-compose.yml
serve:
	@test -n "$(MODEL)" || { echo "say which export: make serve MODEL=exports/facades"; exit 2; }
	@ls -d "$(MODEL)"/[0-9]* > /dev/null 2>&1 || { echo "$(MODEL) holds no version 1, 2, ...: \
	make one with tfpix2pix export RUN --output $(MODEL)"; exit 2; }
	@docker compose version > /dev/null 2>&1 || { echo "this needs docker with its compose plugin, \
	which is not here: https://docs.docker.com/compose/install; without it see docs/serving.md"; exit 2; }
	MODEL_DIR="$(abspath $(MODEL))" MODEL_NAME="$(notdir $(abspath $(MODEL)))" \
	  docker compose -f $(SERVING) up

clean:
	rm -rf $(VENV) $(COLAB) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache

$(VENV)/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable .
	touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(BIN)/pip install --quiet --editable '.[docs]'
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@

$(COLAB)/installed: setup.cfg pyproject.toml .ci/colab-constraints.txt
	$(PYTHON) -m venv $(COLAB)
	$(COLAB)/bin/pip install --quiet --upgrade pip
	$(COLAB)/bin/pip install --quiet --constraint .ci/colab-constraints.txt --editable . \
	  dill hypothesis ipykernel nbclient nbformat pytest pytest-xdist tensorflow-serving-api
	touch $@

# After all other tests: Gradio takes Pillow to an earlier version than the package needs.
$(VENV)/installed-demo: $(VENV)/installed-test
	$(BIN)/pip install --quiet --editable '.[demo]'
	touch $@
