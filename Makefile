.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
# Without bytecode files, each of the many processes would compile all its modules.
unexport PYTHONDONTWRITEBYTECODE

# A Python from 3.11 to 3.13; if empty, scripts/find-python searches for one.
PYTHON ?=
VENV   ?= .venv
BIN    := $(VENV)/bin

# `make up TRACING=1 LOGGING=1`. The service sends all traces, because the collector samples them.
DOCKER_COMPOSE = docker compose --file docker-compose.yml \
  $(if $(LOGGING),--file deployment/compose/logging-driver.yml --profile logging) $(if $(TRACING),--profile tracing)
COMPOSE_ENV = $(if $(TRACING),OTEL_EXPORTER_OTLP_ENDPOINT=http://otel-collector:4318 OTEL_TRACES_SAMPLER_ARG=1)
# Marker files of the environments: the service's packages; those and the tests' packages; and, in a
# separate environment, programs that test the service from outside.
RUN    := $(VENV)/.run
DEV    := $(VENV)/.dev
TOOLS  := .venv-tools/.tools
# The extras for running the whole service on one machine.
RUN_EXTRAS = whisper local caldav flower embedded
# Number of test processes; each starts its own servers.
JOBS   ?= 2
# The tests of a module run in one process, because they share servers; tests/conftest.py orders the
# modules.
SPREAD  = -n $(JOBS) --dist loadfile --no-loadscope-reorder

##@ Help

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  %-19s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Run

.PHONY: demo
demo: $(RUN) ## Process one bundled interview on real servers, print its report, stop again
	@$(BIN)/interview-worker demo

.PHONY: worker
worker: $(RUN) ## Run servers, workers, API and Flower until Ctrl-C
	@exec $(BIN)/interview-worker up

##@ Test

.PHONY: test
test: $(DEV) $(TOOLS) ## Run the tests, on real servers
	$(BIN)/python -m pytest $(SPREAD) -m 'not long'

.PHONY: test-long
test-long: $(DEV) ## Run the tests that take minutes: faults of all servers, memory, the demo
	$(BIN)/python -m pytest $(SPREAD) -m long

.PHONY: system-packages
system-packages: ## Install the Debian packages that some tests need: Prometheus, RabbitMQ, Chromium
	@scripts/system-packages

.PHONY: test-fast
test-fast: $(DEV) ## Run the tests that need no servers, in under a minute
	$(BIN)/python -m pytest $(SPREAD) -m 'not slow' tests/unit

# Keys are read from the environment, as for the service. For a calendar provider, CONTRACT_CALENDAR
# is the calendar in which test meetings are booked.
.PHONY: contract
contract: $(DEV) ## Run the contract tests against a provider's real service: PROVIDER=openai
	@test -n "$(PROVIDER)" || { echo "Name a provider: make contract PROVIDER=openai" >&2; exit 1; }
	PROVIDER=$(PROVIDER) $(BIN)/python -m pytest -v tests/contract/test_cloud.py

# One of them: PEER=kafka make contract-servers
.PHONY: contract-servers
contract-servers: $(DEV) ## Run the contract tests on servers of other makes, built once
	@$(BIN)/python -m tests.contract_servers $(PEER)

.PHONY: contract-packages
contract-packages: ## Install the Debian packages that build those servers: Go, Java, Maven
	@scripts/system-packages golang-go default-jre-headless maven

# The rules run thirty times as fast. For some faults only: make alerts-check FAULTS='broker memory'
.PHONY: alerts-check
alerts-check: $(DEV) ## Break a stack of two hosts and check which alerts arrive, in 40 minutes
	$(BIN)/python -m tests.alerting.live.check $(FAULTS)

.PHONY: coverage
coverage: $(DEV) $(TOOLS) ## Run all tests and report the lines they do not cover
	$(BIN)/python -m pytest $(SPREAD) --cov --cov-report=term-missing:skip-covered

.PHONY: chaos
chaos: $(DEV) $(TOOLS) ## Kill and freeze every process under load, for half an hour
	CHAOS=long $(BIN)/python -m pytest -s tests/chaos tests/monitoring/test_churn.py tests/monitoring/test_ground_truth.py

# The seed is that of `make test`; for another one: make fuzz FUZZ_SEED=7
.PHONY: fuzz
fuzz: $(DEV) $(TOOLS) ## Send invalid requests and damaged recordings, for some minutes
	FUZZ=long $(BIN)/python -m pytest tests/fuzz

##@ Monitoring

.PHONY: rules
rules: $(DEV) ## Generate Prometheus' rules and alerts
	$(BIN)/python -m monitoring.stack.prometheus

.PHONY: dashboards
dashboards: $(DEV) ## Generate Grafana's dashboards
	$(BIN)/python -m monitoring.stack.grafana

.PHONY: log-config
log-config: $(DEV) ## Generate the configuration of Fluentd, Elasticsearch and Kibana
	$(BIN)/python -m monitoring.stack.log_config

.PHONY: picture
picture: $(DEV) ## Draw the architecture picture from docs/images/architecture.toml
	$(BIN)/python docs/images/draw_architecture.py

.PHONY: dashboards-check
dashboards-check: $(DEV) ## Query every dashboard panel on a Prometheus that scraped a real run
	@$(BIN)/python -m tests.dashboards

# With data of your own Prometheus: make dashboard-preview PROMETHEUS=http://127.0.0.1:9090
.PHONY: dashboard-preview
dashboard-preview: $(DEV) ## Render the dashboards without Grafana, to build/dashboards
ifdef PROMETHEUS
	@$(BIN)/python -m monitoring.stack.grafana.preview $(PROMETHEUS)
else
	@$(BIN)/python -m tests.dashboards --seconds 100 --preview build/dashboards
endif

##@ Containers

.PHONY: secrets
secrets: ## Create missing passwords for docker-compose.yml
	@$$(scripts/find-python $(PYTHON)) -m deployment.secrets

.PHONY: up
up: secrets ## Run the whole stack in containers; TRACING=1 adds Jaeger, LOGGING=1 Elasticsearch
	$(COMPOSE_ENV) $(DOCKER_COMPOSE) up --build --detach $(if $(LOGGING),,--wait)

.PHONY: down
down: ## Stop the containers; their data is kept
	docker compose --profile '*' down

.PHONY: logs
logs: ## Follow the logs of all containers
	docker compose logs --follow --tail 100

.PHONY: smoke
smoke: $(DEV) ## Process an interview in the containers; needs a container engine
	$(BIN)/python -m pytest -ra tests/smoke

.PHONY: image-size
image-size: $(DEV) ## Build the image and check its size; needs docker, podman or buildah
	@$(BIN)/python -m tests.image

##@ Develop

.PHONY: types
types: $(DEV) ## Check types for Linux and macOS
	$(BIN)/mypy
	$(BIN)/mypy --platform darwin --package tasks --package monitoring --package worker

.PHONY: lint
lint: $(DEV) types ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

.PHONY: format
format: $(DEV) ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

##@ Measure

.PHONY: bench
bench: $(DEV) ## Measure speed against the alternatives, as ratios within one run
	$(BIN)/python -m benchmarks

# Duration, clients and queue depth: make load LOAD='--seconds 600 --clients 100 --queued 20000'
.PHONY: load
load: $(DEV) $(TOOLS) ## Load the service: many clients, a deep queue
	$(BIN)/python -m benchmarks.load $(LOAD)

.PHONY: audit
audit: $(DEV) $(TOOLS) ## Check the pinned dependencies for known vulnerabilities
	$(BIN)/python -m tests.audit

COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
  --custom-compile-command 'make lock'

##@ Release

# The other locks take their versions from dev.lock; tools.lock is independent.
.PHONY: lock
lock: $(DEV) ## Pin all dependencies; UPGRADE=1 takes their newest versions
	$(COMPILE) $(if $(UPGRADE),--upgrade) --all-extras --group dev --output-file requirements/dev.lock pyproject.toml
	$(COMPILE) $(RUN_EXTRAS:%=--extra %) --constraint requirements/dev.lock --output-file requirements/run.lock pyproject.toml
	$(COMPILE) --group build --constraint requirements/dev.lock --output-file requirements/build.lock
	$(COMPILE) --group uv --constraint requirements/dev.lock --output-file requirements/uv.lock
	$(COMPILE) $(if $(UPGRADE),--upgrade) --group tools --output-file requirements/tools.lock

.PHONY: install-check
install-check: $(DEV) ## Run the demo from a fresh clone with each Python; check all wheels
	$(BIN)/python -m tests.install

.PHONY: clean
clean: ## Remove virtual environments and build products
	rm -rf $(VENV) $(dir $(TOOLS)) .interview-worker .coverage* htmlcov .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment is either complete or absent, and is updated when its lock changes. The environment
# of the tests contains all packages of the service's.
INSTALL = scripts/install scripts/find-python pyproject.toml requirements/uv.lock

$(RUN): requirements/run.lock requirements/build.lock $(INSTALL)
	@if [ -e $(DEV) ]; then $(MAKE) --no-print-directory $(DEV); \
	  else scripts/install $(VENV) run $(PYTHON); fi
	@touch $@

$(DEV): requirements/dev.lock requirements/build.lock $(INSTALL)
	@scripts/install $(VENV) dev $(PYTHON)

$(TOOLS): requirements/tools.lock $(INSTALL)
	@scripts/install $(@D) tools $(PYTHON)
