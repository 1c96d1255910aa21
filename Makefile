# SPDX-License-Identifier: GPL-2.0-or-later
# 'make help' lists the targets.
.DEFAULT_GOAL := all
BUILD  := $(CURDIR)/build
PREFIX ?= /usr/local
# Where another distribution may want them; INSTALL_PROGRAM='install -s' strips. The configuration
# is always read from /etc/vmexit. initramfs-tools looks below /usr/share and in /etc/initramfs-tools.
UNITDIR         ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR     ?= $(PREFIX)/lib/sysusers.d
UDEVDIR         ?= $(PREFIX)/lib/udev/rules.d
INITRAMFSDIR    ?= $(if $(filter /usr,$(PREFIX)),/usr/share,/etc)/initramfs-tools
DOCDIR          ?= $(PREFIX)/share/doc
ZSHDIR          ?= $(PREFIX)/share/zsh/site-functions
SYSCONFDIR      := /etc
INSTALL_PROGRAM ?= install
V      ?= 0
ifeq ($(V),0)
MAKEFLAGS += -s --no-print-directory
endif
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif

help: ## list the targets
	@sed -n 's/^\([a-z][a-z0-9 -]*\):.*## /\1	/p' $(MAKEFILE_LIST) | \
		awk -F'	' '{ printf "  %-30s %s\n", $$1, $$2 }'
	@echo "Variables: YES=1 answers questions, VMEXIT_CACHE=DIR names the cache"
	@echo "(default ~/.cache/vmexit), V=1 shows commands, PREFIX and DESTDIR for install;"
	@echo "also CPPFLAGS, CFLAGS, LDFLAGS, WERROR= (no -Werror), and the directories in Makefile."

all: agent-all daemon-all ## build vmexitd, vmexitctl and vmexit-agent into build/

agent-all:
	$(MAKE) -C guest-agent

daemon-all:
	$(MAKE) -C daemon

demo: ## boot an emulated KVM host and watch a guest boot in the browser (PORT=N, GUEST=debian)
	scripts/deps build kernel lab $(if $(filter debian,$(GUEST)),guest debian)
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

bench-fleet: ## 200 hosts' samples into one VictoriaMetrics, Prometheus beside (ARGS="--only load")
	scripts/deps build bench fleet
	$(MAKE) all
	$(MAKE) -C tests/bench/fleetbench BUILD=$(BUILD)
	BUILD=$(BUILD) tests/bench/fleet $(ARGS)

dist: ## build/vmexit-VERSION.tar.xz, with uPlot: it builds without a network
	scripts/dist

deb: ## Debian packages in build/, made without a network and checked by lintian
	scripts/deps build debian
	scripts/deb build

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

install: install-daemon install-sqlite3 install-agent ## all of it below DESTDIR/PREFIX (/usr/local); settings that are there stay

install-daemon: daemon-all ## vmexitd, vmexitctl, page, units, man pages, completions, examples
	install -d $(addprefix $(DESTDIR),$(PREFIX)/sbin $(PREFIX)/bin)
	$(INSTALL_PROGRAM) -m 755 build/vmexitd $(DESTDIR)$(PREFIX)/sbin
	$(INSTALL_PROGRAM) -m 755 build/vmexitctl $(DESTDIR)$(PREFIX)/bin
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/bash-completion/completions daemon/ctl/completion/vmexitctl
	install -D -m 644 -t $(DESTDIR)$(ZSHDIR) daemon/ctl/completion/_vmexitctl
	$(call place,daemon/*.[578] daemon/ctl/*.1 daemon/remote/*.7 guest-agent/shared/*.7,man)
	$(call place,daemon/systemd/*.service daemon/systemd/*.socket,$(UNITDIR))
	$(call place,daemon/systemd/*.sysusers,$(SYSUSERSDIR),conf)
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/lib/vmexit daemon/systemd/vmexitd-join
	[ -e $(DESTDIR)$(SYSCONFDIR)/vmexit/vmexitd.conf ] || $(call place,daemon/systemd/vmexitd.conf,$(SYSCONFDIR)/vmexit)
	$(call place,daemon/systemd/*.conf $(filter-out %_test.yml,$(wildcard daemon/metrics/*.json daemon/metrics/*.yml)) daemon/http/nginx.conf daemon/remote/fleet-*,$(DOCDIR)/vmexitd/examples)

install-sqlite3: daemon-all ## vmexit.so, which vmexitctl sql gives to sqlite3
	install -d $(DESTDIR)$(PREFIX)/lib/vmexit
	$(INSTALL_PROGRAM) -m 644 -t $(DESTDIR)$(PREFIX)/lib/vmexit build/vmexit.so
	$(call place,daemon/sql/*.7,man)

install-agent: agent-all ## in a guest: vmexit-agent, unit, udev rule, initramfs-tools hook, man pages
	install -d $(DESTDIR)$(PREFIX)/sbin
	$(INSTALL_PROGRAM) -m 755 build/vmexit-agent $(DESTDIR)$(PREFIX)/sbin
	install -D -m 755 guest-agent/initramfs/hook $(DESTDIR)$(INITRAMFSDIR)/hooks/vmexit-agent
	install -D -m 755 guest-agent/initramfs/init-top $(DESTDIR)$(INITRAMFSDIR)/scripts/init-top/vmexit-agent
	$(call place,guest-agent/*.[58],man)
	$(call place,guest-agent/systemd/*.service,$(UNITDIR))
	$(call place,guest-agent/systemd/*.rules,$(UDEVDIR))

uninstall: ## take away what install put there; configuration and data stay
	root=$$(mktemp -d) && trap 'rm -rf "$$root"' EXIT && $(MAKE) install DESTDIR="$$root" && \
		cd "$$root" && find . -type f ! -path './$(SYSCONFDIR:/%=%)/vmexit/*' -printf '$(DESTDIR)/%P\0' | xargs -0 rm -f

clean: ## remove build/ (the cache stays)
	rm -rf build

# place FILES,DIRECTORY[,SUFFIX]: those of FILES that exist, with our own paths in them as they are
# with this PREFIX; man pages (directory "man") go to their sections.
define place
for f in $(wildcard $(1)); do \
	name=$${f##*/}; \
	dir=$(if $(filter man,$(2)),$(PREFIX)/share/man/man$${f##*.},$(2)); \
	$(if $(3),name=$${name%.*}.$(3);) \
	install -d $(DESTDIR)$$dir && \
	sed -E -e 's,/usr/(local/)?((sbin|bin|lib)/vmexit),$(PREFIX)/\2,g' \
		-e 's,/usr/(local/)?share/doc/vmexit,$(DOCDIR)/vmexit,g' $$f >$(DESTDIR)$$dir/$$name && \
	chmod 644 $(DESTDIR)$$dir/$$name || exit; \
done
endef

.PHONY: help all demo test test-long check san-tests kvm-modules bench-kernel bench-agent bench-store bench-fleet bench-web fuzz \
	dist deb dkms-source kernel-deb deps install install-daemon install-sqlite3 install-agent uninstall clean agent-all daemon-all \
	lab-start lab-stop lab-status test-amd test-intel
