#!/usr/bin/python3
"""life.py IMAGE FOLDER GASMETER - a whole life on the emulated MCU: the story of docs/protocol.md's own
client (tests/tools/protocol_meter.py), over the serial line. TAP.
"""
import sys

import target
import tap
import protocol_meter

STEPS = ("begin", "install", "commission", "recharge", "serve", "take_over", "swap")
DONE = ["INSTALL_KEY", "KEY_ACTIVATED", "OPEN_ACCOUNT", "PURGE_START", "PURGE_STOP", "PURGE_START",
        "PURGE_STOP", "ZERO_CLEAR", "SET_CLOCK", "SET_PARAMETERS", "COMMISSION", "RECHARGE",
        "RECHARGE", "VALVE_CLOSE", "VALVE_ARM", "SELF_TEST", "IMPORT_CREDIT", "CLOSE_ACCOUNT"]


def main():
    image, folder, gasmeter = sys.argv[1:]
    story = target.Story(image, *target.manufacture(gasmeter, folder), folder)
    for step in STEPS:
        getattr(protocol_meter, step)(story)
    protocol_meter.chain(story, DONE)
    story.end()
    return tap.done()


sys.exit(main())
