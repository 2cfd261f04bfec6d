# `make demo` and `make test` are all that a newcomer needs; `make check` is what CI runs.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: demo install test test-slow test-browser test-real check check-colab check-minimum check-newest \
  lock audit lint format types benchmark docs build serve clean

demo: $(VENV)/installed
	@echo "For the shell to find the commands below, type first: . $(BIN)/activate"
	$(BIN)/tfpix2pix-train

install: $(VENV)/installed-test

test: $(VENV)/installed-test
	$(BIN)/pytest -n 2 --dist loadfile --durations 15

# Files in their order: otherwise those of few tests come last, and the longest has a single one.
# Three at once: many of these wait for other processes.
test-slow: $(VENV)/installed-test
	$(BIN)/pytest -m slow -n 3 --dist loadfile --no-loadscope-reorder --durations 40

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

# With the lowest versions that setup.cfg admits, on Python 3.11: make check-minimum PYTHON=python3.11
# Left out are PyTorch, Gradio, npm and Sphinx, which are tested as they are locked.
MINIMUM = .venv-minimum
MINIMUM_EXTRAS = edges litert onnx openvino tensorboard
MINIMUM_TESTS = $(addprefix tests/, config test_losses.py test_metadata.py \
  $(addprefix data/test_, edges.py formats.py images.py loading.py pipeline.py published.py resizing.py \
    store.py tiff.py) \
  $(addprefix models/test_, blocks.py convolutions.py generators.py) \
  $(addprefix training/test_, averaging.py run.py step.py tensorboard.py) \
  $(addprefix export/test_, c_loader.py network_formats.py savedmodel.py) \
  report/test_figures.py inference/test_predicting_runs.py \
  $(addprefix cli/test_, completion.py doctor.py))
check-minimum: $(MINIMUM)/installed
	$(MINIMUM)/bin/pip check
	$(MINIMUM)/bin/tfpix2pix doctor
	$(MINIMUM)/bin/pytest -n 2 --dist loadfile --durations 15 $(MINIMUM_TESTS)

# With the newest versions there are, whatever is locked.
NEWEST = .venv-newest
check-newest: $(NEWEST)/installed
	$(NEWEST)/bin/pip check
	$(NEWEST)/bin/pytest -n 2 --dist loadfile --durations 15

# Takes up what changed in setup.cfg; all newer versions with: make lock UPGRADE=--upgrade
# Then run it once more if the tools themselves went up.
COMPILE = $(BIN)/uv pip compile --quiet --config-file .ci/uv.toml --no-emit-index-url \
  --custom-compile-command 'make lock' --python-version 3.11
lock: $(VENV)/tools
	$(COMPILE) $(UPGRADE) --universal --generate-hashes .ci/tools.in --output-file .ci/lock-tools.txt
	for extra in test demo; do $(COMPILE) $(UPGRADE) --universal --generate-hashes setup.cfg \
	  --extra test --extra $$extra --constraint .ci/lock-tools.txt --constraint .ci/torch.txt \
	  --no-emit-package torch --output-file .ci/lock-$$extra.txt || exit; done
	$(COMPILE) $(UPGRADE) --resolution lowest-direct setup.cfg $(addprefix --extra ,$(MINIMUM_EXTRAS)) \
	  --constraint .ci/minimum.in --output-file .ci/minimum.txt

# Known vulnerabilities of what is locked; with a file at hand, without a network: make audit ADVISORIES=all.zip
ADVISORIES = build/advisories.zip
.PHONY: build/advisories.zip
audit: $(VENV)/tools $(ADVISORIES)
	$(BIN)/python .ci/audit.py $(ADVISORIES) .ci/accepted.txt .ci/lock-*.txt .ci/torch.txt

build/advisories.zip:
	mkdir -p build
	curl --fail --silent --show-error --output $@ \
	  https://storage.googleapis.com/osv-vulnerabilities/PyPI/all.zip

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
	rm -rf $(VENV) $(COLAB) $(MINIMUM) $(NEWEST) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache

# pip and what builds the package, of known versions and hashes, for all that follows.
$(VENV)/tools: .ci/lock-tools.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes --requirement .ci/lock-tools.txt
	touch $@

# For who tries the package, whatever else is in the environment: the versions of the day.
$(VENV)/installed: $(VENV)/tools setup.cfg pyproject.toml
	$(BIN)/pip install --quiet --editable .
	touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(BIN)/pip install --quiet --editable '.[docs]'
	touch $@

# For tests and CI: what is locked, and nothing else. TORCH_FROM: pip's options for another source of PyTorch.
$(VENV)/installed-test: $(VENV)/tools .ci/lock-test.txt .ci/torch.txt setup.cfg pyproject.toml
	$(BIN)/pip install --quiet --require-hashes --no-build-isolation --requirement .ci/lock-test.txt
	$(BIN)/pip install --quiet $(TORCH_FROM) --requirement .ci/torch.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(COLAB)/installed: setup.cfg pyproject.toml .ci/colab-constraints.txt
	$(PYTHON) -m venv $(COLAB)
	$(COLAB)/bin/pip install --quiet --upgrade pip
	$(COLAB)/bin/pip install --quiet --constraint .ci/colab-constraints.txt --editable . \
	  dill hypothesis ipykernel nbclient nbformat pytest pytest-xdist tensorflow-serving-api
	touch $@

comma := ,
$(MINIMUM)/installed: setup.cfg pyproject.toml .ci/minimum.txt
	$(PYTHON) -m venv $(MINIMUM)
	$(MINIMUM)/bin/pip install --quiet --upgrade pip
	$(MINIMUM)/bin/pip install --quiet --constraint .ci/minimum.txt \
	  --editable '.[$(subst $() ,$(comma),$(MINIMUM_EXTRAS))]' \
	  dill hypothesis pytest pytest-xdist tensorflow-serving-api
	touch $@

$(NEWEST)/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(NEWEST)
	$(NEWEST)/bin/pip install --quiet --upgrade pip
	$(NEWEST)/bin/pip install --quiet $(TORCH_FROM) torch
	$(NEWEST)/bin/pip install --quiet --editable '.[test]'
	touch $@

# After all other tests: Gradio takes Pillow to an earlier version.
$(VENV)/installed-demo: $(VENV)/installed-test .ci/lock-demo.txt
	$(BIN)/pip install --quiet --require-hashes --no-build-isolation --requirement .ci/lock-demo.txt
	$(BIN)/pip check
	touch $@
