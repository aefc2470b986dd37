# Handraise. `make help` explains the targets; python3 (3.11 or later, with venv) and make are all
# that is needed to run and test, everything else is fetched into .venv and the cache.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The suite starts Python hundreds of times; compiling everything again each time takes a minute.
unexport PYTHONDONTWRITEBYTECODE
export HANDRAISE_CACHE ?= $(HOME)/.cache/handraise
DEBIAN := $(HANDRAISE_CACHE)/debian
PROMTOOL := $(DEBIAN)/usr/bin/promtool
KAFKAJS := $(HANDRAISE_CACHE)/kafkajs/node_modules
CHROMIUM := $(HANDRAISE_CACHE)/chromium/usr/lib/chromium/chromium-headless-shell
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALL := $(PIP) install --require-hashes --prefer-binary -r
PYTEST := $(BIN)/python -m pytest
# Most tests wait for something: four processes make use of two cores. How they share the tests,
# tests/support/plugin.py says.
SUITE = $(PYTEST) -n $(or $(JOBS),4) $(ARGS)

.PHONY: help run demo test test-real bench bench-capture bench-delivery bench-slow reliability fuzz proofs lint format kafka docs lock clean

help: ## explain the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/run.stamp ## start everything here, send sample leads, show who gets them; Ctrl-C ends it
	@$(BIN)/handraise demo --keep

demo: $(VENV)/run.stamp ## send N leads (LEADS=200) through everything, account for each, end
	@$(BIN)/handraise demo --leads $(or $(LEADS),200)

test: $(VENV)/dev.stamp $(PROMTOOL) $(CHROMIUM) $(KAFKAJS) ## every test; with the best Kafka that can be had, and it says which
	@$(SUITE)

test-real: export HANDRAISE_REQUIRE_REAL := 1
test-real: export HANDRAISE_REQUIRE_PROMTOOL := 1
test-real: export HANDRAISE_REQUIRE_BROWSER := 1
test-real: $(VENV)/dev.stamp $(PROMTOOL) $(CHROMIUM) $(KAFKAJS) ## every test, and fail where no real Kafka can be had
	@$(SUITE)

bench: $(VENV)/dev.stamp ## measure latency and throughput against bare aiokafka, on real Kafka
	@$(BIN)/python -m tests.benchmarks.pipeline $(ARGS)

bench-capture: $(VENV)/dev.stamp ## measure what capture takes on one core, against a bare handler that only produces
	@$(BIN)/python -m tests.benchmarks.capture $(ARGS)

bench-slow: $(VENV)/dev.stamp ## measure what 2,000 idle and 300 slow senders cost good ones (4 minutes)
	@$(BIN)/python -m tests.benchmarks.slow_senders $(ARGS)

bench-delivery: $(VENV)/dev.stamp ## measure submission to Slack message, against submission to assignment (4 minutes)
	@$(BIN)/python -m tests.benchmarks.delivery $(ARGS)

reliability: export HANDRAISE_REQUIRE_REAL := 1
reliability: $(VENV)/dev.stamp ## all that kill, freeze and starve, the long runs too (20 minutes), on real Kafka
	@$(PYTEST) tests/reliability -m "long or not long" -o faulthandler_timeout=0 $(ARGS)

fuzz: $(VENV)/dev.stamp ## a million mutated requests at capture's doors (INPUTS=1000000; 10 to 20 minutes, 90 at most)
	@$(BIN)/python -m tests.fuzz --inputs $(or $(INPUTS),1000000) $(ARGS)

proofs: export HANDRAISE_SEARCH := 1
proofs: export HANDRAISE_PROOF_RUNS := $(or $(RUNS),10000)
proofs: $(VENV)/dev.stamp ## every law with new random examples; of routing RUNS=10000 lives and 1,000 pools (15 minutes)
	@$(SUITE) -o faulthandler_timeout=0 tests/property tests/unit
	@$(BIN)/python -m tests.benchmarks.fairness

lint: $(VENV)/dev.stamp ## ruff, formatting, types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(VENV)/dev.stamp ## write the house format
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

kafka: $(VENV)/run.stamp ## fetch Apache Kafka (43 MB, once) and run it alone until Ctrl-C
	@$(BIN)/python -m services.runtime.embedded.kafka

docs: $(VENV)/dev.stamp ## write the generated documents again: JSON Schema, AsyncAPI, OpenAPI
	@$(BIN)/python -m services.cli.docs

lock: $(VENV)/dev.stamp ## resolve the dependencies again, with hashes
	@$(BIN)/uv pip compile pyproject.toml --extra build --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --quiet -o requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --extra build --extra dev --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet \
	  -c requirements.lock -o requirements-dev.lock

clean: ## remove the virtual environment, caches and the data folder of `make run`
	@rm -rf $(VENV) .handraise .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	  .import_linter_cache build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Handraise needs Python 3.11 or later: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "python3 cannot make a virtual environment: apt-get install python3-venv"; exit 1; }

$(VENV)/run.stamp: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "installing what Handraise needs into $(VENV)"
	@$(INSTALL) requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "installing what the tests need into $(VENV)"
	@$(INSTALL) requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/run.stamp

# Prometheus's own checker judges our rules. Unpacked, not installed: no service is started.
$(PROMTOOL):
	@mkdir -p $(DEBIAN)
	@cd $(DEBIAN) && if command -v apt-get dpkg >/dev/null; then \
	  echo "fetching promtool (Debian package prometheus) into $(DEBIAN)"; \
	  apt-get download -qq prometheus 2>/dev/null || \
	    { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get download -qq prometheus; } || true; \
	  for deb in prometheus_*.deb; do if [ -e "$$deb" ]; then dpkg -x "$$deb" . && rm "$$deb"; fi; done; fi
	@test -x $@ || echo "promtool is missing (Debian package prometheus): its tests will say so"

# A real browser for the website script, with the libraries that this machine lacks. 100 MB, once.
$(CHROMIUM):
	@mkdir -p $(HANDRAISE_CACHE)/chromium
	@cd $(HANDRAISE_CACHE)/chromium && if command -v apt-get dpkg >/dev/null; then \
	  echo "fetching a browser (Debian package chromium-headless-shell) into $(HANDRAISE_CACHE)/chromium"; \
	  wanted() { apt-get install --print-uris -qq --no-install-recommends chromium-headless-shell \
	    2>/dev/null | sed -n "s/^'.*' \([^_ ]*\)_.*/\1/p"; }; \
	  { [ -n "$$(wanted)" ] && apt-get download -qq $$(wanted) 2>/dev/null; } || \
	    { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get download -qq $$(wanted); } || true; \
	  for deb in *.deb; do if [ -e "$$deb" ]; then dpkg -x "$$deb" . && rm "$$deb"; fi; done; fi
	@test -x $@ || echo "Chromium is missing (Debian package chromium-headless-shell): its tests will say so"

# What the JavaScript of docs/subscribe.md imports; only where there is Node.js.
$(KAFKAJS):
	@mkdir -p $(dir $@)
	@if command -v node npm >/dev/null; then \
	  echo "fetching kafkajs (npm) into $(dir $@)"; \
	  npm install --silent --no-audit --no-fund --prefix $(dir $@) kafkajs@2.2.4 || true; fi
	@test -d $@ || echo "kafkajs is missing (npm): its test will say so"
