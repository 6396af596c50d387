# SPDX-License-Identifier: Apache-2.0
# The commands of this checkout; `make help` lists them. The work is done by tools/setup, CMake,
# CTest and pytest: this file only puts them in order.

# PYTHON   interpreter for .venv, CPython 3.10 to 3.13; once .venv is there it need not be repeated
# PRESET   CMake preset to build and test
# BUDGET   minutes of `make bench-gpu`
PYTHON ?=
PRESET ?= dev
BUDGET ?= 20

BUILD := build/$(PRESET)
DEMO := $(BUILD)/demo
# Picture and record of an example.
files = --out $(DEMO)/$(1).png --record $(DEMO)/$(1).json
# New files too, what .gitignore names not.
CXX_FILES = $(shell git ls-files --cached --others --exclude-standard '*.h' '*.cpp')

# As an activated environment: CMake, Ninja and CTest come from it, and CMake finds its Python.
export VIRTUAL_ENV := $(CURDIR)/.venv
export PATH := $(VIRTUAL_ENV)/bin:$(PATH)
export PYTHONPATH := $(CURDIR)/torch_ops/python
# The Python package would take the newest of several builds; here it is the one just made.
export CONVWRIGHT_LIBRARY := $(CURDIR)/$(BUILD)/libconvwright_ops.so

# Where nothing is set up: PYTHON, else the environment where it is there, else python3.
PRESENT_PYTHON = $(or $(PYTHON),$(wildcard .venv/bin/python),python3)

.PHONY: all setup build demo test test-gpu bench bench-gpu wheel test-wheel format lint clean help

all: build

setup:
	@command -v '$(or $(PYTHON),python3)' >/dev/null || { \
	    echo "Set-up: there is no '$(or $(PYTHON),python3)'; install python3 and python3-venv," \
	        "or name an interpreter: make PYTHON=python3.12"; exit 1; }
	@'$(or $(PYTHON),python3)' tools/setup $(if $(PYTHON),--python-chosen)

build: setup
	@tools/build $(PRESET)

# What tuning finds stays in this build: another run of the demo goes on from there.
demo: export CONVWRIGHT_CACHE_DIR := $(CURDIR)/$(DEMO)/cache
demo: build
	@python examples/fashion_mnist.py $(call files,fashion_mnist)
	@echo "tuning for a minute"
	@python -m convwright tune --model examples.nets:channel_selection --input 64x3x32x32 --train \
	    --budget 1m
	@python examples/channel_selection.py --short $(call files,channel_selection)
	@python examples/approximate_lenet.py --short $(call files,approximate_lenet)
	@python -m convwright report $(DEMO)/fashion_mnist.json $(DEMO)/channel_selection.json \
	    $(DEMO)/approximate_lenet.json --db $(DEMO)/cache/tuning.db --out $(DEMO)/report.html

# Both runners have their say; the exit status is an error if either had one.
test: build
	@status=0; \
	tools/step "C++ tests" \
	    ctest --preset $(PRESET) --parallel "$$(nproc)" --no-tests=error || status=1; \
	tools/step "Python tests" python -m pytest tests || status=1; \
	exit $$status

# On a machine with a GPU: sets nothing up and builds nothing (tools/on_gpu).
test-gpu:
	@tools/on_gpu "make test-gpu" '$(PRESENT_PYTHON)' $(BUILD) pytest hypothesis numpy -- \
	    -m pytest -o pythonpath= -m "gpu and not slow and not perf" tests/torch_ops tests/bench

bench: build
	@python bench/run.py

bench-gpu:
	@tools/on_gpu "make bench-gpu" '$(PRESENT_PYTHON)' $(BUILD) numpy -- \
	    bench/run.py --device cuda --budget $$(($(BUDGET) * 60))

wheel:
	@tools/wheel '$(PRESENT_PYTHON)'

# Each in an environment of its own, which is kept: make test-wheel PYTHON="python3.10 python3.13".
test-wheel:
	@tools/test_wheel $(or $(PYTHON),python3)

format: setup
	@clang-format -i $(CXX_FILES)
	@ruff format .
	@ruff check --fix .

lint: setup
	@clang-format --dry-run --Werror $(CXX_FILES)
	@ruff format --check .
	@ruff check .

# .venv stays: it takes minutes and gigabytes to make again.
clean:
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

help:
	@echo "make          set up what is missing and build (again: seconds)"
	@echo "make demo     train three small networks, tune for a minute, and report"
	@echo "make test     every test: GoogleTest, then pytest"
	@echo "make bench    time the operators beside PyTorch's"
	@echo "make wheel    dist/convwright-*.whl; without set-up where PYTHON has the packages"
	@echo "make test-wheel the newest wheel's operators under PYTHON=, several interpreters or one"
	@echo "make test-gpu   the tests that need a GPU, by the build, the wheel or an installed copy"
	@echo "make bench-gpu  'make bench' on a GPU beside cuDNN, BUDGET=20 minutes of it"
	@echo "make format   put C++ and Python sources in the house format"
	@echo "make lint     say what 'make format' would change, and what ruff finds"
	@echo "make clean    remove builds and caches; .venv stays"
	@echo "PYTHON=python3.12 chooses the interpreter (3.10 to 3.13), PRESET=release the build."
