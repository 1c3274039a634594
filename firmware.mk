# firmware.mk - the meter as STM32 firmware, one image for each board; included by the Makefile.
# Libraries come as source from Debian's archive (tests/tools/debian-sources): BearSSL and nanopb.
FW_BUILD   := build/firmware
FW_CC      := arm-none-eabi-gcc
FW_SOURCES := build/src
FW_PORT    := meter-core/port/stm32
FW_BOARDS  := f405 l476 qemu

# A board: its own sources, its linker script. Those of an emulator are named in FW_EMULATED.
FW_EMULATED := qemu
# What all real parts share; a part's own files end in its name.
FW_SILICON := $(addprefix $(FW_PORT)/,board_stm32.c motor.c pins.c rng.c rtc.c usart.c watchdog.c)
f405_BOARD := $(FW_SILICON) $(wildcard $(FW_PORT)/*_f405.c)
f405_LD    := memory_f405.ld
l476_BOARD := $(FW_SILICON) $(wildcard $(FW_PORT)/*_l476.c)
l476_LD    := memory_l476.ld
qemu_BOARD := $(FW_PORT)/board_qemu.c $(FW_PORT)/semihost.c meter-core/port/host/body.c
qemu_LD    := memory_f405.ld

# No FPU is used: the soft ABI saves its registers at no interrupt. The multilib has to be the one of
# this core: with the wrong one, code of another instruction set is linked without a word.
FW_ARCH     := -mcpu=cortex-m4 -mthumb -mfloat-abi=soft
FW_MULTILIB := thumb/v7e-m/nofp
# Nothing for people: neither the tables' words nor nanopb's messages about errors.
FW_LEAN     := -DMC_WITHOUT_TEXTS -DPB_NO_ERRMSG
FW_CFLAGS   := -std=c11 -Os -g -ffreestanding -ffunction-sections -fdata-sections -fno-inline-functions-called-once \
               -fcallgraph-info=su $(FW_ARCH) $(FW_LEAN) $(WARN) \
               -I. -I$(FW_BUILD)/gen -isystem $(FW_SOURCES)/nanopb -isystem $(FW_SOURCES)/bearssl/inc
FW_THEIRS   := -std=c11 -Os -g -ffreestanding -ffunction-sections -fdata-sections -fcallgraph-info=su $(FW_ARCH) $(FW_LEAN) -w \
               -I$(FW_BUILD)/gen -I$(FW_BUILD)/gen/meter-core/proto -I$(FW_SOURCES)/nanopb \
               -I$(FW_SOURCES)/bearssl/inc -I$(FW_SOURCES)/bearssl/src
FW_LDFLAGS  := $(FW_ARCH) -nostartfiles -specs=nano.specs -Wl,--gc-sections -Wl,--fatal-warnings -L$(FW_PORT)

FW_COMMON := $(wildcard common/*.c meter-core/*.c meter-core/port/bearssl/*.c meter-core/port/uart/*.c) \
             $(addprefix $(FW_PORT)/,startup.c fault.c main.c drbg.c entropy.c small.c)
FW_BEAR   := $(addprefix bearssl/src/,symcipher/aes_ct.c symcipher/aes_ct_enc.c symcipher/aes_ct_ctrcbc.c aead/ccm.c \
             hash/sha2small.c hash/dig_size.c mac/hmac.c kdf/hkdf.c rand/hmac_drbg.c codec/ccopy.c codec/dec32be.c \
             codec/dec32le.c codec/enc32be.c codec/enc32le.c codec/dec64be.c codec/enc64be.c)
FW_PB     := nanopb/pb_common.c nanopb/pb_encode.c nanopb/pb_decode.c

fw_obj    = $(patsubst %.c,$(FW_BUILD)/obj/%.o,$(1))
FW_OBJ   := $(call fw_obj,$(FW_COMMON)) $(patsubst %.c,$(FW_BUILD)/src/%.o,$(FW_BEAR) $(FW_PB)) $(FW_BUILD)/gen/meter-core/proto/meter.pb.o

$(FW_SOURCES)/versions: tests/tools/debian-sources
	@mkdir -p $(@D)
	@tests/tools/debian-sources $(FW_SOURCES) libbearssl-dev libnanopb-dev >$@.new && mv $@.new $@
$(FW_BUILD)/gen/%.pb.h $(FW_BUILD)/gen/%.pb.c: %.proto %.options
	$(Q)mkdir -p $(@D)
	$(Q)cd $(dir $<) && $(PYTHON) /usr/bin/nanopb_generator.py -q -L '#include <%s>' -D $(CURDIR)/$(@D) $(notdir $<)
$(FW_BUILD)/gen/%.pb.o: $(FW_BUILD)/gen/%.pb.c $(FW_SOURCES)/versions firmware.mk
	$(Q)$(FW_CC) $(FW_THEIRS) -c -o $@ $<
$(FW_BUILD)/src/%.o: $(FW_SOURCES)/versions firmware.mk
	$(Q)mkdir -p $(@D)
	$(Q)$(FW_CC) $(FW_THEIRS) -c -o $@ $(FW_SOURCES)/$*.c
$(FW_BUILD)/obj/%.o: %.c $(FW_SOURCES)/versions firmware.mk | $(FW_BUILD)/gen/meter-core/proto/meter.pb.h
	$(Q)mkdir -p $(@D)
	$(Q)$(FW_CC) $(FW_CFLAGS) -MMD -MP -c -o $@ $<

# A heap, stdio, floating point or a byte above a budget: there is no such image.
define fw_board
$(FW_BUILD)/$(1).elf: $(FW_OBJ) $(call fw_obj,$($(1)_BOARD)) $(FW_PORT)/$($(1)_LD) $(FW_PORT)/sections.ld firmware.mk tests/tools/firmware_size
	$(Q)[ "$$$$($(FW_CC) $(FW_ARCH) -print-multi-directory)" = $(FW_MULTILIB) ] || { echo "$(FW_CC) has no $(FW_MULTILIB)"; exit 1; }
	$(Q)$(FW_CC) $(FW_LDFLAGS) -T $($(1)_LD) -Wl,-Map=$$(@:.elf=.map) -o $$@ $$(filter %.o,$$^)
	$(Q)tests/tools/firmware_size $(if $(filter $(1),$(FW_EMULATED)),--emulated) $$@ >/dev/null || { rm -f $$@; exit 1; }
endef
$(foreach b,$(FW_BOARDS),$(eval $(call fw_board,$(b))))

# The emulated board with what counts its instructions (tests/bench/firmware/count.c) in front of these.
FW_COUNTED := mc_pb_encode mc_pb_decode mc_pb_decode_zeroed mc_pb_decode_strict mc_store_change mc_store_operation mc_store_find \
              mc_store_sealed mc_store_room mc_crypto_bearssl mc_command_run mc_ticket_decode mc_meter_rx mc_meter_tick \
              board_start board_kick board_idle mc_store_recover mc_journal_replay br_hmac_drbg_generate ul_send
$(FW_BUILD)/counted.elf: $(FW_OBJ) $(call fw_obj,$(qemu_BOARD) tests/bench/firmware/count.c) $(FW_PORT)/$(qemu_LD) $(FW_PORT)/sections.ld firmware.mk
	$(Q)$(FW_CC) $(FW_LDFLAGS) -T $(qemu_LD) $(FW_COUNTED:%=-Wl,--wrap=%) -o $@ $(filter %.o,$^)

# ---- what people call ----
FW_IMAGES := $(FW_BOARDS:%=$(FW_BUILD)/%.elf)
.PHONY: firmware bench-firmware
firmware: deps-firmware $(FW_IMAGES)  ## the meter as firmware, for each board, within its budgets
	@cat $(FW_SOURCES)/versions
	@tests/tools/firmware_size $(foreach b,$(FW_BOARDS),$(if $(filter $(b),$(FW_EMULATED)),--emulated) $(FW_BUILD)/$(b).elf)
	@tests/tools/stack --firmware $(FW_IMAGES)

bench-firmware: $(FW_BUILD)/counted.elf $(BUILD)/gasmeter  ## instructions that the firmware takes for each command
	@tests/tools/firmware_counts $^ $(BUILD)/tmp/firmware-counts

-include $(shell find $(FW_BUILD) -name '*.d' 2>/dev/null)

include tests/target/target.mk
