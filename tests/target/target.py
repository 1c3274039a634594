"""target.py - a meter on the emulated MCU: made, opened, spoken to by the client of
docs/protocol.md (tests/tools/gasm_client.py).
"""
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "tools"))
sys.path.insert(0, os.path.join(ROOT, "tests", "target"))

from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

import gasm
import gasm_client

gasm_client.NOW_S = int(time.time())    # the emulator's clock is that of its host

import protocol_meter
import uart

SCHEMA = gasm.Schema(os.path.join(ROOT, "meter-core", "proto"))


def manufacture(gasmeter, folder):
    """A new meter's flash in a file; its factory key, as head office gets it."""
    nvm, transport = os.path.join(folder, "new.nvm"), os.urandom(32)
    with open(os.path.join(folder, "transport.key"), "w", encoding="ascii") as f:
        f.write(transport.hex())
    subprocess.run([gasmeter, "manufacture", "--id", gasm_client.METER_ID.decode(), "--nvm", nvm,
                    "--transport-key", f.name, "--shipment", os.path.join(folder, "shipment.csv"),
                    "--type", "4", "--pulse-l", "1", "--verified", "2026-06-01"], check=True,
                   stdout=subprocess.DEVNULL)
    with open(os.path.join(folder, "shipment.csv"), encoding="ascii") as f:
        wrapped = f.read().splitlines()[-1].split(",")[-1]
    return nvm, aes_key_unwrap(transport, bytes.fromhex(wrapped))


class Story(protocol_meter.Story):
    """The protocol's story, on the emulated MCU in place of meter_pipe."""

    PATIENCE = 50                   # its clock stands still while the host has no time for it

    def __init__(self, image, nvm, factory_key, folder, rate=4):
        self.schema, self.office = SCHEMA, gasm_client.Office(SCHEMA)
        self.office.keys[0] = factory_key
        self.radio = uart.Radio(uart.Emulator(image, nvm, folder, rate=rate), rate)
        self.client = gasm_client.Client(SCHEMA, self.radio, 247)
        self.result, self.stage = SCHEMA.enums["Refusal"], SCHEMA.enums["Stage"]
        self.life, self.command = SCHEMA.enums["LifeState"], SCHEMA.enums["Command"]
