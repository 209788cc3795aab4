# Two commands on a fresh machine: `make study` and `make test`. Both set up .venv with pinned versions first.
PYTHON ?= python3
# Point this at your own build, for example TORCH="torch --index-url ..." for another CUDA version.
TORCH ?= torch==2.13.0
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2
# Modules are compiled once and not in each of the hundreds of processes that the tests start, whatever the shell says of it.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX := $(CURDIR)/$(VENV)/compiled

.PHONY: study test test-slow test-all lint docs bench soak setup clean

# The text of the study comes with Python and differs between its releases: where it does, results/first_look is made anew.
study: $(VENV)/.ready
	$(BIN)/freerun study first_look --replace

# Three tiers of tests (tests/README.md): the quick ones, minutes; those and the slow ones, half an hour; the soak, hours.
test: $(VENV)/.ready
	$(BIN)/python -m pytest -n $(JOBS) -m "not slow"

# The laws of what is rolled out, with the loop in PyTorch too; the others ask no engine.
NO_ENGINE := $(foreach laws,arithmetic check feedback metrics models objectives parallel_scan players regimes tasks,--ignore tests/laws/test_$(laws).py)

test-slow: $(VENV)/.ready
	$(BIN)/python -m pytest -n $(JOBS) -m slow
	FREERUN_ENGINE=reference $(BIN)/python -m pytest -n $(JOBS) -m "not slow" tests/laws $(NO_ENGINE)

test-all: test test-slow

lint: $(VENV)/.ready
	$(BIN)/ruff check src tests experiments docs/*.py
	$(BIN)/ruff format --check src tests experiments docs/*.py
	$(BIN)/mypy
	$(BIN)/lint-imports

# The site, into build/site; needs no network.
docs: $(VENV)/.ready
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

bench: $(VENV)/.ready
	$(BIN)/python experiments/bench/engine_speed/benchmark.py
	$(BIN)/python experiments/bench/rollout_speed/benchmark.py

soak: $(VENV)/.ready
	$(BIN)/python tests/reliability/soak.py --tier full --jobs $(JOBS) --out results/reliability

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt $(wildcard src/freerun/engine/compiled/source/*)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile $(TORCH)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
