# gasfitter - one Makefile, everything built under build/. `make help` tells what it can do.
#   CC=clang      build with clang, in a tree of its own
#   SAN=1         AddressSanitizer and UndefinedBehaviorSanitizer, in a tree of its own
#   COV=1         counting which branches were taken (make coverage), in a tree of its own
#   V=1           show the commands
MAKEFLAGS += --no-builtin-rules --no-builtin-variables
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:
.DEFAULT_GOAL := all
comma := ,

ifeq ($(origin CC),default)
CC := gcc
endif
CC     ?= gcc
AR     := ar
PYTHON := /usr/bin/python3
JOBS   ?= $(shell nproc)
BUILD  ?= build/$(notdir $(CC))$(if $(SAN),-san)$(if $(COV),-cov)
Q      := $(if $(V),,@)
say     = $(if $(V),,@printf '  %-5s %s\n' $(1) $(@:$(BUILD)/%=%))

WARN := -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
        -Wvla -Wcast-qual -Wformat=2 -Wundef -Wwrite-strings -Wswitch-enum
SANFL  := $(if $(SAN)$(FUZZ),-fsanitize=$(if $(FUZZ),fuzzer-no-link$(comma))address$(comma)undefined \
          -fno-sanitize-recover=all -fno-omit-frame-pointer) \
          $(if $(FUZZ),-fno-sanitize-coverage=trace-cmp$(comma)indirect-calls)
COVFL  := $(if $(COV),-O0 --coverage)
# At -O1 gcc knows less of what a number can be, and warns of texts that do fit: the plain build judges those.
OPT    := $(if $(SAN)$(FUZZ),-O1 -g1 $(if $(findstring clang,$(CC)),,-Wno-format-truncation),-O2 -g)
CFLAGS := -std=c11 -fstack-protector-strong $(WARN) $(OPT) $(SANFL) $(COVFL) -I. -I$(BUILD)/gen
HOSTED := -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE
BARE   := -ffreestanding -Wstack-usage=3072
ifneq (,$(findstring clang,$(CC)))
BARE   := -ffreestanding
endif
PC      = $(shell pkg-config $(1) $(2) 2>/dev/null)

# ---- what is made of what -------------------------------------------------------------------
# A library for each folder; the folder's .proto files belong to it.
common_SRC  := $(wildcard common/*.c)
real_SRC    := $(wildcard common/host/*.c)
common_PB   := $(wildcard common/proto/*.proto)
meter_SRC   := $(wildcard meter-core/*.c)
meter_PB    := $(wildcard meter-core/proto/*.proto)
openssl_SRC := $(wildcard meter-core/port/openssl/*.c)
bearssl_SRC := $(wildcard meter-core/port/bearssl/*.c)
uart_SRC    := $(wildcard meter-core/port/uart/*.c)
random_SRC  := meter-core/port/stm32/drbg.c meter-core/port/stm32/entropy.c
small_SRC   := meter-core/port/stm32/small.c
host_SRC    := $(filter-out %/main.c,$(wildcard meter-core/port/host/*.c))
bt_SRC      := $(wildcard bt/*.c)
virtual_SRC := $(filter-out %/main.c,$(wildcard bt/virtual/*.c))
db_SRC      := $(wildcard db/*.c)
field_SRC   := $(wildcard field/*.c)
client_SRC  := $(wildcard backend/client/*.c)
backend_SRC := $(filter-out backend/main.c,$(wildcard backend/*.c))
tui_SRC     := $(filter-out tui/main.c,$(wildcard tui/*.c))
LIBNAMES := aid meteraid tui backend client db bt virtual host field openssl random small bearssl uart meter real common

# A program: its main file, its libraries in link order, the packages it links.
gasfitter_MAIN     := tui/main.c
gasfitter_LIBS     := tui db bt client field openssl meter real common
gasfitter_PKG      := ncursesw libsystemd sqlite3 libcurl jansson zbar libpng openssl
gasmeter_MAIN      := meter-core/port/host/main.c
gasmeter_LIBS      := host bt openssl uart meter real common
gasmeter_PKG       := ncursesw libsystemd openssl
gasoffice_MAIN     := backend/main.c
gasoffice_LIBS     := backend openssl meter real common
gasoffice_PKG      := libevent libevent_openssl libevent_pthreads openssl sqlite3 libpq libp11 jansson libqrencode libpng \
                      cairo cairo-pdf cairo-svg fontconfig
payprovider_MAIN   := backend/provider/main.c
payprovider_LIBS   := real common
payprovider_PKG    := libcurl jansson openssl
virtual-bluez_MAIN := bt/virtual/main.c
virtual-bluez_LIBS := virtual real common
virtual-bluez_PKG  := libsystemd
PROGRAMS := $(foreach p,gasfitter gasmeter gasoffice payprovider virtual-bluez,$(if $(wildcard $($(p)_MAIN)),$(p)))

# Unit tests and benchmarks may use everything.
TEST_LIBS  := aid tui backend client db bt virtual host field openssl random small bearssl uart meter real common
TEST_PKG   := cmocka vterm ncursesw libsystemd sqlite3 libcurl zbar libpng libqrencode \
              jansson libevent libevent_openssl libevent_pthreads libpq libp11 cairo cairo-pdf cairo-svg fontconfig openssl
aid_SRC    := $(wildcard tests/aid/*.c)
# The meter's own unit tests, and what they link: nothing of the office, the laptop, the radio.
ABOVE       := "(backend|bt|db|field|tui)/|meter-core/port/host|aid/(field|office|store|vb|bluez|dbus|screen|picture|proc|fake|peer|tui|api|audit|books|http|money|odb|pg|secrets|story)
METER_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(shell grep -L -E 'include $(ABOVE)' $$(grep -l \
               -E 'include "(meter-core|tests/aid)/' tests/unit/test_*.c)))
meteraid_SRC := $(shell grep -L -E 'include ($(ABOVE)|<(curses|vterm|png|systemd|sqlite3|curl|event2|poll))' tests/aid/*.c)
METER_LIBS  := meteraid openssl random small bearssl uart meter common
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
BENCH_AID  := $(filter-out tests/bench/bench_%,$(wildcard tests/bench/*.c))
BENCHES    := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/bench_*.c))
# what takes longest begins first, so that no processor ends alone
LONG_TESTS  := $(wildcard $(patsubst %,tests/t-%.sh,postgresql kills import meter security))
SHELL_TESTS := $(filter-out $(LONG_TESTS),$(wildcard tests/t-*.sh))

# Small programs that shell tests use: a meter on stdin and stdout, a laptop's store.
PIPES      := $(patsubst tests/pipe/%.c,$(BUILD)/pipe/%,$(wildcard tests/pipe/*.c))

# Fuzz targets: a tree of their own, made by clang; see docs/first-change.md.
FUZZ_BUILD ?= build/fuzz
FUZZERS    := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_AID   := $(addprefix tests/aid/,flash.c linkaid.c meter_world.c meter_story.c meter_still.c \
              message_samples.c session_pair.c crypto_each.c credit_aid.c swap_aid.c) tests/fuzz/image.c
FUZZ_LIBS  := openssl bearssl meter common
# Those of head office, and what they link besides.
FUZZ_OFFICE      := $(filter fuzz_office_%,$(FUZZERS)) seeds_office
FUZZ_OFFICE_AID  := $(addprefix tests/aid/,office_aid.c office_laptop.c api_aid.c api_each.c secrets.c proc.c pg.c) \
                    tests/fuzz/office.c
FUZZ_OFFICE_LIBS := backend openssl bearssl meter real common

# layer: what it may include besides itself - the whole dependency policy
LAYERS := common: common/host:common meter-core:common meter-core/port/openssl:meter-core,common \
  meter-core/port/bearssl:meter-core,common meter-core/port/uart:meter-core,common \
  meter-core/port/stm32:meter-core,meter-core/port/bearssl,meter-core/port/uart,meter-core/port/host/body.h,meter-core/port/host/nvm_file.h,common \
  meter-core/port/host:meter-core,meter-core/port/openssl,meter-core/port/uart,bt,common/host,common \
  field:meter-core,common db:field/ports.h,common bt:field/ports.h,meter-core,common bt/virtual:common/host,common \
  backend:meter-core,meter-core/port/openssl,common/host,common backend/client:field/ports.h,common \
  backend/provider:common/host,common \
  tui:field,db,bt,backend/client,meter-core,meter-core/port/openssl,common/host,common

# ---- rules ----------------------------------------------------------------------------------
objs = $(patsubst %.c,$(BUILD)/obj/%.o,$($(1)_SRC)) $(patsubst %.proto,$(BUILD)/gen/%.pb.o,$($(1)_PB))
ALL_PB := $(patsubst %.proto,$(BUILD)/gen/%.pb.h,$(common_PB) $(meter_PB))

.PHONY: all
all: $(PROGRAMS:%=$(BUILD)/%)  ## build the programs

define library
$(BUILD)/lib$(1).a: $(call objs,$(1))
endef
$(foreach l,$(LIBNAMES),$(eval $(call library,$(l))))

$(BUILD)/lib%.a:
	$(call say,AR)
	$(Q)rm -f $@; $(AR) crs $@ $(filter %.o,$^)

define program
$(BUILD)/$(1): $(BUILD)/obj/$($(1)_MAIN:.c=.o) $($(1)_LIBS:%=$(BUILD)/lib%.a)
	$$(call say,LD)
	$$(Q)$(CC) $(SANFL) $(COVFL) -o $$@ $$(filter %.o %.a,$$^) -lprotobuf-nanopb $$(call PC,--libs,$($(1)_PKG))
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

$(BUILD)/obj/common/%.o: EXTRA := $(BARE)
$(BUILD)/obj/common/host/%.o: EXTRA := $(HOSTED)
$(BUILD)/obj/meter-core/%.o: EXTRA := $(BARE)
$(BUILD)/obj/meter-core/port/%.o: EXTRA := $(HOSTED)
$(BUILD)/obj/meter-core/port/bearssl/%.o: EXTRA := $(BARE)
$(BUILD)/obj/meter-core/port/uart/%.o: EXTRA := $(BARE)
$(BUILD)/obj/meter-core/port/stm32/%.o: EXTRA := $(BARE)
$(BUILD)/obj/%.o: EXTRA := $(HOSTED)
$(BUILD)/obj/%.o: %.c Makefile | $(ALL_PB)
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(EXTRA) -MMD -MP -c -o $@ $<

# Generated by nanopb; its own style, so only our warnings are left out.
$(BUILD)/gen/%.pb.h $(BUILD)/gen/%.pb.c: %.proto %.options Makefile
	$(call say,PROTO)
	$(Q)mkdir -p $(@D)
	$(Q)cd $(dir $<) && $(PYTHON) /usr/bin/nanopb_generator.py -q -L '#include <%s>' -D $(CURDIR)/$(@D) $(notdir $<)
$(BUILD)/gen/%.pb.o: $(BUILD)/gen/%.pb.c
	$(call say,CC)
	$(Q)$(CC) -std=c11 $(OPT) $(SANFL) -ffreestanding -I. -I$(BUILD)/gen -I$(<D) -c -o $@ $<

$(METER_TESTS): $(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(METER_LIBS:%=$(BUILD)/lib%.a)
	$(call say,LD)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SANFL) $(COVFL) -o $@ $(filter %.o %.a,$^) -lprotobuf-nanopb -lbearssl $(call PC,--libs,cmocka openssl jansson)
$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(TEST_LIBS:%=$(BUILD)/lib%.a)
	$(call say,LD)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SANFL) $(COVFL) -o $@ $(filter %.o %.a,$^) -lprotobuf-nanopb -lbearssl $(call PC,--libs,$(TEST_PKG))
$(BUILD)/pipe/%: $(BUILD)/obj/tests/pipe/%.o $(TEST_LIBS:%=$(BUILD)/lib%.a)
	$(call say,LD)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SANFL) $(COVFL) -Wl,--as-needed -o $@ $(filter %.o %.a,$^) -lprotobuf-nanopb -lbearssl $(call PC,--libs,$(TEST_PKG))
$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(BENCH_AID:%.c=$(BUILD)/obj/%.o) $(TEST_LIBS:%=$(BUILD)/lib%.a)
	$(call say,LD)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SANFL) $(COVFL) -o $@ $(filter %.o %.a,$^) -lprotobuf-nanopb -lbearssl $(call PC,--libs,$(TEST_PKG))

$(BUILD)/bin/fuzz_%: FUZZ_LINK := -fsanitize=fuzzer
$(BUILD)/bin/fuzz_journal: FUZZ_LINK := -fsanitize=fuzzer -Wl,--wrap=mc_journal_fits
$(FUZZ_OFFICE:%=$(BUILD)/bin/%): $(BUILD)/bin/%: $(BUILD)/obj/tests/fuzz/%.o $(FUZZ_OFFICE_AID:%.c=$(BUILD)/obj/%.o) \
    $(FUZZ_AID:%.c=$(BUILD)/obj/%.o) $(FUZZ_OFFICE_LIBS:%=$(BUILD)/lib%.a)
	$(call say,LD)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SANFL) $(FUZZ_LINK) -o $@ $(filter %.o %.a,$^) -lprotobuf-nanopb -lbearssl $(call PC,--libs,cmocka $(gasoffice_PKG))
$(BUILD)/bin/%: $(BUILD)/obj/tests/fuzz/%.o $(FUZZ_AID:%.c=$(BUILD)/obj/%.o) $(FUZZ_LIBS:%=$(BUILD)/lib%.a)
	$(call say,LD)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SANFL) $(FUZZ_LINK) -o $@ $(filter %.o %.a,$^) -lprotobuf-nanopb -lbearssl $(call PC,--libs,cmocka openssl)

-include $(shell find $(BUILD) -name '*.d' -type f 2>/dev/null)

include firmware.mk
include install.mk

# ---- what people call -----------------------------------------------------------------------
.PHONY: deps deps-firmware test test-all bench bench-vm demo check-layers tests fuzz coverage meter-tests stack mutants test-vm help clean
deps:  ## install the Debian packages that are missing
	@tests/tools/packages
deps-firmware:  ## and those that build and run the firmware
	@tests/tools/packages firmware

tests: all $(UNIT_TESTS) $(PIPES)  ## build the unit tests

check-layers: all tests  ## refuse an include that goes against the direction of dependency
	@tests/tools/check-layers $(BUILD) $(LAYERS)

fuzz:  ## build the fuzz targets (clang), and what writes their seeds
	@$(MAKE) --no-print-directory -s -j$(JOBS) CC=clang SAN= FUZZ=1 BUILD=$(FUZZ_BUILD) \
	    $(patsubst %,$(FUZZ_BUILD)/bin/%,$(FUZZERS) seeds seeds_office)

test: deps  ## all quick tests: sets up what is missing, ends in minutes, leaves nothing running
	@$(MAKE) --no-print-directory -s -j$(JOBS) tests check-layers
	@BUILD=$(BUILD) JOBS=$(JOBS) tests/tools/run-tests $(LONG_TESTS) $(UNIT_TESTS) $(SHELL_TESTS)

test-all: deps  ## the long campaigns too: every kill, every seed
	@$(MAKE) --no-print-directory -s -j$(JOBS) tests check-layers
	@BUILD=$(BUILD) JOBS=$(JOBS) TEST_ALL=1 tests/tools/run-tests $(LONG_TESTS) $(UNIT_TESTS) $(SHELL_TESTS)

coverage: deps  ## branches that the meter's tests take; what carries money, gas or keys has to be at 100 %
	@$(MAKE) --no-print-directory -s -j$(JOBS) COV=1 BUILD=build/cov meter-tests
	@BUILD=build/cov JOBS=$(JOBS) tests/tools/coverage

meter-tests: $(METER_TESTS)  ## build the meter's own unit tests
	@printf '%s\n' $(METER_TESTS) > $(BUILD)/meter-tests

stack: deps $(ALL_PB)  ## the deepest stack of each of the meter's entry points
	$(Q)rm -rf $(BUILD)/stack && mkdir -p $(BUILD)/stack
	$(Q)for f in $(meter_SRC) $(common_SRC); do gcc $(CFLAGS) -ffreestanding -fcallgraph-info=su -c \
	    -o $(BUILD)/stack/$$(basename $$f .c).o $$f || exit 1; done
	@tests/tools/stack $(BUILD)/stack

mutants: deps  ## plant each bug of tests/mutants and see the test named catch it; ONLY=text picks some
	@tests/tools/mutants $(if $(ONLY),"$(ONLY)")

test-vm: deps  ## the same programs with the real kernel and bluetoothd, in a virtual machine; ONLY=text picks groups
	@tests/vm/setup
	@$(MAKE) --no-print-directory -s -j$(JOBS) all $(PIPES)
	@BUILD=$(BUILD) tests/vm/run-groups $(ONLY)

bench: deps  ## ratios against a floor or a peer, measured in one run
	@$(MAKE) --no-print-directory -s -j$(JOBS) all $(BENCHES)
	@BUILD=$(BUILD) tests/tools/bench $(BENCHES)

bench-vm: deps  ## connecting and a long read at the real bluetoothd, in a virtual machine, beside D-Bus scripts
	@tests/vm/setup
	@$(MAKE) --no-print-directory -s -j$(JOBS) all $(BENCHES)
	@$(BUILD)/bench/bench_history make $(BUILD)/bench/old.nvm
	@tests/vm/vmrun -- env BTMON=1 BUILD=$(abspath $(BUILD)) MEMORY=$(abspath $(BUILD))/bench/old.nvm \
	    tests/vm/bt-up tests/tools/bench tests/vm/bench_connect tests/vm/bench_history

demo: deps  ## the whole system on this machine: bus, radio, meters, head office, the technician's app
	@$(MAKE) --no-print-directory -s -j$(JOBS) all
	@BUILD=$(BUILD) tests/tools/demo

clean:  ## remove build/
	rm -rf build

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | sort | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'
