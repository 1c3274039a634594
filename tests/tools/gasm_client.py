"""gasm_client.py - a client with a radio made of pipes, and a head office for what it needs.
Written from docs/protocol.md; the pipe is that of tests/pipe/meter_pipe.c.
"""
import random
import subprocess

import gasm
from gasm import Refused, le, sha256

METER_ID = b"GM2400001223"
K_FACTORY = bytes(range(1, 33))
NOW_S = 1795000000              # the meter's RTC when the program starts


class Radio:
    """The meter's program. Fragments are lost at random, `lose` of 100."""

    def __init__(self, program, lose=0):
        try:
            self.process = subprocess.Popen([program], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE)
        except OSError as e:
            raise SystemExit(f"{program} cannot be run ({e.strerror}): make tests") from e
        self.lose, self.random = lose, random.Random(2026)
        self.notified, self.dropped, self.lost = [], False, 0

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(timeout=60)

    def is_lost(self):
        lost = self.random.randrange(100) < self.lose
        self.lost += lost
        return lost

    def do(self, kind, data=b""):
        """One command; what a CTL read gives. Notifications and drops are kept."""
        self.process.stdin.write(kind + le(len(data), 2) + data)
        self.process.stdin.flush()
        while True:
            head = self.process.stdout.read(3)
            if len(head) != 3:
                raise EOFError("the meter's program ended")
            answer = self.process.stdout.read(int.from_bytes(head[1:], "little"))
            if head[:1] == b"N" and not self.is_lost():
                self.notified.append(answer)
            elif head[:1] == b"L":
                self.dropped = True
            elif head[:1] == b"!":
                raise Refused("CTL")
            elif head[:1] == b"=":
                return answer


def read_ctl(p):
    if len(p) != 21 or p[0] != 1 or p[9:] != METER_ID:
        raise Refused(f"no CTL: {p.hex()}")
    return {"life": p[1] & 15, "fragment_epoch": p[1] >> 4,
            "active_epoch": int.from_bytes(p[2:6], "little"),
            "limit": int.from_bytes(p[6:8], "little"), "credits": p[8]}


def reset_of(epoch, limit, credits):
    return bytes([1, epoch]) + le(limit, 2) + bytes([credits])


class Client:
    """Connections, sessions, requests. Time is the meter's: it passes while this waits."""

    def __init__(self, schema, radio, mtu):
        self.schema, self.radio, self.mtu = schema, radio, mtu
        self.session = self.ticket = None
        self.ops = 0

    def connect(self):
        self.radio.do(b"D")
        self.radio.notified, self.radio.dropped = [], False
        self.radio.do(b"C", le(self.mtu, 2))
        self.ctl = read_ctl(self.radio.do(b"R"))
        epoch = (self.ctl["fragment_epoch"] + 1) % 16
        self.radio.do(b"W", reset_of(epoch, 509, 8))
        limit = max(20, min(self.mtu - 3, self.ctl["limit"], 509))
        self.stream = gasm.Stream(epoch, limit, self.ctl["credits"])
        self.session = None

    def pump(self):
        """Fragments both ways until both are quiet. The message that came, or None."""
        moved = True
        while moved:
            moved = False
            for frag in self.stream.outgoing():
                if not self.radio.is_lost():
                    self.radio.do(b"X", frag)
                moved = True
            while self.radio.notified:
                message = self.stream.take(self.radio.notified.pop(0))
                self.heard = moved = True
                if message is not None:
                    return message
        if self.radio.dropped:
            raise Refused("dropped")
        return None

    def wait(self, message):
        """Send a message, and wait up to 30 s for the answer."""
        self.stream.send(message)
        quiet_ms = 0
        for _ in range(300):
            self.heard = False
            answer = self.pump()
            if answer is not None:
                return answer
            quiet_ms = 0 if self.heard else quiet_ms + 100
            if quiet_ms >= 1500:
                self.stream.nudge()
                quiet_ms = 0
            self.radio.do(b"T", le(100, 4))
        raise Refused("no answer")

    def hello(self, ticket, key):
        session = gasm.Session(self.schema, ticket, key)
        session.welcome(self.wait(session.hello_message()))
        self.session, self.ticket = session, (ticket, key)

    def greet(self, ticket, key):
        """Hello; again when that was too soon."""
        for tries in range(5, -1, -1):
            try:
                return self.hello(ticket, key)
            except Refused as e:
                if tries == 0 or not isinstance(e.args[0], dict) or e.args[0]["retry_after_s"] == 0:
                    raise
                self.radio.do(b"T", le(1000 * e.args[0]["retry_after_s"], 4))

    def request(self, plain):
        answer = self.wait(self.session.seal(plain))
        if answer[0] == 6:
            self.session = None
            raise Refused(self.schema.decode("HelloRefusal", answer[1:]))
        return self.schema.decode("Response", self.session.open(answer))

    def plain(self, command, body=None, op=None, base=0):
        r = {"command": self.schema.enums["Command"][command.upper()], "op_id": op,
             "base_receipt_seq": base}
        if body is not None:
            r[command] = body
        return self.schema.encode("Request", r)

    def ask(self, command, body=None):
        """A command that changes nothing."""
        return self.request(self.plain(command, body))

    def new_op(self):
        self.ops += 1
        return sha256(b"an operation", le(self.ops, 4))[:16]

    def change(self, command, body=None, base=0):
        """A change under an id of its own."""
        return self.request(self.plain(command, body, self.new_op(), base))

    def insist(self, plain):
        """The same request until it is answered, over as many connections as it takes."""
        for _ in range(60):
            try:
                if self.session is None:
                    self.connect()
                    self.greet(*self.ticket)
                return self.request(plain)
            except Refused as e:
                if "dict" in str(type(e.args[0])) and e.args[0]["reason"] not in (16, 17):
                    raise
                self.session = None
        raise Refused("it cannot be done")


class Office:
    """What head office makes for this meter."""

    def __init__(self, schema):
        self.schema = schema
        self.keys = {0: K_FACTORY, 1: sha256(b"an account key")}
        self.serial = 0

    def ticket(self, epoch, rights, **more):
        self.serial += 1
        t = {"meter_id": METER_ID, "subject": "T-1", "role": 1, "rights": rights,
             "not_before_s": NOW_S - 3600, "not_after_s": NOW_S + 36000, "epoch": epoch,
             "serial": self.serial, "use_count": 50,
             "installs_epoch": 0 if epoch else 1}
        ticket = self.schema.encode("Ticket", dict(t, **more))
        return ticket, gasm.ticket_key(self.keys[epoch], ticket)

    def envelope(self, epoch, wrap_epoch):
        nonce, sealed = gasm.synthetic(self.keys[wrap_epoch], b"gasm wrap",
                                       gasm.envelope_ad(METER_ID, epoch, wrap_epoch),
                                       self.keys[epoch])
        return self.schema.encode("KeyEnvelope", {"meter_id": METER_ID, "epoch": epoch,
                                                  "wrap_epoch": wrap_epoch, "nonce": nonce,
                                                  "sealed": sealed})

    def token(self, **token):
        nonce, sealed = gasm.synthetic(self.keys[1], b"gasm token", gasm.token_ad(METER_ID, 1),
                                       self.schema.encode("Token", token))
        return self.schema.encode("SealedToken", {"meter_id": METER_ID, "epoch": 1, "nonce": nonce,
                                                  "sealed": sealed})

    def receipts(self, sealed):
        """Verify a whole chain, from the first receipt on: the receipts."""
        out, before, prev = [], None, b"\0" * 32
        grows = ("index_l", "purged_l", "after_closing_l")
        for bytes_ in sealed:
            s = self.schema.strict("SealedReceipt", bytes_)
            r = self.schema.decode("Receipt", s["body"])
            if s["mac"] != gasm.receipt_mac(self.keys[r["key_epoch"]], s["body"]):
                raise Refused(f"receipt {r['seq']}: mac")
            if r["prev_hash"] != prev or r["seq"] != len(out) + 1 or r["meter_id"] != METER_ID:
                raise Refused(f"receipt {r['seq']}: chain")
            if before and any(before[k] != v for k, v in r["before"].items() if k not in grows):
                raise Refused(f"receipt {r['seq']}: totals")
            prev, before = sha256(bytes_), r["after"]
            out.append(r)
        return out
