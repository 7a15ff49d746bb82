# `make help` lists what there is to do. PYTHON picks the interpreter that .venv is made with: 3.11 or newer.
PYTHON ?= python3
PIP_EXTRAS ?= dds,train,dev
BIN := .venv/bin
STAMP := .venv/.installed
# Two at a time; each file's tests stay together.
PYTEST_ARGS ?= -n 2 --dist loadfile
DEMO_ARGS ?=
BENCH_ARGS ?=

# Pictures are drawn without a screen: through EGL, or through OSMesa where EGL is missing, or not at all.
ifeq ($(shell uname -s),Linux)
ifeq ($(origin MUJOCO_GL),undefined)
LIBRARIES := $(shell PATH="$$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null)
ifneq ($(findstring libEGL.so,$(LIBRARIES)),)
MUJOCO_GL := egl
else
MUJOCO_GL := $(if $(findstring libOSMesa.so,$(LIBRARIES)),osmesa,disable)
GL_ADVICE := libEGL is missing, so MUJOCO_GL=$(MUJOCO_GL); for pictures: apt-get install libegl1 libgl1 libgl1-mesa-dri
endif
endif
export MUJOCO_GL
endif

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint check format bench docs clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## install everything into .venv

# torch comes first and by itself: what is chosen here (a CPU or a CUDA build) then satisfies everything after it.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than Python 3.11; say which to use: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
		{ echo "no virtual environment could be made; on Debian: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(PIP_EXTRAS)]'
	@touch $@

advice:
	@$(if $(GL_ADVICE),echo "$(GL_ADVICE)",:)
.PHONY: advice

demo: $(STAMP) advice ## train, evaluate, sweep, export and deploy to a twin over ROS 2: runs/demo/report.html
	$(BIN)/ashore demo $(DEMO_ARGS)

test: $(STAMP) advice ## all tests; PYTEST_ARGS="-n 2 -k loader" passes on
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(STAMP) ## format, lint, types and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/lint-imports

check: lint test ## everything that must pass before a change lands

format: $(STAMP) ## format the code and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP) advice ## measure simulation, training and the node: a table and JSON each
	$(BIN)/ashore bench sim $(BENCH_ARGS)
	$(BIN)/ashore bench train $(BENCH_ARGS)
	$(BIN)/ashore bench node $(BENCH_ARGS)

docs: $(STAMP) advice ## write docs/tasks.md and its pictures, docs/randomization.md from the code
	$(BIN)/python -m docs.make_tasks
	$(BIN)/python -m docs.make_randomization

clean: ## take away caches and build leftovers; runs/ and .venv stay
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis MUJOCO_LOG.TXT
	find . -path ./.venv -prune -o -name __pycache__ -type d -print0 | xargs -0 rm -rf
