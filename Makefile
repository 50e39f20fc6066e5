.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

# `make up TRACING=1 LOGGING=1`. The collector decides which traces are kept, so it gets all of them.
DOCKER_COMPOSE = docker compose --file docker-compose.yml \
  $(if $(LOGGING),--file docker-compose.logging.yml --profile logging) $(if $(TRACING),--profile tracing)
COMPOSE_ENV = $(if $(TRACING),OTEL_EXPORTER_OTLP_ENDPOINT=http://otel-collector:4318 OTEL_TRACES_SAMPLER_ARG=1)
READY  := $(VENV)/.ready
# Programs that look at the service from outside have an environment of their own.
TOOLS  := .venv-tools/.ready
# How many test processes; each has servers of its own.
JOBS   ?= 2
# A module's tests stay together, which share its servers; tests/conftest.py puts them in order.
SPREAD  = -n $(JOBS) --dist loadfile --no-loadscope-reorder

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

.PHONY: demo
demo: $(READY) ## Take one bundled interview through the whole of it, print its report, stop again
	@$(BIN)/interview-worker demo

.PHONY: worker
worker: $(READY) ## Run servers, workers, API and Flower until Ctrl-C
	@exec $(BIN)/interview-worker up

.PHONY: test
test: $(READY) $(TOOLS) prometheus ## Run all tests, on real servers
	$(BIN)/python -m pytest $(SPREAD)

# Prometheus and Alertmanager check what we expose and configure. Where they cannot be installed,
# those tests say that they skip.
.PHONY: prometheus
prometheus:
	@if ! command -v promtool >/dev/null || ! command -v amtool >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing the Debian packages prometheus and prometheus-alertmanager, for the tests …"; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	      apt-get install -y -qq --no-install-recommends prometheus prometheus-alertmanager; \
	    } >/dev/null || true; \
	  fi; \
	  command -v promtool >/dev/null || echo "Prometheus is missing: ITS TESTS ARE SKIPPED" >&2; \
	  command -v amtool >/dev/null || echo "Alertmanager is missing: ITS TESTS ARE SKIPPED" >&2; \
	fi

.PHONY: test-unit
test-unit: $(READY) ## Run the tests that need no servers
	$(BIN)/python -m pytest tests/unit

# A calendar to book in is named by CONTRACT_CALENDAR; keys are in the environment, as settings.
.PHONY: contract
contract: $(READY) ## Ask a provider's real service whether it keeps the contract: PROVIDER=openai
	@test -n "$(PROVIDER)" || { echo "Name a provider: make contract PROVIDER=openai" >&2; exit 1; }
	PROVIDER=$(PROVIDER) $(BIN)/python -m pytest -v tests/contract/test_cloud.py

# The real thing, thirty times as fast: make alerts-check FAULTS='broker memory'
.PHONY: alerts-check
alerts-check: $(READY) prometheus ## Inject faults into a real stack, and note which alerts arrive
	$(BIN)/python -m tests.alerting.live.check $(FAULTS)

.PHONY: coverage
coverage: $(READY) $(TOOLS) ## Run all tests and say which lines they miss
	$(BIN)/python -m pytest $(SPREAD) --cov --cov-report=term-missing:skip-covered

.PHONY: chaos
chaos: $(READY) $(TOOLS) ## Kill and freeze everything under hundreds of interviews, for half an hour, and report
	CHAOS=long $(BIN)/python -m pytest -s tests/chaos tests/monitoring/test_churn.py

# Its seed is that of `make test` unless another is named: FUZZ_SEED=7.
.PHONY: fuzz
fuzz: $(READY) $(TOOLS) ## Try odd requests and damaged recordings, for some minutes
	FUZZ=long $(BIN)/python -m pytest tests/fuzz

.PHONY: rules
rules: $(READY) ## Write Prometheus' rules and alerts anew
	$(BIN)/python -m monitoring.prometheus

.PHONY: dashboards
dashboards: $(READY) ## Write Grafana's dashboards anew
	$(BIN)/python -m monitoring.grafana

.PHONY: log-config
log-config: $(READY) ## Write the configuration of Fluentd, Elasticsearch and Kibana anew
	$(BIN)/python -m monitoring.aggregation

.PHONY: dashboards-check
dashboards-check: $(READY) prometheus ## Ask a Prometheus that watched a real run for what each panel shows
	@$(BIN)/python -m tests.dashboards

# Of a Prometheus of your own: make dashboard-preview PROMETHEUS=http://127.0.0.1:9090
.PHONY: dashboard-preview
dashboard-preview: $(READY) $(if $(PROMETHEUS),,prometheus) ## Render the dashboards without Grafana, to build/dashboards
ifdef PROMETHEUS
	@$(BIN)/python -m monitoring.grafana.preview $(PROMETHEUS)
else
	@$(BIN)/python -m tests.dashboards --seconds 100 --preview build/dashboards
endif

.PHONY: secrets
secrets: ## Make the passwords of docker-compose.yml, where there are none
	@$(PYTHON) -m deployment.secrets

.PHONY: up
up: secrets ## Run the whole stack in containers; TRACING=1 adds Jaeger, LOGGING=1 Elasticsearch
	$(COMPOSE_ENV) $(DOCKER_COMPOSE) up --build --detach $(if $(LOGGING),,--wait)

.PHONY: down
down: ## Stop the containers; their data stays
	docker compose --profile '*' down

.PHONY: logs
logs: ## Follow the logs of all containers
	docker compose logs --follow --tail 100

.PHONY: smoke
smoke: $(READY) ## Take an interview through the containers, where a container engine runs
	$(BIN)/python -m pytest -ra tests/smoke

.PHONY: lint
lint: $(READY) ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(READY) ## Put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: bench
bench: $(READY) ## Measure speed against the alternatives, as ratios of one run
	$(BIN)/python -m benchmarks

# How long, how many, how deep: make load LOAD='--seconds 600 --clients 100 --queued 20000'
.PHONY: load
load: $(READY) $(TOOLS) ## Put the service under load: many clients, a deep queue
	$(BIN)/python -m benchmarks.load $(LOAD)

.PHONY: audit
audit: $(READY) $(TOOLS) ## Look for known vulnerabilities in what is pinned
	$(BIN)/python -m tests.audit

COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
  --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

.PHONY: lock
lock: $(READY) ## Pin all dependencies anew
	$(COMPILE) --all-extras --group dev --output-file requirements.lock pyproject.toml
	$(COMPILE) --group tools --output-file requirements-tools.lock

.PHONY: clean
clean: ## Remove the virtual environment and everything made on the way
	rm -rf $(VENV) $(dir $(TOOLS)) .interview-worker .coverage* htmlcov .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment: complete or not there. It is made anew when a pin changes.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name it with PYTHON=…" >&2; exit 1; }
	@echo "Making $(VENV) (once; takes a minute or two) …"
	@rm -f $(READY)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

$(TOOLS): requirements-tools.lock
	@echo "Making $(@D) (once) …"
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@
