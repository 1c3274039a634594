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
