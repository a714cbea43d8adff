# Two commands for a fresh machine with Python 3.11+ and pip: make demo, make test.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
MODELS := .venv-models
CASES  ?= 12
EXIT   ?=

.PHONY: demo test test-sqlite test-postgresql test-browser test-walks test-pages chromium test-models check-deploy run lint bench lock

demo: $(VENV)/demo.done ## run the main job on embedded parts, and leave it running
	@$(BIN)/python -m pediscreen_site.demo --cases $(CASES) $(if $(EXIT),--exit)

test: test-sqlite test-postgresql ## the whole suite, on SQLite and on PostgreSQL

# Processes that are tried with each other and with model servers, and each page for each
# role: with PostgreSQL alone.
TALKING := $(patsubst %,tests/system/test_%.py,agents circuits consents json_lines metrics model_faults \
  pull_agents redis_faults replay rolling_restart schemathesis tasks traces webhooks) tests/models \
  tests/site/test_roles.py tests/site/test_audit_walk.py
# What asks no database, or the same of any: with SQLite alone.
ALONE := tests/milestones tests/wire tests/audit/proofs tests/test_architecture.py \
  tests/test_completeness.py $(wildcard tests/consent/test_decision*.py tests/routing/test_medgemma_*.py \
  tests/routing/test_modelserver*.py tests/routing/test_policy*.py tests/routing/test_protocol_*.py \
  tests/screening/test_documents_*.py) \
  $(patsubst %,tests/agreement/test_%.py,cells charts figures findings kinds looks) \
  $(patsubst %,tests/routing/test_%.py,endpoints llamacpp) tests/people/test_pure.py \
  $(patsubst %,tests/screening/test_%.py,reports results webhooks_callbacks webhooks_signing) \
  $(patsubst %,tests/site/test_%.py,certificates logs role_words settings)

test-sqlite: $(VENV)/test.done
	TEST_DATABASE=sqlite $(BIN)/python -m pytest -n 3 --dist loadfile $(TALKING:%=--ignore=%) $(ARGS)

test-postgresql: $(VENV)/test.done
	TEST_DATABASE=postgresql $(BIN)/python -m pytest -n 3 --dist loadfile $(ALONE:%=--ignore=%) $(ARGS)

test-browser: test-walks test-pages ## the desk in Chromium, as a person uses it and page by page

test-walks: chromium $(VENV)/test.done
	TEST_DATABASE=postgresql $(BIN)/python -m pytest tests/browser --ignore=tests/browser/test_pages.py \
	  -m browser -n 2 --dist loadfile $(ARGS)

test-pages: chromium $(VENV)/test.done
	TEST_DATABASE=sqlite $(BIN)/python -m pytest tests/browser/test_pages.py -m browser -n 2 $(ARGS)

chromium:
	@for tool in chromium pdftotext; do command -v $$tool > /dev/null || { \
	  echo "$$tool is missing. On Debian: apt-get install chromium fonts-inter poppler-utils" >&2; exit 1; }; done

test-models: $(VENV)/test.done $(MODELS)/models.done ## a real Gemma behind transformers serve and in our own server; installs torch
	TEST_DATABASE=sqlite MODELS_PYTHON=$(MODELS)/bin/python $(BIN)/python -m pytest tests/models -m models $(ARGS)

check-deploy: $(VENV)/deploy.done ## chart, image, compose, alerts and mutual TLS, without a cluster
	@for tool in promtool nginx systemd-analyze; do PATH=$$PATH:/usr/sbin command -v $$tool > /dev/null || { \
	  echo "$$tool is missing. On Debian: apt-get install prometheus nginx-light systemd" >&2; exit 1; }; done
	TEST_DATABASE=postgresql $(BIN)/python -m pytest tests/deploy -m deploy -n 3 --dist loadfile $(ARGS)

run: $(VENV)/demo.done ## the API alone on port 9000, with development settings
	DEBUG=true $(BIN)/python manage.py migrate -v0
	DEBUG=true $(BIN)/python -m granian --interface wsgi --port 9000 --blocking-threads 16 --no-ws \
	  --log-config pediscreen_site/granian.json pediscreen_site.wsgi:application

lint: $(VENV)/dev.done ## style, types, imports, migrations, settings, schema
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	DEBUG=true $(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python -m tests.deploy_check
	DEBUG=true $(BIN)/python manage.py spectacular --format openapi-json --validate --fail-on-warn --file /dev/null

bench: $(VENV)/test.done ## the figures of docs/performance.md, as ratios in one run
	$(BIN)/python -m tests.benchmarks $(ARGS)

lock: $(VENV)/dev.done ## compile requirements/*.in into *.txt
	for name in base prod demo test dev deploy; do \
	  $(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 \
	    --no-header --no-emit-index-url requirements/$$name.in -o requirements/$$name.txt; done
	$(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.13 --python-platform x86_64-manylinux_2_28 \
	  --no-header --no-emit-index-url requirements/modelserver.in -o requirements/modelserver.txt

$(VENV)/%.done: requirements/%.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: give its name, as in make demo PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing requirements/$*.txt into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$*.txt
	@touch $@

$(MODELS)/models.done: requirements/models.in requirements/models.txt
	@test -x $(MODELS)/bin/python || $(PYTHON) -m venv $(MODELS)
	@echo "Installing torch and requirements/models.txt into $(MODELS) …"
	@$(MODELS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps $$(grep ^torch== requirements/models.in)
	@$(MODELS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/models.txt
	@$(MODELS)/bin/python -m pip check --quiet
	@touch $@
