# sapipe: IPsec as a Unix pipeline.
#
#   make                        build the tools into build/
#   make help                   print these lines
#   make deps                   install missing packages (Debian, as root), or print the command
#   make demo                   two gateways and a tunnel between them; prints each command
#   make check                  run all tests; the last line counts them
#   make check T=NAME           one bats file (natd-probe), one unit test program (test_hex or
#                               hex), or the tests whose name contains NAME
#   make unit                   the unit tests only
#   make lint                   compilers and static checkers; each warning is an error
#   make fuzz                   run each fuzz driver for FUZZ_SECONDS
#   make bench                  measure, as ratios to a reference in the same run;
#                               BENCH="startup captures" selects stages
#   make compile_commands.json  for clangd and similar tools
#   make deb                    the Debian packages, into build/deb
#   make check-deb              the same, built twice, with lintian, and installed on bare machines
#   make install                PREFIX=/usr/local DESTDIR=; as root without DESTDIR it creates the
#                               system user sapipe, which the tools become
#   make install-nm             the service of NetworkManager, whose description is outside of PREFIX
#   make uninstall, make uninstall-nm, make clean
#
# V=1 prints the commands. SAN=1 builds with the address and undefined behaviour sanitizers, in
# build/san; TSAN=1 with the thread sanitizer, in build/tsan. CC and CFLAGS override the defaults.
# demo and check install the packages that they
# need, so that they run on a machine with only make, git and apt.

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
# Of the tools with a page of section 8; Debian's package has them in sbin.
SBINDIR ?= $(BINDIR)
MANDIR ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share
# Where each shell looks: one file for all tools, by whose name bash and fish find it.
BASHDIR ?= $(DATADIR)/bash-completion/completions
ZSHDIR ?= $(DATADIR)/zsh/site-functions
FISHDIR ?= $(DATADIR)/fish/vendor_completions.d
# For systemd; a distribution that has it elsewhere says so.
UNITDIR ?= $(PREFIX)/lib/systemd/system
# nm-sapipe-service, and where NetworkManager and D-Bus look for its description, whatever PREFIX is.
NMDIR ?= $(PREFIX)/libexec
NMNAMEDIR ?= /usr/lib/NetworkManager/VPN
DBUSDIR ?= /usr/share/dbus-1/system.d
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
FUZZ_SECONDS ?= 60
CFLAGS ?= -O2 -g

# ---- packages, in the order in which targets come to need them

DEPS_BUILD = build-essential pkg-config libssl-dev libpcap-dev libcbor-dev libmnl-dev \
	libseccomp-dev libinih-dev libev-dev liburing-dev libjansson-dev libcap-ng-dev libcrypt-dev libldap-dev \
	$(if $(filter x86_64,$(shell uname -m)),libipsec-mb-dev)
DEPS_DEMO = iproute2 iputils-ping procps socat util-linux
DEPS_CHECK = libcmocka-dev bats jq xxd python3 python3-cbor2 python3-cryptography python3-cryptography-vectors \
	python3-scapy tshark tcpdump mandoc \
	nftables openssl strace valgrind bsdextrautils git zsh fish \
	charon-systemd strongswan-swanctl libcharon-extra-plugins libcharon-extauth-plugins \
	libstrongswan-standard-plugins libstrongswan-extra-plugins vpnc vpnc-scripts keepalived freeradius slapd ldap-utils bird2 \
	softhsm2 libengine-pkcs11-openssl libyang2 libc-ares2 libjson-c5 apparmor \
	chromium chromium-driver python3-selenium fonts-dejavu-core network-manager dbus-daemon $(DEPS_NM)
# Without libnm there is no service for NetworkManager.
DEPS_NM = libnm-dev
DEPS_DEB = debhelper dpkg-dev fakeroot
DEPS_CHECK_DEB = lintian mmdebstrap autopkgtest
DEPS_LINT = clang clang-tidy libclang-rt-14-dev cppcheck shellcheck
DEPS_BENCH = iperf3 wireguard-go
DEPS ?= $(DEPS_BUILD) $(DEPS_NM) $(DEPS_DEMO) $(DEPS_CHECK) $(DEPS_DEB) $(DEPS_CHECK_DEB) $(DEPS_LINT) $(DEPS_BENCH)

# ---- flags. Anything that asks pkg-config waits for its first use: deps may have to install it

ifeq ($(B),build/san)
SAN = 1
endif
ifdef SAN
B = build/san
MODE = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
else ifdef TSAN
B = build/tsan
MODE = -fsanitize=thread -fno-omit-frame-pointer
else ifdef FUZZ
B = build/fuzz
MODE = -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer -DFUZZING
# What we write, our own words and tables: comparisons that no input decides cost half of a run and teach the fuzzer nothing.
$(patsubst %,$(B)/libcommon/%.o,base/table base/heap crypto/alg crypto/fetch crypto/rand ike/outbox ike/engine_table \
    probe/probe sa/encode sa/fields): OURS += -fno-sanitize-coverage=trace-cmp
else
B = build
MODE = -fstack-protector-strong $(if $(filter -O0 -Og,$(CFLAGS)),,-D_FORTIFY_SOURCE=2)
endif

MODULES = libcrypto libpcap libcbor libmnl libseccomp libcap-ng jansson liburing
PC_CFLAGS = $(eval PC_CFLAGS := $(shell pkg-config --cflags $(MODULES)))$(PC_CFLAGS)
PC_LIBS = $(eval PC_LIBS := $(shell pkg-config --libs $(MODULES)))$(PC_LIBS)
IPSEC_MB = $(if $(wildcard /usr/include/intel-ipsec-mb.h /usr/local/include/intel-ipsec-mb.h),-lIPSec_MB)

WARN = -Wall -Wextra -Wconversion -Wshadow -Wvla $(if $(WERROR),-Werror)
OURS = -std=c11 -D_GNU_SOURCE -Ilibcommon $(WARN) -fPIE $(MODE)
LINK = $(CC) $(OURS) $(CFLAGS) -pie -Wl,-z,relro,-z,now,--as-needed $(LDFLAGS)
LDLIBS = $(PC_LIBS) -linih -lev -lm $(IPSEC_MB)

# ---- what there is

# The service of NetworkManager, where there is libnm; NM= leaves it out.
NM ?= $(shell pkg-config --exists libnm 2>/dev/null && echo libnm)
NM_DIR = cmd/nm-sapipe-service
NM_SOURCES = $(wildcard $(NM_DIR)/*.c)
NM_CFLAGS = $(eval NM_CFLAGS := $(shell pkg-config --cflags libnm | sed 's/-I/-isystem /g'))$(NM_CFLAGS)

objs = $(patsubst %.c,$(B)/%.o,$(wildcard $(1)))
LIB := $(call objs,libcommon/*/*.c libcommon/*/*/*.c)
TOOLS := $(patsubst cmd/%/main.c,%,$(wildcard cmd/*/main.c))
# Tools that are shell scripts: cmd/NAME/NAME.sh.
SH_TOOLS := $(foreach d,$(wildcard cmd/*),$(patsubst $(d)/%.sh,%,$(wildcard $(d)/$(notdir $(d)).sh)))
# The parts of sapipe, which it reads from build/sapipe.d or from DATADIR/sapipe.
PARTS := $(patsubst cmd/sapipe/%,%,$(filter-out %/sapipe.sh,$(wildcard cmd/sapipe/*.sh)))
UNITS := $(patsubst tests/c/%.c,$(B)/tests/%,$(wildcard tests/c/test_*.c))
HELPERS := $(filter-out $(B)/tests/c/test_%,$(call objs,tests/c/*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))
BENCHES := $(patsubst tests/bench/%.c,$(B)/bench/%,$(wildcard tests/bench/*.c))
PAGES := $(wildcard man/*.[1-8])
CMD_SOURCES := $(filter-out $(if $(NM),,$(NM_SOURCES)),$(wildcard cmd/*/*.c))
OBJECTS := $(LIB) $(HELPERS) $(CMD_SOURCES:%.c=$(B)/%.o) $(call objs,tests/c/test_*.c)
SCRIPTS = .ci/run dist/deb.sh completions/sapipe.bash $(wildcard cmd/*/*.sh) $(wildcard tests/*.sh tests/*/*.sh tests/run tests/bench/run tests/*.bats tests/*/*.bash tests/deb/*.bats dist/debian/tests/first-tunnel dist/debian/sapipe.postrm)

# Quiet lines: "CC build/x.o" in place of the command; nothing at all under make -s.
Q = $(if $(V),,@)
SILENT := $(findstring s,$(filter-out --%,$(firstword x$(MAKEFLAGS))))
say = $(if $(V)$(SILENT),,@printf '  %-5s %s\n' $(1) $@)
# Recursive makes use every processor, unless there is a -j already.
NPROC := $(shell nproc 2>/dev/null || echo 2)
SUBMAKE = $(MAKE) --no-print-directory $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(NPROC))

# ---- build

.SECONDEXPANSION:
.DELETE_ON_ERROR:
all: $(B)/libsapipe.a $(TOOLS:%=$(B)/%) $(SH_TOOLS:%=$(B)/%) $(PARTS:%=$(B)/sapipe.d/%) \
	$(if $(NM),$(B)/nm-sapipe-service)

help:
	@sed -n '/^#   make/,/^$$/s/^#\( \|$$\)//p' $(firstword $(MAKEFILE_LIST))

$(B)/libsapipe.a: $(LIB)
	$(call say,AR)
	$(Q)rm -f $@; $(AR) rcs $@ $^

$(B)/%.o: %.c $(B)/.flags
	$(call say,CC)
	$(Q)mkdir -p $(@D); $(CC) $(OURS) $(PC_CFLAGS) -MMD -MP $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(TOOLS:%=$(B)/%): $(B)/%: $$(call objs,cmd/%/*.c) $(B)/libsapipe.a
	$(call say,LINK)
	$(Q)$(LINK) -o $@ $^ $(LDLIBS)

$(NM_SOURCES:%.c=$(B)/%.o): private OURS += $(NM_CFLAGS)
$(B)/nm-sapipe-service: $(NM_SOURCES:%.c=$(B)/%.o)
	$(call say,LINK)
	$(Q)$(LINK) -o $@ $^ $(shell pkg-config --libs libnm jansson)

$(SH_TOOLS:%=$(B)/%): $(B)/%: cmd/%/$$(@F).sh
	$(call say,SH)
	$(Q)mkdir -p $(@D); install -m 755 $< $@

$(PARTS:%=$(B)/sapipe.d/%): $(B)/sapipe.d/%: cmd/sapipe/%
	$(Q)mkdir -p $(@D); install -m 644 $< $@

# What one tool needs alone.
# The sanitizers have a crypt_r() that calls the library's: it is needed though the linker sees no use of it.
$(B)/login-file: LDLIBS += -Wl,--no-as-needed -lcrypt
$(B)/login-ldap: LDLIBS += -lldap -llber

$(B)/tests/test_%: $(B)/tests/c/test_%.o $(HELPERS) $(B)/libsapipe.a
	$(call say,LINK)
	$(Q)mkdir -p $(@D); $(LINK) -o $@ $^ $(LDLIBS) -lcmocka

$(B)/bench/many: $(B)/tests/c/many.o
$(B)/bench/%: $(B)/tests/bench/%.o $(B)/libsapipe.a
	$(call say,LINK)
	$(Q)mkdir -p $(@D); $(LINK) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS)

# Objects are as old as the flags that made them: other flags, other objects.
$(B)/.flags: FORCE
	@mkdir -p $(B); echo '$(subst ','\'',$(CC) $(OURS) $(CPPFLAGS) $(CFLAGS))' | cmp -s - $@ || \
		echo '$(subst ','\'',$(CC) $(OURS) $(CPPFLAGS) $(CFLAGS))' >$@

# What clangd and its like read: a line for each object.
compile_commands.json: $(B)/.flags
	@{ echo '['; for o in $(OBJECTS); do f=$${o#$(B)/}; f=$${f%.o}.c; \
		printf '{ "directory": "%s", "file": "%s", "command": "%s -c -o %s %s" },\n' '$(CURDIR)' "$$f" \
			'$(subst ",\\",$(CC) $(OURS) $(PC_CFLAGS) $(CFLAGS))' "$$o" "$$f"; \
		done | sed '$$s/,$$//'; echo ']'; } >$@

# ---- tests

# Traffic for bats: see the head of each.
NETS := $(patsubst tests/net/%.c,$(B)/tests/%,$(wildcard tests/net/*.c))
$(NETS): $(B)/tests/%: $(B)/tests/net/%.o $(B)/libsapipe.a
	$(call say,LINK)
	$(Q)mkdir -p $(@D); $(LINK) -o $@ $^ $(LDLIBS)

units: $(UNITS) $(NETS)
unit: units
	@SAPIPE_BUILD=$(B) tests/run $(UNITS)

# With T: the unit of that name, or that has a test of that name; else T is for bats, which needs the tools.
UNIT_T = $(if $(word 2,$(T)),,$(or $(filter $(B)/tests/$(T) $(B)/tests/test_$(T),$(UNITS)),\
	$(patsubst tests/c/%.c,$(B)/tests/%,$(shell grep -lE 'cmocka_unit_test[a-z_]*\($(T)[,)]' tests/c/test_*.c))))

check:
	@$(MAKE) --no-print-directory deps DEPS="$(DEPS_BUILD) $(DEPS_DEMO) $(DEPS_CHECK)"
	+@$(SUBMAKE) $(if $(T),$(or $(UNIT_T),all $(NETS)),all units)
	@SAPIPE_BUILD=$(B) tests/run $(if $(T),-t '$(T)',$(or $(TESTS),$(wildcard tests/*.bats)) $(UNITS))

demo:
	@$(MAKE) --no-print-directory deps DEPS="$(DEPS_BUILD) $(DEPS_DEMO)"
	+@$(SUBMAKE) all
	@SAPIPE_BUILD=$(B) tests/demo.sh

benches: $(BENCHES)
bench:
	@$(MAKE) --no-print-directory deps DEPS="$(DEPS_BUILD) $(DEPS_DEMO) $(DEPS_CHECK) $(DEPS_BENCH)"
	+@$(SUBMAKE) all benches
	@SAPIPE_BUILD=$(B) tests/bench/run

# Drivers of whole handshakes: the stubs stand in for files of crypto/. They have no input of their own to check.
STUBS := $(patsubst %,$(B)/tests/fuzz/stub_%.o,dh crypto)
$(STUBS): OURS += -fno-sanitize=all
$(B)/fuzz_ike $(B)/fuzz_probe $(B)/fuzz_methods: $(STUBS)
$(B)/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(B)/libsapipe.a
	$(call say,LINK)
	$(Q)$(LINK) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS)
fuzzers: $(FUZZERS)
fuzz:
	@$(MAKE) --no-print-directory deps DEPS="$(DEPS_BUILD) $(DEPS_LINT)"
	+@$(SUBMAKE) CC=clang FUZZ=1 fuzzers
	@tests/fuzz/run.sh $(FUZZ_SECONDS) build/fuzz

# ---- lint: every complaint is an error

# Where cppcheck does not follow: a pointer kept by a compound literal, correlated conditions.
CPPCHECK_OFF = missingIncludeSystem compareBoolExpressionWithInt invalidPrintfArgType_uint \
	memleak:libcommon/base/bytes.h nullPointer:libcommon/datapath/datapath_in.c \
	uninitvar:libcommon/datapath/datapath_in.c unknownMacro:cmd/nm-sapipe-service/nm-sapipe-service.c

objects: $(OBJECTS)
lint:
	@$(MAKE) --no-print-directory deps DEPS="$(DEPS_BUILD) $(DEPS_CHECK) $(DEPS_LINT)"
	+@$(SUBMAKE) -k lint-gcc lint-clang lint-tidy lint-cppcheck lint-shell lint-man
	@echo 'lint: clean'
lint-gcc lint-clang: lint-%:
	+@$(SUBMAKE) CC=$* WERROR=1 B=build/lint-$* objects
lint-tidy:
	@printf '%s\n' $(wildcard libcommon/*/*.c libcommon/*/*/*.c) $(CMD_SOURCES) | \
		xargs -P $(NPROC) -n 1 sh -c 'clang-tidy --quiet --warnings-as-errors="*" "$$@" -- \
		-std=c11 -D_GNU_SOURCE -Ilibcommon $(if $(NM),$(NM_CFLAGS)) 2>&1 | \
		{ ! grep -v "warnings\? \(generated\|treated\)\|^Suppressed\|^Use -"; }' tidy
lint-cppcheck:
	@cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability \
		--inline-suppr $(CPPCHECK_OFF:%=--suppress=%) -j $(NPROC) -Ilibcommon libcommon cmd
lint-shell:
	@shellcheck --severity=warning --external-sources --source-path=SCRIPTDIR $(SCRIPTS)
lint-man:
	@[ -z "$(PAGES)" ] || mandoc -T lint -W warning $(PAGES)

# ---- install

TOOLS8 := $(filter $(TOOLS) $(SH_TOOLS),$(patsubst man/%.8,%,$(filter %.8,$(PAGES))))
TOOLS1 := $(filter-out $(TOOLS8),$(TOOLS) $(SH_TOOLS))

# One completion file serves every tool, under the names that bash and fish look for.
INSTALLED = $(TOOLS1:%=$(BINDIR)/%) $(TOOLS8:%=$(SBINDIR)/%) $(DATADIR)/sapipe/sa-state.cddl $(foreach p,$(PAGES),$(MANDIR)/man$(subst .,,$(suffix $(p)))/$(notdir $(p))) \
	$(TOOLS:%=$(BASHDIR)/%) $(BASHDIR)/sapipe $(TOOLS:%=$(FISHDIR)/%.fish) $(FISHDIR)/sapipe.fish \
	$(PARTS:%=$(DATADIR)/sapipe/%) $(ZSHDIR)/_sapipe $(UNITDIR)/sapipe@.service $(UNITDIR)/sapipe-many@.service $(UNITDIR)/sapipe@.socket $(SYSUSERSDIR)/sapipe.conf $(TMPFILESDIR)/sapipe.conf

install: all
	$(Q)install -d $(addprefix $(DESTDIR),$(BINDIR) $(SBINDIR) $(BASHDIR) $(FISHDIR) $(ZSHDIR) $(DATADIR)/sapipe)
	$(Q)install -m 755 $(TOOLS1:%=$(B)/%) $(DESTDIR)$(BINDIR)
	$(Q)install -m 755 $(TOOLS8:%=$(B)/%) $(DESTDIR)$(SBINDIR)
	$(Q)sed -i 's|^\(.*parts=\)/.*|\1$(DATADIR)/sapipe|' $(DESTDIR)$(SBINDIR)/sapipe
	$(Q)install -m 644 libcommon/sa/sa-state.cddl $(PARTS:%=cmd/sapipe/%) $(DESTDIR)$(DATADIR)/sapipe
	$(Q)set -e; for p in $(filter-out man/nm-%,$(PAGES)); do \
		install -D -m 644 $$p $(DESTDIR)$(MANDIR)/man$${p##*.}/$${p##*/}; done
	$(Q)install -m 644 completions/sapipe.bash $(DESTDIR)$(BASHDIR)/sapipe
	$(Q)install -m 644 completions/sapipe.fish $(DESTDIR)$(FISHDIR)/sapipe.fish
	$(Q)install -m 644 completions/sapipe.zsh $(DESTDIR)$(ZSHDIR)/_sapipe
	$(Q)set -e; for t in $(TOOLS); do \
		ln -sf sapipe $(DESTDIR)$(BASHDIR)/$$t; ln -sf sapipe.fish $(DESTDIR)$(FISHDIR)/$$t.fish; done
	$(Q)install -d $(addprefix $(DESTDIR),$(UNITDIR) $(SYSUSERSDIR) $(TMPFILESDIR))
	$(Q)sed -E 's/^Exec(Start|Reload)=/&$(subst /,\/,$(SBINDIR))\//' dist/systemd/sapipe@.service >$(DESTDIR)$(UNITDIR)/sapipe@.service
	$(Q)sed -E -f dist/systemd/many.sed $(DESTDIR)$(UNITDIR)/sapipe@.service >$(DESTDIR)$(UNITDIR)/sapipe-many@.service
	$(Q)chmod 644 $(DESTDIR)$(UNITDIR)/sapipe@.service $(DESTDIR)$(UNITDIR)/sapipe-many@.service
	$(Q)install -m 644 dist/systemd/sapipe@.socket $(DESTDIR)$(UNITDIR)/sapipe@.socket
	$(Q)install -m 644 dist/systemd/sapipe.sysusers $(DESTDIR)$(SYSUSERSDIR)/sapipe.conf
	$(Q)install -m 644 dist/systemd/sapipe.tmpfiles $(DESTDIR)$(TMPFILESDIR)/sapipe.conf
ifeq ($(DESTDIR),)
	$(Q)[ "$$(id -u)" != 0 ] || getent passwd sapipe >/dev/null || useradd --system --user-group \
		--no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin sapipe || \
		echo 'install: no user sapipe: the tools become nobody' >&2
	$(Q)case $(PREFIX)/ in "$$HOME"/*) exit ;; esac; [ "$$(id -u)" != 0 ] || [ -d /etc/sapipe ] || \
		install -d -m 750 -g sapipe /etc/sapipe 2>/dev/null || install -d -m 700 /etc/sapipe
endif

# NetworkManager starts the service by the file with its name. It looks for that outside of PREFIX, where only root can write: so this is
# no part of "install".
NM_INSTALLED = $(NMDIR)/nm-sapipe-service $(NMNAMEDIR)/nm-sapipe-service.name $(DBUSDIR)/nm-sapipe-service.conf \
	$(MANDIR)/man8/nm-sapipe-service.8
install-nm: all
	$(Q)install -d $(addprefix $(DESTDIR),$(NMDIR) $(NMNAMEDIR) $(DBUSDIR) $(MANDIR)/man8)
	$(Q)install -m 755 $(B)/nm-sapipe-service $(DESTDIR)$(NMDIR)
	$(Q)sed 's|@NMDIR@|$(NMDIR)|' dist/networkmanager/nm-sapipe-service.name >$(DESTDIR)$(NMNAMEDIR)/nm-sapipe-service.name
	$(Q)chmod 644 $(DESTDIR)$(NMNAMEDIR)/nm-sapipe-service.name
	$(Q)install -m 644 dist/networkmanager/nm-sapipe-service.conf $(DESTDIR)$(DBUSDIR)
	$(Q)install -m 644 man/nm-sapipe-service.8 $(DESTDIR)$(MANDIR)/man8

uninstall:
	$(Q)rm -f $(addprefix $(DESTDIR),$(INSTALLED))
uninstall-nm:
	$(Q)rm -f $(addprefix $(DESTDIR),$(NM_INSTALLED))

# ---- the packages of Debian

deb:
	@$(MAKE) --no-print-directory deps DEPS="$(DEPS_BUILD) $(DEPS_NM) $(DEPS_DEB) libcmocka-dev"
	@dist/deb.sh build/deb

# Apart from check: it takes minutes, and gets the packages of a bare Debian 12 from where apt gets them here.
check-deb:
	@$(MAKE) --no-print-directory deps DEPS="$(DEPS_BUILD) $(DEPS_DEMO) $(DEPS_CHECK) $(DEPS_DEB) $(DEPS_CHECK_DEB)"
	+@$(SUBMAKE) all
	@SAPIPE_BUILD=$(B) DEB_BUILD_OPTIONS=nocheck tests/run $(wildcard tests/deb/*.bats)

# ---- packages. One dpkg-query when nothing is missing. A charon that apt would start, and
# enable, is none of this machine's business: the tests run their own in a namespace.

deps:
	@command -v dpkg-query >/dev/null || { \
		echo 'deps: not Debian; needed here: $(sort $(DEPS))' >&2; exit 0; }; \
	miss=$$(dpkg-query -W -f '$${db:Status-Status} $${Package}\n' $(DEPS) 2>/dev/null | \
		awk -v want='$(sort $(DEPS))' '$$1 == "installed" { have[$$2] = 1 } \
		END { n = split(want, w, " "); for (i = 1; i <= n; i++) if (!have[w[i]]) print w[i] }'); \
	[ -n "$$miss" ] || exit 0; \
	miss=$$(echo $$miss); \
	if [ "$$(id -u)" != 0 ]; then \
		echo "missing packages; as root, run:" >&2; \
		echo "apt-get install --no-install-recommends $$miss" >&2; exit 1; fi; \
	echo "deps: installing $$miss"; \
	log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
	sd=$$([ -d /run/systemd/system ] && for s in strongswan:charon-systemd freeradius slapd bird:bird2; do \
		case " $$miss " in *" $${s#*:} "*) printf '%s ' "$${s%:*}.service" ;; esac; done); \
	[ -z "$$sd" ] || systemctl -q mask --runtime $$sd; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt="apt-get -qq -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0"; \
	{ $$apt update && $$apt install --no-install-recommends $$miss; } </dev/null >$$log 2>&1; rc=$$?; \
	[ -z "$$sd" ] || { systemctl -q unmask --runtime $$sd; systemctl -q disable $$sd 2>/dev/null; }; \
	[ $$rc = 0 ] || { tail -n 30 $$log >&2; echo 'deps: apt-get failed' >&2; exit 1; }

clean:
	rm -rf build

FORCE:
.PHONY: all help units unit check demo benches bench fuzzers fuzz objects lint lint-gcc lint-clang \
	lint-tidy lint-cppcheck lint-shell lint-man install install-nm uninstall uninstall-nm deb check-deb deps clean FORCE
.SECONDARY:
-include $(OBJECTS:.o=.d) $(patsubst %.o,%.d,$(call objs,tests/bench/*.c tests/net/*.c tests/fuzz/*.c))
