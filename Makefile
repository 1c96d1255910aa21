# SPDX-License-Identifier: GPL-2.0-or-later
# 'make help' lists the targets.
.DEFAULT_GOAL := all
BUILD  := $(CURDIR)/build
PREFIX ?= /usr/local
V      ?= 0
ifeq ($(V),0)
MAKEFLAGS += -s --no-print-directory
endif
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif

help: ## list the targets
	@sed -n 's/^\([a-z][a-z -]*\):.*## /\1	/p' $(MAKEFILE_LIST) | \
		awk -F'	' '{ printf "  %-30s %s\n", $$1, $$2 }'
	@echo "Variables: YES=1 answers questions, VMEXIT_CACHE=DIR names the cache"
	@echo "(default ~/.cache/vmexit), V=1 shows commands, PREFIX and DESTDIR for install."

all: ## build vmexitd, vmexitctl and vmexit-agent into build/
	$(MAKE) -C guest-agent
	$(MAKE) -C daemon

demo: ## boot an emulated KVM host and watch a guest boot in the browser (PORT=N)
	scripts/deps build kernel lab
	@echo "demo: building vmexitd, vmexit-agent and the page"
	$(MAKE) all
	scripts/demo

test: ## every test, short counts (.ci/run is this)
	scripts/deps build kernel lab guest test fuzz fleet debian
	$(MAKE) all
	$(MAKE) san-tests
	scripts/test

test-long: ## the same suites with full counts
	scripts/deps package
	VMEXIT_LONG=1 $(MAKE) test

test-amd test-intel: ## KVM and a Linux guest on an emulated CPU (half a minute, 2 minutes)
	scripts/deps build kernel lab
	$(MAKE) -C guest-agent
	scripts/test $(@:test-%=%)

check: ## unit tests under AddressSanitizer, without KVM or root
	scripts/deps build
	$(MAKE) san-tests
	scripts/test agent daemon page

san-tests:
	$(MAKE) -C guest-agent SAN=1 all tests
	$(MAKE) -C daemon SAN=1 all tests

kvm-modules: ## patched kvm.ko, kvm-amd.ko, kvm-intel.ko (RELEASE=$(uname -r) or LINE=6.12)
	scripts/deps kernel
	kernel/build-modules $(if $(RELEASE),--release $(RELEASE)) $(if $(LINE),--line $(LINE))

fuzz: ## libFuzzer on what a guest sends, a database holds, a CSV says (SECONDS=60 each)
	scripts/deps build fuzz
	tests/fuzz/run --seconds $(or $(SECONDS),60)

bench-kernel: ## instructions per VM exit: stock, the series, tracing (ARGS="--only counts")
	scripts/deps kernel lab bench
	tests/bench/kernel $(ARGS)

bench-agent: ## the agent's CPU, memory, exits beside node_exporter's and others' (ARGS="--seconds 5")
	scripts/deps build kernel lab guest test bench
	$(MAKE) all
	tests/bench/agent $(ARGS)

bench-store: ## bytes, CPU time, queries of the store beside VictoriaMetrics' (ARGS="--only csv")
	scripts/deps build bench store
	$(MAKE) all
	$(MAKE) -C tests/bench/storebench BUILD=$(BUILD)
	BUILD=$(BUILD) tests/bench/store $(ARGS)

bench-web: ## the page's bytes, first chart, commit to pixel, graphs, 500 pages (ARGS="--only chart")
	scripts/deps build test bench
	$(MAKE) all
	$(MAKE) -C tests/bench/storebench BUILD=$(BUILD)
	$(MAKE) -C tests/bench/livebench BUILD=$(BUILD)
	BUILD=$(BUILD) tests/bench/page $(ARGS)

dkms-source: ## build/vmexit-kvm-dkms-VERSION, for DKMS, and a tarball of it
	kernel/make-dkms-source

kernel-deb: ## a whole patched kernel as Debian packages in build/ (CONFIG=FILE, LINE=6.12)
	kernel/build-package --check --config "$(CONFIG)"
	scripts/deps kernel package
	mkdir -p build
	debs=$$(kernel/build-package --config "$(CONFIG)" $(if $(LINE),--line $(LINE))) && \
		echo "$$debs" | xargs -d '\n' cp -t build/
	@ls build/linux-*.deb

deps: ## install the Debian packages that everything needs
	scripts/deps build kernel lab guest test fuzz bench store fleet debian

lab-start lab-stop lab-status: ## the emulated host, without the demo around it
	scripts/lab/lab $(@:lab-%=%)

install: all ## programs, vmexit.so, completions and man pages below DESTDIR/PREFIX
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin
	install -m 755 build/vmexitd build/vmexit-agent $(DESTDIR)$(PREFIX)/sbin
	install -m 755 build/vmexitctl $(DESTDIR)$(PREFIX)/bin
	install -D -m 644 build/vmexit.so $(DESTDIR)$(PREFIX)/lib/vmexit/vmexit.so
	install -D -m 644 daemon/ctl/completion/vmexitctl $(DESTDIR)$(PREFIX)/share/bash-completion/completions/vmexitctl
	install -D -m 644 daemon/ctl/completion/_vmexitctl $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_vmexitctl
	for page in daemon/*.[578] daemon/ctl/*.1 daemon/sql/*.7 guest-agent/*.[58] guest-agent/shared/*.7; do \
		install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; \
	done

clean: ## remove build/ (the cache stays)
	rm -rf build

.PHONY: help all demo test test-long check san-tests kvm-modules bench-kernel bench-agent bench-store bench-web fuzz \
	dkms-source kernel-deb deps install clean lab-start lab-stop lab-status test-amd test-intel
