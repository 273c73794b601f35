# The front door: every target sets up what it needs (python3 >= 3.11, pip and git are assumed).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test bench torture update-cases check wheel clean

demo: $(READY)
	$(BIN)/python -m fixtures.demo

test: check
	HCODEMOD_REQUIRE_SERVICES=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not torture"

check: $(READY)
	$(BIN)/ruff format --check -q .
	$(BIN)/ruff check -q .
	$(BIN)/mypy
	PYTHONPATH=rules $(BIN)/lint-imports --no-cache

bench: $(READY)
	$(BIN)/python -m bench

torture: $(READY)
	HCODEMOD_REQUIRE_SERVICES=1 $(BIN)/python -m pytest -q -n 2 -m torture

update-cases: $(READY)
	$(BIN)/python -m hephaestus_codemods.testing.update_cases rules

wheel: $(READY)
	$(BIN)/python -m build --wheel -o dist .

clean:
	rm -rf $(VENV) dist build .demo .bench

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else f"hephaestus-codemods needs Python 3.11 or newer, {sys.executable} is {sys.version.split()[0]}: try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@
