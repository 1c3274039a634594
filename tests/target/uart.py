"""uart.py - the serial line of an emulated meter, from the radio module's end: frames, their
numbers, the messages. Written from the words of uart_link.h and uart_msg.h, independent of the C.
"""
import os
import select
import signal
import socket
import subprocess
import time
import zlib

from gasm import Refused

DATA, ACK, SYNC = 1, 2, 3
HELLO, CTL, NOTIFY, DROP = 1, 2, 3, 4
CONNECTED, DISCONNECTED, WRITE, RESET = 16, 17, 18, 19
FRAGMENT_MAX = 244
AGAIN_S = 0.2


def crc16(data):
    """CCITT-FALSE: as binascii's, but with another start."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def cobs(data):
    """One zero byte at the end, and none before it."""
    out, block = bytearray(), bytearray()
    for byte in data:
        if byte:
            block.append(byte)
        if not byte or len(block) == 254:
            out += bytes([len(block) + 1]) + block
            block.clear()
    return bytes(out) + bytes([len(block) + 1]) + bytes(block) + b"\0"


def uncobs(data):
    """What cobs() was given, of bytes without the zero; None when they are no COBS."""
    out, at = bytearray(), 0
    while at < len(data):
        n = data[at]
        block = data[at + 1:at + n]
        if len(block) != n - 1:
            return None
        at += n
        out += block + (b"\0" if n < 255 and at < len(data) else b"")
    return bytes(out)


def frame(kind, number, payload=b""):
    raw = bytes([kind, number]) + payload
    return cobs(raw + crc16(raw).to_bytes(2, "little"))


class Gone(Exception):
    """The other end of the line is not there any more."""


class Late(Exception):
    """What a cut waited for has not come."""


class Link:
    """Messages over the line. `at` may be set: when that time comes, cut() is called, once. `when` may be set: as
    soon as nothing waits to be acknowledged the line is read no more, so no answer gets over it (the next
    message leaves only when this one is acknowledged); when when() is true, cut() is called, once."""

    def __init__(self, path, start):
        self.self, self.peer, self.synced = start, 0, False
        self.rx = self.tx = 0
        self.rest, self.queue, self.sent_s = b"", [], 0
        self.messages = []
        self.at = self.when = self.cut = None
        self.sock = self.connected(path)

    @staticmethod
    def connected(path):
        end_s = time.monotonic() + 10
        while True:
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(path)
                return sock
            except OSError:
                sock.close()
                if time.monotonic() > end_s:
                    raise
                time.sleep(0.001)

    def close(self):
        self.sock.close()

    def put(self, data):
        try:
            self.sock.sendall(data)
        except OSError as e:
            raise Gone from e

    def say_sync(self):
        self.put(b"\0" + frame(SYNC, self.synced, self.self.to_bytes(4, "little")
                               + self.peer.to_bytes(4, "little")))

    def send(self, kind, body=b""):
        self.queue.append(bytes([kind]) + body)
        if self.synced and len(self.queue) == 1:
            self.say()

    def say(self):
        """What waits for its acknowledgement."""
        self.sent_s = time.monotonic()
        if not self.synced:
            self.say_sync()
        elif self.queue:
            self.put(frame(DATA, self.tx, self.queue[0]))

    def take_sync(self, is_sure, payload):
        peer, known = (int.from_bytes(payload[at:at + 4], "little") for at in (0, 4))
        if peer != self.peer:
            self.peer, self.rx, self.tx, self.synced = peer, 0, 0, False
        if known == self.self:
            self.synced = True
        if not is_sure or known != self.self:
            self.say_sync()
        self.say()

    def take(self, data):
        raw = uncobs(data)
        if raw is None or len(raw) < 4 or crc16(raw[:-2]) != int.from_bytes(raw[-2:], "little"):
            return
        kind, number, payload = raw[0], raw[1], raw[2:-2]
        if kind == SYNC and len(payload) == 8:
            self.take_sync(number == 1, payload)
        elif kind == ACK and self.synced and self.queue and number == self.tx:
            self.tx = (self.tx + 1) % 256
            self.queue.pop(0)
            self.say()
        elif kind == DATA and self.synced and payload:
            if number == self.rx:
                self.rx = (self.rx + 1) % 256
                self.messages.append((payload[0], payload[1:]))
            self.put(frame(ACK, number))

    def cut_when(self, limit_s=20):
        if self.when is None or self.queue:
            return
        when, self.when = self.when, None
        end_s = time.monotonic() + limit_s
        while not when():
            if time.monotonic() > end_s:
                raise Late
            time.sleep(0.001)
        self.cut()
        raise Gone

    def turn(self, wait_s):
        """Wait for bytes, at most so long, and take them. True when there were some."""
        now = time.monotonic()
        self.cut_when()
        if self.at is not None:
            if now >= self.at:
                self.at = None
                self.cut()
                raise Gone
            wait_s = min(wait_s, self.at - now)
        if not select.select([self.sock], [], [], max(wait_s, 0))[0]:
            if (not self.synced or self.queue) and time.monotonic() - self.sent_s > AGAIN_S:
                self.say()
            return False
        try:
            data = self.sock.recv(4096)
        except OSError as e:
            raise Gone from e
        if not data:
            raise Gone
        *frames, self.rest = (self.rest + data).split(b"\0")
        for one in frames:
            self.cut_when()     # the answer may stand right behind the last acknowledgement
            if one:
                self.take(one)
        return True


class Emulator:
    """The firmware's image, running. Killed at once, or never."""

    more, said = (), subprocess.DEVNULL     # other arguments, and where its console goes

    def __init__(self, image, nvm, folder, flow=36000, rate=20):
        self.paths = [os.path.join(folder, name) for name in ("line", "hand")]
        for path in self.paths:
            if os.path.exists(path):
                os.unlink(path)
        serial = [arg for path in self.paths
                  for arg in ("-serial", f"unix:{path},server=on,wait=off")]
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "qemu-system-arm", "-M", "netduinoplus2", "-display",
             "none", "-monitor", "none", "-semihosting-config",
             f"enable=on,target=native,arg={nvm},arg=flow={flow},arg=rate={rate}", *serial,
             "-kernel", image, *self.more],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.said)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Radio:
    """What gasm_client.py asks of a radio, over the line: see tests/pipe/meter_pipe.c."""

    def __init__(self, emulator, rate, start=0):
        self.emulator, self.rate = emulator, rate
        self.link = Link(emulator.paths[0], start or zlib.crc32(os.urandom(8)) | 1)
        self.hand = None
        self.notified, self.dropped, self.ctl, self.hello = [], False, None, None

    def is_lost(self):
        return False

    def close(self):
        self.emulator.kill()
        self.link.close()
        if self.hand is not None:
            self.hand.close()
        return 0

    def by_hand(self, text):
        if self.hand is None:
            self.hand = Link.connected(self.emulator.paths[1])
        self.hand.sendall(text.encode())

    def heard(self):
        """A line that was said at the second port."""
        self.hand.settimeout(10)
        line = b""
        while not line.endswith(b"\n"):
            line += self.hand.recv(1) or b"\n"
        return line

    def sort(self):
        for kind, body in self.link.messages:
            if kind == NOTIFY:
                self.notified.append(body)
            elif kind == CTL:
                self.ctl = body
            elif kind == HELLO:
                self.hello = body
            elif kind == DROP:
                self.dropped = True
        self.link.messages.clear()

    def until(self, true, limit_s=10):
        """Turns of the line until true(); Gone when it does not come true."""
        end_s = time.monotonic() + limit_s
        self.sort()
        while not true():
            if time.monotonic() > end_s:
                raise Gone
            self.link.turn(0.1)
            self.sort()

    def ready(self):
        self.until(lambda: self.hello is not None and self.ctl is not None)

    def do(self, kind, data=b""):
        if kind == b"T":
            ms = int.from_bytes(data, "little")
            # a little more than asked, as its clock may lag; and what a long command takes
            end_s = time.monotonic() + max(1.25 * ms / self.rate, ms / 4 if ms <= 100 else 0) / 1000
            # a client that looks for an answer asks for little at a time, and wants it at once
            while (ms > 100 or not self.notified) and time.monotonic() < end_s:
                self.link.turn(end_s - time.monotonic())
                self.sort()
        elif kind == b"R":
            self.ready()
            return self.ctl[:6] + min(int.from_bytes(self.ctl[6:8], "little"),
                                      FRAGMENT_MAX).to_bytes(2, "little") + self.ctl[8:]
        elif kind == b"F":
            self.by_hand(f"f{int.from_bytes(data, 'little')}\n")
        elif kind == b"B":
            self.by_hand("b")
        elif kind == b"W" and not (len(data) == 5 and data[0] == 1 and data[1] < 16):
            raise Refused("CTL")    # the module judges; it cannot wait for the controller
        else:
            self.link.send({b"C": CONNECTED, b"D": DISCONNECTED, b"W": RESET, b"X": WRITE}[kind],
                           data)
            self.until(lambda: not self.link.queue)
        return b""
