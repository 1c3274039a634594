# target.mk - tests on the emulated MCU; included by firmware.mk.
TARGET := tests/target

# Images with a planted bug, which the tests have to find: qemu's, with one object of another source.
TARGET_PLANTED := $(shell sed -n 's/^\([a-z-]*\) | .*/\1/p' $(TARGET)/planted | sort -u)
define planted_image
$(FW_BUILD)/planted/$(1).c: $(TARGET)/plant $(TARGET)/planted $(shell $(TARGET)/plant -f $(1))
	$(Q)mkdir -p $$(@D)
	$(Q)$(TARGET)/plant $(1) >$$@
$(FW_BUILD)/planted/$(1).o: $(FW_BUILD)/planted/$(1).c firmware.mk
	$(Q)$(FW_CC) $(FW_CFLAGS) -c -o $$@ $$<
$(FW_BUILD)/planted/$(1).elf: $(FW_BUILD)/qemu.elf $(FW_BUILD)/planted/$(1).o
	$(Q)$(FW_CC) $(FW_LDFLAGS) -T $(qemu_LD) -o $$@ $(FW_BUILD)/planted/$(1).o \
	    $(filter-out $(FW_BUILD)/obj/$(basename $(shell $(TARGET)/plant -f $(1))).o,$(FW_OBJ) $(call fw_obj,$(qemu_BOARD)))
endef
$(foreach b,$(TARGET_PLANTED),$(eval $(call planted_image,$(b))))
TARGET_IMAGES := $(FW_BUILD)/qemu.elf $(TARGET_PLANTED:%=$(FW_BUILD)/planted/%.elf)

# The F405's image with what must not be in one, in place of the NMI's handler: each recipe has to fail (t-firmware.sh).
define forbidden_image
forbidden-$(1)_BOARD := $(f405_BOARD) $(TARGET)/forbidden/$(1).c
forbidden-$(1)_LD    := $(f405_LD)
$$(eval $$(call fw_board,forbidden-$(1)))
endef
$(foreach p,$(wildcard $(TARGET)/forbidden/*.c),$(eval $(call forbidden_image,$(basename $(notdir $(p))))))

# ---- the meter's unit tests, as images ----
# Linked with the firmware's own objects. cmocka and jansson (for the published vectors) come as source.
UNITS_BUILD   := $(FW_BUILD)/units
UNITS_SOURCES := $(UNITS_BUILD)/versions
# What needs something that no MCU has, and why.
UNITS_LEFT_OUT := test_crypto_cross:compares-OpenSSL-with-BearSSL test_crypto_wipe:looks-at-the-stack-of-a-second-context \
                  test_token_typed:reckons-with-integers-of-128-bits test_entropy:reckons-with-floats-of-80-bits \
                  test_tables:prints-words-that-the-image-leaves-out \
                  test_protocol_doc:reads-and-prints-documents test_storage_doc:reads-and-prints-documents
UNITS_SUITES  := $(filter-out $(foreach l,$(UNITS_LEFT_OUT),$(firstword $(subst :, ,$(l)))),$(notdir $(METER_TESTS)))
# Those that fit into a real part's memories; the others run on a machine with the same core and more memory.
UNITS_SMALL   := test_core test_swap test_token test_uart_link test_vectors_read
UNITS_AID     := $(addprefix tests/aid/,credit_aid.c crypto_each.c flash.c json.c linkaid.c matrix.c message_samples.c pipes.c ports_fail.c \
                 purge_site.c session_pair.c supply_site.c swap_aid.c vectors.c) $(wildcard tests/aid/cuts*.c tests/aid/meter_*.c tests/aid/model*.c)
UNITS_CFLAGS  := -std=c11 -Os -g -ffunction-sections -fdata-sections $(FW_ARCH) $(FW_LEAN) -w -D_GNU_SOURCE -include sys/_intsup.h -include sys/_stdint.h -I. -I$(FW_BUILD)/gen -I$(TARGET)/units \
                 -isystem $(FW_SOURCES)/nanopb -isystem $(FW_SOURCES)/bearssl/inc -isystem $(FW_SOURCES)/cmocka/include \
                 -isystem $(UNITS_BUILD)/jansson -isystem $(FW_SOURCES)/jansson/src
UNITS_CMOCKA  := -DHAVE_MALLOC_H -DHAVE_INTTYPES_H -DHAVE_SIGNAL_H -DHAVE_STRINGS_H
UNITS_JANSSON := dump error hashtable hashtable_seed load memory pack_unpack strbuffer strconv utf value version
UNITS_LIB     := $(filter-out $(call fw_obj,$(addprefix $(FW_PORT)/,startup.c fault.c main.c)),$(FW_OBJ)) \
                 $(patsubst %.c,$(UNITS_BUILD)/obj/%.o,$(UNITS_AID)) $(UNITS_BUILD)/src/cmocka/src/cmocka.o \
                 $(UNITS_JANSSON:%=$(UNITS_BUILD)/src/jansson/src/%.o) $(UNITS_BUILD)/src/bearssl/src/symcipher/aes_ct_ctr.o

$(UNITS_SOURCES): tests/tools/debian-sources
	@mkdir -p $(@D)
	@tests/tools/debian-sources $(FW_SOURCES) libcmocka-dev libjansson-dev >$@.new && mv $@.new $@
$(UNITS_BUILD)/jansson/jansson_config.h: $(UNITS_SOURCES)
	$(Q)mkdir -p $(@D)
	$(Q)sed -e 's/@json_inline@/inline/; s/@json_have_long_long@/1/; s/@json_have_localeconv@/0/; s/@json_have_\w*@/0/' \
	    $(FW_SOURCES)/jansson/src/jansson_config.h.in >$@
	$(Q)echo '#define INITIAL_HASHTABLE_ORDER 3' >$(@D)/jansson_private_config.h
$(UNITS_BUILD)/obj/%.o: %.c $(UNITS_SOURCES) $(UNITS_BUILD)/jansson/jansson_config.h $(FW_BUILD)/gen/meter-core/proto/meter.pb.h
	$(Q)mkdir -p $(@D)
	$(Q)$(FW_CC) $(UNITS_CFLAGS) -MMD -MP -c -o $@ $<
$(UNITS_BUILD)/src/%.o: $(UNITS_SOURCES) $(UNITS_BUILD)/jansson/jansson_config.h
	$(Q)mkdir -p $(@D)
	$(Q)$(FW_CC) $(UNITS_CFLAGS) $(UNITS_CMOCKA) -DHAVE_STDINT_H -DHAVE_UNISTD_H -I$(FW_SOURCES)/bearssl/src -c -o $@ $(FW_SOURCES)/$*.c
$(UNITS_BUILD)/libunits.a: $(UNITS_LIB)
	$(Q)rm -f $@; arm-none-eabi-ar crs $@ $^
# A test's image says by its folder which machine runs it.
define unit_image
$(UNITS_BUILD)/$(2)/$(1).elf: $(UNITS_BUILD)/obj/tests/unit/$(1).o $(UNITS_BUILD)/obj/$(TARGET)/units/start.o \
    $(UNITS_BUILD)/obj/$(TARGET)/units/openssl.o $(UNITS_BUILD)/obj/$(TARGET)/units/getdelim.o $(UNITS_BUILD)/libunits.a $(TARGET)/units/$(2).ld $(TARGET)/units/units.ld
	$(Q)mkdir -p $$(@D)
	$(Q)$(FW_CC) $(FW_ARCH) -nostartfiles -specs=rdimon.specs -Wl,--gc-sections -L$(TARGET)/units -T $(2).ld -o $$@ $$(filter %.o %.a,$$^)
endef
$(foreach t,$(UNITS_SUITES),$(eval $(call unit_image,$(t),netduinoplus2))$(eval $(call unit_image,$(t),mps2-an386)))
# A drawn share of the power cuts, which takes seconds (units/cuts_drawn.c).
UNITS_DRAWN   := $(UNITS_BUILD)/mps2-an386/cuts_drawn.elf
$(UNITS_DRAWN): $(addprefix $(UNITS_BUILD)/obj/$(TARGET)/units/,cuts_drawn.o start.o openssl.o getdelim.o) \
    $(call fw_obj,$(FW_PORT)/semihost.c) $(UNITS_BUILD)/libunits.a $(TARGET)/units/mps2-an386.ld $(TARGET)/units/units.ld
	$(Q)mkdir -p $(@D)
	$(Q)$(FW_CC) $(FW_ARCH) -nostartfiles -specs=rdimon.specs -Wl,--gc-sections -L$(TARGET)/units -T mps2-an386.ld -o $@ $(filter %.o %.a,$^)
# Minutes each in the emulator: only with TEST_ALL=1.
UNITS_LONG    := test_cuts test_cuts_commands test_cuts_control test_cuts_swap test_faults test_journal test_journal_wear test_long_time test_matrix test_messages test_model test_proof test_supply_flow
UNITS_SUITES  := $(if $(TEST_ALL),$(UNITS_SUITES),$(filter-out $(UNITS_LONG),$(UNITS_SUITES)))
UNITS_IMAGES := $(foreach t,$(UNITS_SUITES),$(UNITS_BUILD)/$(if $(filter $(t),$(UNITS_SMALL)),netduinoplus2,mps2-an386)/$(t).elf) $(UNITS_DRAWN)
.PHONY: $(UNITS_BUILD)/suites
$(UNITS_BUILD)/suites:
	@mkdir -p $(@D)
	@printf '%s\n' $(UNITS_IMAGES:$(UNITS_BUILD)/%.elf=%) >$@
	@printf '| %s | %s |\n' where suites --- --- \
	    'netduinoplus2: 128 KiB of RAM' '$(UNITS_SMALL)' \
	    'mps2-an386: the same core, 16 MiB' 'all others, and $(notdir $(UNITS_DRAWN:.elf=))' \
	    'mps2-an386, with `TEST_ALL=1`' '$(UNITS_LONG)' \
	    'on the host alone' '$(foreach l,$(UNITS_LEFT_OUT),$(firstword $(subst :, ,$(l))))' >$(@D)/page
	@printf '%s\n' $(UNITS_LEFT_OUT) $(if $(TEST_ALL),,$(UNITS_LONG:%=%:only-with-TEST_ALL=1)) | sed 's/:/: /; s/-/ /g' >$(@D)/left-out

# ---- what people call ----
.PHONY: test-target demo-firmware
test-target: deps-firmware  ## the firmware in its emulator and on register models: budgets, the whole chain, kills, unit tests
	@$(MAKE) --no-print-directory -s -j$(JOBS) all tests firmware $(TARGET_IMAGES) $(UNITS_IMAGES) $(UNITS_BUILD)/suites
	@# the longest first: all processors have something to do to the end
	@BUILD=$(BUILD) JOBS=$(JOBS) tests/tools/run-tests $(addprefix $(TARGET)/,t-board.sh t-kills.sh t-life.sh t-units.sh t-chain.sh \
	    t-firmware.sh t-demo.sh t-firmware-stack.sh t-faults.sh)

demo-firmware: deps-firmware  ## an account opened on the firmware in its emulator, step by step
	@$(MAKE) --no-print-directory -s -j$(JOBS) all $(FW_BUILD)/qemu.elf
	@BUILD=$(BUILD) $(TARGET)/demo
