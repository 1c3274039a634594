#!/usr/bin/python3
"""early_hello.py GASMETER BUS ADAPTER SOCKET - a controller whose answer to the radio module's start, and its first message, come
in one piece, as behind a stall: the module has to take both. Exit status 0 when it is on the air.
"""
import os
import select
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "tools"))

import uart

STARTED = 7
METER_ID = b"GM2400000350"
HELLO = bytes([1, 0, 1, 0, 0]) + METER_ID + bytes(6)
CTL = bytes.fromhex("011000000000f40008") + METER_ID


def frames(line):
    """(type, number, payload) of each good frame that comes; ends when nothing does for long."""
    rest = b""
    while select.select([line], [], [], 20)[0]:
        data = line.recv(4096)
        if not data:
            return
        *whole, rest = (rest + data).split(b"\0")
        for raw in filter(None, map(uart.uncobs, whole)):
            if len(raw) >= 4 and uart.crc16(raw[:-2]) == int.from_bytes(raw[-2:], "little"):
                yield raw[0], raw[1], raw[2:-2]


def sync(known, is_sure):
    return b"\0" + uart.frame(uart.SYNC, is_sure, STARTED.to_bytes(4, "little") + known)


def main():
    gasmeter, bus, adapter, path = sys.argv[1:]
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    module = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", gasmeter, "--uart", path, "--adapter", adapter, "--bus", bus],
                              stdout=subprocess.PIPE)
    said = b""
    try:
        line = server.accept()[0]
        for kind, number, payload in frames(line):
            knows = int.from_bytes(payload[4:8], "little") == STARTED
            if kind == uart.SYNC and not knows:
                line.sendall(sync(bytes(4), 0))
            elif kind == uart.SYNC:
                line.sendall(sync(payload[:4], 1) + uart.frame(uart.DATA, 0, bytes([uart.HELLO]) + HELLO))
            elif kind == uart.ACK and number == 0:
                line.sendall(uart.frame(uart.DATA, 1, bytes([uart.CTL]) + CTL))
            elif kind == uart.ACK:
                break
        if select.select([module.stdout], [], [], 20)[0]:
            said = os.read(module.stdout.fileno(), 200)
    finally:
        module.terminate()
        module.wait()
    print(said.decode())
    sys.exit(0 if said.startswith(b"ready " + METER_ID) else 1)


main()
