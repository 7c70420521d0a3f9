PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ADDR ?= 127.0.0.1:13456

.PHONY: run test lint format bench soak screenshots services lock clean

run: $(VENV)/run.stamp
	$(BIN)/python manage.py quickstart $(ADDR)
	$(BIN)/python manage.py runserver $(ADDR)

test: $(VENV)/dev.stamp lint
	@# The server's tests wait more than they work: they run beside the others and are shown when both are done.
	@$(BIN)/python -m pytest -n 2 --dist loadfile tests/ccmsite > $(VENV)/server-tests.log 2>&1 & server=$$!; \
	$(BIN)/python -m pytest -n 3 --dist loadfile --ignore=tests/ccmsite; others=$$?; \
	$(BIN)/python tests/on_postgres.py; postgres=$$?; \
	wait $$server; served=$$?; cat $(VENV)/server-tests.log; exit $$((others || postgres || served))

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tests/tree_rules.py
	$(BIN)/lint-imports
	$(BIN)/python tests/with_settings.py mypy ccmsite providers proxy
	$(BIN)/python tests/with_settings.py manage.py makemigrations --check --dry-run
	git ls-files 'templates/*.html' | xargs -r $(BIN)/djade --target-version 5.2 --check

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/run.stamp
	$(BIN)/python tests/bench/run.py

soak: $(VENV)/dev.stamp
	$(BIN)/python -m tests.soak.run --database sqlite
	$(BIN)/python -m tests.soak.run --database postgres

screenshots: $(VENV)/dev.stamp
	$(BIN)/python -m tests.screenshots

services:
	bash .ci/services

lock:
	uv pip compile --universal --generate-hashes --no-header --no-emit-index-url pyproject.toml -o requirements.lock
	uv pip compile --universal --generate-hashes --no-header --no-emit-index-url --extra dev pyproject.toml -o requirements-dev.lock

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements.lock | $(VENV)/bin/python
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@

$(VENV)/dev.stamp: requirements-dev.lock | $(VENV)/bin/python
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@
