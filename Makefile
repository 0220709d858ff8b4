# Two commands set up everything on a machine that has Python 3.11 and make: `make demo`, `make test`.

UV_VERSION := 0.13.9
BOOTSTRAP := .bootstrap
UV := $(BOOTSTRAP)/bin/uv
RUN := .venv/bin/
# In the order of the folders: what takes long begins first.
TWO_AT_ONCE := -n 2 --no-loadscope-reorder
MATRIX_TESTS := $(addprefix tests/kubernetes/,test_matrix.py test_matrix_of_node.py on_ray/test_matrix_with_ray.py)
PYTHON ?= python3.11
export UV_PYTHON_DOWNLOADS := never
DAGSTER_FOLDER := $(or $(DAGSTER_HOME),$(or $(MLP_HOME),$(CURDIR)/.mlp)/dagster)
# Dagster takes no relative path.
export DAGSTER_HOME := $(if $(filter /%,$(firstword $(DAGSTER_FOLDER))),,$(CURDIR)/)$(DAGSTER_FOLDER)
export DO_NOT_TRACK := 1
export MLFLOW_DISABLE_TELEMETRY := true
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION := false

.DEFAULT_GOAL := help

.PHONY: help
help: ## What can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

.PHONY: demo
demo: install ## Train a model on real flights, day by day, and print what was made
	$(RUN)mlp demo

.PHONY: dev
dev: install ## Open the Dagster UI (http://127.0.0.1:3000), MLflow (:5000) and X-Ray (:9729) on the demo's state
	$(RUN)mlp doctor --quiet
	@ports="$$($(RUN)python -m ml_platform.health.ports)" || exit 1; \
	eval "$$ports"; \
	$(RUN)mlp xray serve --port "$$xray_port" & \
	served="$$!"; \
	trap 'kill $$served' EXIT; \
	if [ -n "$$mlflow_port" ]; then \
	  $(RUN)mlflow server --host 127.0.0.1 --port "$$mlflow_port" --workers 1 \
	    --backend-store-uri "$$($(RUN)python -c 'from ml_platform.settings import load_settings as s; print(s().tracking_uri)')" & \
	  served="$$served $$!"; \
	fi; \
	$(RUN)dg dev --host 127.0.0.1 --port "$$dagster_port"

.PHONY: test
test: install ## Run all tests but those that need a Kubernetes node
	$(RUN)pytest -m "not kubernetes and not browser" $(TWO_AT_ONCE) $(ARGS)

.PHONY: unit
unit: install ## Run the quick tests only
	$(RUN)pytest tests/unit $(TWO_AT_ONCE) $(ARGS)

.PHONY: browser
browser: install ## Look at the pages of Dagster and X-Ray in headless Chromium
	$(RUN)pytest -m browser $(ARGS)

.PHONY: screenshot
screenshot: install ## Draw the README's picture of the asset graph from the demo's state
	$(RUN)python -m tests.browser.screenshot

.PHONY: kubernetes-programs
kubernetes-programs: install ## Build what a Kubernetes node is made of (minutes, once); needs Go
	$(RUN)python -m tests.kubernetes.testbed build

.PHONY: kubernetes-up
kubernetes-up: install ## Bring up a Kubernetes node with KubeRay on this machine; needs root and Go
	$(RUN)python -m tests.kubernetes.testbed up $(ARGS)

.PHONY: kubernetes-down
kubernetes-down: install ## Take that node down; nothing of it is left
	$(RUN)python -m tests.kubernetes.testbed down

.PHONY: kubernetes-test
kubernetes-test: install ## Run the tests that need a Kubernetes node; one is brought up unless one is up
	$(RUN)pytest -m kubernetes $(TWO_AT_ONCE) $(if $(findstring tests/kubernetes,$(ARGS)),,tests/kubernetes) $(ARGS)

.PHONY: kubernetes-matrix
kubernetes-matrix: install ## Every fault in every phase of a training (MATRIX=real, or ci), into tables of tests/kubernetes
	rm -f .mlp/matrix.json
	-MLP_MATRIX=$(or $(MATRIX),real) MLP_MATRIX_RESULTS=$(CURDIR)/.mlp/matrix.json $(RUN)pytest -m kubernetes $(MATRIX_TESTS) $(ARGS)
	$(RUN)python -m tests.kubernetes.matrix $(CURDIR)/.mlp/matrix.json

.PHONY: monitoring
monitoring: install ## Check deploy/monitoring, by promtool too where that is installed
	$(RUN)pytest tests/unit/deploy/test_monitoring.py $(ARGS)

.PHONY: check
check: lint types layers test ## What CI runs

.PHONY: lint
lint: install ## Style
	$(RUN)ruff check
	$(RUN)ruff format --check

.PHONY: types
types: install ## Types
	$(RUN)mypy

.PHONY: layers
layers: install ## The import direction
	$(RUN)lint-imports

.PHONY: benchmark
benchmark: install ## Measure the training loop and the loading of the definitions
	$(RUN)python -m tests.benchmarks.main $(ARGS)

.PHONY: scores
scores: install ## Train the example on ten windows and print how good it is (about 8 minutes)
	$(RUN)python -m tests.benchmarks.example_scores

.PHONY: install
install: .venv/.installed ## Install the locked environment

.venv/.installed: uv.lock pyproject.toml | $(UV)
	$(UV) sync --locked --all-extras --quiet
	@touch $@

# uv comes from the package index by pip, so nothing needs to be installed beforehand.
$(UV):
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is missing: install it, or run make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(BOOTSTRAP)
	$(BOOTSTRAP)/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.PHONY: clean
clean: ## Remove the demo's state; the environment stays
	-$(RUN)mlp cluster stop --all
	rm -rf .mlp
