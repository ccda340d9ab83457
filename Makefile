# Every target of weft. What a target needs and this machine lacks is installed on the way; nothing else is changed.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test run check audit build test-unit golden fmt clean setup engines programs test-crash test-fuzz soak bench plugin plugin-push install uninstall
MAKEFLAGS += --no-print-directory

# From the sources, not from dist/, so that what is left there of a deleted test does not run.
ALL_TESTS = $(shell find test -name '*.test.ts' | sort | sed 's,^,dist/,; s,ts$$,js,')
UNIT_TESTS = $(filter-out dist/test/live/% dist/test/e2e/% dist/test/vm/%,$(ALL_TESTS))
NODE_TEST = node --enable-source-maps --test --test-reporter=spec --test-timeout=1200000 --test-concurrency=$(shell nproc)

# A folder, and the Debian packages in it.
VM = vm qemu-system-x86 linux-image-amd64 kmod

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: setup build ## a network, two containers on it, shown talking, all of it removed again
	@node --enable-source-maps dist/test/demo/demo.js

test: setup engines programs build ## every test that this machine can run; the others say why they did not
	@$(NODE_TEST) $(ALL_TESTS)

run: setup build ## the daemon, in the foreground
	@exec node --enable-source-maps dist/src/weftd.js

check: node_modules/.package-lock.json ## types, lint, format
	@npx biome ci .
	@npx tsc -p . --noEmit

audit: ## known holes in the packages that weft runs with, as the npm registry tells of them
	@npm audit --omit=dev

build: node_modules/.package-lock.json ## compile into dist/
	@npx tsc -p .
	@chmod +x dist/src/weft.js dist/src/weftd.js

test-unit: build ## the tests that need neither root nor Docker
	@$(NODE_TEST) $(UNIT_TESTS)

test-crash: export WEFT_TEST_KILLS ?= 20000
test-crash: export WEFT_TEST_HOST_KILLS ?= 100
test-crash: setup build ## weft killed at every step, and WEFT_TEST_KILLS times at random; a part of it is in make test
	@test/support/fetch-programs etcd etcd-server etcd-client
	@$(NODE_TEST) $(filter dist/test/crash/%,$(ALL_TESTS))

test-fuzz: export WEFT_TEST_FUZZ ?= 100000
test-fuzz: setup build ## WEFT_TEST_FUZZ calls of nonsense to a weftd on a real kernel; a part of it is in make test
	@$(NODE_TEST) dist/test/e2e/hostile.test.js

soak: export WEFT_TEST_SOAK ?= 600
soak: setup build ## WEFT_TEST_SOAK seconds of users at work on a real dockerd while weftd and dockerd die; in the end nothing is different
	@$(NODE_TEST) dist/test/e2e/soak.test.js

golden: export WEFT_UPDATE_GOLDEN = 1
golden: test-unit ## write the goldens anew; review the difference

fmt: node_modules/.package-lock.json ## format, and fix what lint can fix
	@npx biome check --write .

clean: ## remove what was built
	@rm -rf dist

bench: setup build ## weft beside Docker's own drivers: ratios of one run; PARTS="NAME…" for some parts, PARTS=--help lists them
	@test/support/fetch-programs bench iperf3
	@test/support/fetch-programs $(VM)
	@rm -rf dist/bundle && plugin/bundle dist/bundle weftd
	@node --enable-source-maps dist/bench/bench.js $(PARTS)

plugin: setup build ## the managed plugin weft:latest, made from this machine's files; docker plugin enable weft starts it
	@plugin/build dist/plugin
	@docker plugin create weft:latest dist/plugin

plugin-push: setup build ## the managed plugin in a registry: make plugin-push REF=REGISTRY/NAME:TAG
	@[ -n "$(REF)" ] || { echo 'make plugin-push: say where to, as in REF=registry.example/weft:1.0' >&2; exit 1; }
	@plugin/build dist/plugin
	@docker plugin create '$(REF)' dist/plugin
	@docker plugin push '$(REF)'

install: setup build ## weftd on this host, as a service that starts before Docker
	@plugin/install

uninstall: ## take it away again; the state and the networks stay
	@plugin/uninstall

setup:
	@test/support/setup

engines: setup
	@test/support/fetch-engines bullseye trixie forky

programs: setup
	@test/support/fetch-programs firewalls dbus-daemon firewalld ufw
	@test/support/fetch-programs registry docker-registry
	@test/support/fetch-programs compose docker-compose
	@test/support/fetch-programs zsh zsh
	@test/support/fetch-programs etcd etcd-server etcd-client
	@test/support/fetch-programs $(VM)
	@test/support/fetch-programs wireguard wireguard-tools

node_modules/.package-lock.json: package-lock.json package.json
	@echo 'weft: installing the npm packages'
	@npm ci --no-progress --loglevel=error
	@touch $@
