"""gasm.py - the meter's protocol in Python: schema, keys, fragments, sessions. Written from
docs/protocol.md and the schema alone, to show that they are enough; section numbers are those of
that page.
"""
import hashlib
import hmac as hmac_module
import os
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM


class Refused(Exception):
    """Bytes that have to be refused, a meter that refused, or a stream that is broken."""


# ---- 4: Protocol Buffers from the schema's own text ----

def varint(v):
    out = bytearray()
    while v > 0x7F:
        out.append(v & 0x7F | 0x80)
        v >>= 7
    out.append(v)
    return bytes(out)


def read_varint(data, at):
    v = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Refused("FORMAT: varint")
        v |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return v & 0xFFFFFFFFFFFFFFFF, at


class Schema:
    """Messages as lists of (number, type, name, repeated), enums as dictionaries."""

    def __init__(self, folder):
        with open(os.path.join(folder, "meter.proto"), encoding="utf-8") as f:
            text = re.sub(r"//[^\n]*", "", f.read())
        with open(os.path.join(folder, "meter.options"), encoding="utf-8") as f:
            self.options = re.findall(r"^gasm\.(\S+)\s+(.*)$", f.read(), re.M)
        self.enums = {name: {word: int(no) for word, no in re.findall(r"(\w+)\s*=\s*(\d+)", body)}
                      for name, body in re.findall(r"enum (\w+) \{(.*?)\}", text, re.S)}
        text = re.sub(r"oneof \w+ \{(.*?)\}", r"\1", text, flags=re.S)
        self.messages = {
            name: sorted((int(no), kind, field, bool(repeated)) for repeated, kind, field, no
                         in re.findall(r"(repeated )?(\w+) (\w+) = (\d+);", body))
            for name, body in re.findall(r"message (\w+) \{(.*?)\}", text, re.S)}

    def option(self, message, field, key):
        for name, values in self.options:
            if name in (f"{message}.{field}", f"*.{field}"):
                found = re.search(key + r":(\w+)", values)
                if found:
                    return found.group(1)
        return None

    def fixed(self, message, field):
        """Bytes of a field of fixed length, or 0."""
        if self.option(message, field, "fixed_length") != "true":
            return 0
        return int(self.option(message, field, "max_size"))

    def longest(self, message, kind, field):
        """Bytes of a field at most; of a string one less than the option says."""
        size = self.option(message, field, "max_size")
        return (int(size) if size else 1536) - (kind == "string")

    def encode(self, message, values):
        out = b""
        unknown = set(values) - {field for _, _, field, _ in self.messages[message]}
        if unknown:
            raise KeyError(f"{message} has no {unknown}")
        for no, kind, field, repeated in self.messages[message]:
            for v in values.get(field, []) if repeated else [values.get(field)]:
                out += self.encode_field(message, no, kind, field, v, repeated)
        return out

    def encode_field(self, message, no, kind, field, v, repeated):
        if kind in self.messages:
            v = None if v is None else self.encode(kind, v)
            return b"" if v is None else varint(no << 3 | 2) + varint(len(v)) + v
        if kind in ("bytes", "string"):
            v = v or b"\0" * self.fixed(message, field)
            v = v.encode() if isinstance(v, str) else v
            if not v and not repeated:
                return b""
            return varint(no << 3 | 2) + varint(len(v)) + v
        v = int(v or 0)
        if kind == "sint64" or kind == "sint32":
            v = v << 1 if v >= 0 else (-v << 1) - 1
        return varint(no << 3) + varint(v & 0xFFFFFFFFFFFFFFFF) if v else b""

    def decode(self, message, data, unknown_allowed=True):
        rows = {no: (kind, field, repeated) for no, kind, field, repeated in self.messages[message]}
        out, at = {}, 0
        for kind, field, repeated in rows.values():
            out[field] = [] if repeated else None if kind in self.messages else \
                b"" if kind == "bytes" else "" if kind == "string" else 0
        while at < len(data):
            tag, at = read_varint(data, at)
            v, at = self.read_value(data, at, tag & 7)
            if tag >> 3 in rows:
                kind, field, repeated = rows[tag >> 3]
                v = self.value(message, kind, field, tag & 7, v, unknown_allowed)
                out[field] = out[field] + [v] if repeated else v
            elif not unknown_allowed:
                raise Refused(f"FORMAT: unknown field {tag >> 3} in {message}")
        return out

    @staticmethod
    def read_value(data, at, wire):
        if wire == 0:
            return read_varint(data, at)
        if wire != 2:
            raise Refused("FORMAT: wire type")
        n, at = read_varint(data, at)
        if n > len(data) - at:
            raise Refused("FORMAT: length")
        return data[at:at + n], at + n

    def value(self, message, kind, field, wire, v, unknown_allowed):
        if (wire == 2) != (kind in self.messages or kind in ("bytes", "string")):
            raise Refused(f"FORMAT: {message}.{field} has another type")
        if kind in self.messages:
            return self.decode(kind, v, unknown_allowed)
        if wire == 2:
            fixed, longest = self.fixed(message, field), self.longest(message, kind, field)
            if (fixed and len(v) != fixed) or len(v) > longest:
                raise Refused(f"FORMAT: length of {message}.{field}")
            return v.decode() if kind == "string" else v
        if kind.startswith("sint"):
            return v >> 1 if v & 1 == 0 else -(v >> 1) - 1
        return v - (1 << 64) if kind == "int64" and v >> 63 else v

    def strict(self, message, data):
        """Decode the one strict form."""
        out = self.decode(message, data, False)
        if not data or self.encode(message, out) != data:
            raise Refused(f"FORMAT: {message} is not in its strict form")
        return out


# ---- 5: keys ----

def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def hmac(key, *parts):
    return hmac_module.new(key, b"".join(parts), hashlib.sha256).digest()


def hkdf(key, info, n=32):
    prk, out, block = hmac(b"\0" * 32, key), b"", b""
    while len(out) < n:
        block = hmac(prk, block, info, bytes([len(out) // 32 + 1]))
        out += block
    return out[:n]


def le(v, n):
    return int(v).to_bytes(n, "little")


def seal(key, nonce, ad, plain):
    return AESCCM(key, tag_length=16).encrypt(nonce, plain, ad)


def unseal(key, nonce, ad, sealed):
    try:
        return AESCCM(key, tag_length=16).decrypt(nonce, sealed, ad)
    except (InvalidTag, ValueError) as e:
        raise Refused("PROOF: the tag is wrong") from e


def synthetic(root, label, ad, plain):
    """16 to 18: seal under a nonce made from the content: nonce, sealed."""
    nonce = hmac(hkdf(root, label + b" nonce"), ad, plain)[:13]
    return nonce, seal(hkdf(root, label, 16), nonce, ad, plain)


def ticket_key(root, ticket):
    return hkdf(root, b"gasm ticket" + ticket)


def envelope_ad(meter_id, epoch, wrap_epoch):
    return b"gasm key" + meter_id + le(epoch, 4) + le(wrap_epoch, 4)


def token_ad(meter_id, epoch):
    return b"gasm token" + meter_id + le(epoch, 4)


def token_numbers(t):
    return b"".join(le(t.get(k, 0), 8) for k in ("account_no", "sequence", "purchased_l",
                                                 "imported_l", "forgiven_l", "debited_l"))


def recharge_op(meter_id, account_no, sequence):
    return sha256(b"gasm recharge", meter_id, le(account_no, 8), le(sequence, 8))[:16]


def check_digit(digits):
    p = 10
    for d in digits:
        p = ((p + int(d)) % 10 or 10) * 2 % 11
    return str((11 - p) % 10)


def typed(root, meter_id, t):
    """17: the 25 digits of a token."""
    mac = hmac(hkdf(root, b"gasm typed"), b"gasm typed", meter_id, token_numbers(t))[:5]
    v = (t["sequence"] % 4096 << 67) + (t["purchased_l"] << 40) + int.from_bytes(mac, "big")
    digits = f"{v:024d}"
    return digits + check_digit(digits)


def read_typed(digits):
    """17: low bits of the sequence, purchased_l, mac."""
    if not re.fullmatch("[0-9]{25}", digits) or check_digit(digits[:24]) != digits[24]:
        raise Refused("FORMAT: digits")
    v = int(digits[:24])
    if v >> 79:
        raise Refused("FORMAT: a number too large")
    return v >> 67, v >> 40 & (1 << 27) - 1, (v & (1 << 40) - 1).to_bytes(5, "big")


def nearest(last, low):
    """The nearest sequence above the last one with these low 12 bits."""
    return last + 1 + (low - last - 1) % 4096


def open_token(schema, root, meter_id, epoch, sealed_token):
    """17: the Token inside, judged as the meter judges it."""
    s = schema.strict("SealedToken", sealed_token)
    if s["meter_id"] != meter_id:
        raise Refused("WRONG_METER")
    if s["epoch"] != epoch:
        raise Refused("KEY_EXPIRED")
    plain = unseal(hkdf(root, b"gasm token", 16), s["nonce"], token_ad(meter_id, epoch),
                   s["sealed"])
    return schema.strict("Token", plain)


def swap_key_ad(old_meter_id, wrap_epoch, terms):
    return b"gasm swap key" + old_meter_id + le(wrap_epoch, 4) + sha256(terms)


def certificate_mac(key, body):
    return hmac(key, b"gasm certificate", body)[:16]


def open_certificate(schema, k_swap, sealed_certificate):
    """18: the Certificate inside, as the new meter judges it."""
    s = schema.strict("SealedCertificate", sealed_certificate)
    c = schema.strict("Certificate", s["body"])
    if c["totals"] is None or [len(x) for x in (c["swap_case"], c["counterpart_id"],
                                                s["swap_mac"])] != [16, 12, 16]:
        raise Refused("FORMAT: not of a swap")
    if s["swap_mac"] != certificate_mac(k_swap, s["body"]):
        raise Refused("PROOF: under another K_swap")
    return c


def receipt_mac(root, body):
    return hmac(hkdf(root, b"gasm receipt"), b"gasm receipt", body)[:16]


def residual_l(t):
    return (t["purchased_l"] + t["imported_l"] + t["forgiven_l"]
            - (t["index_l"] - t["after_closing_l"] - t["opening_index_l"] - t["purged_l"]
               + t["opening_purged_l"])
            - t["cleared_l"] - t["debited_l"] - t["exported_l"])


# ---- 3: fragments ----

START, END, ACK, RESET = 0x80, 0x40, 0x20, 0x10
WINDOW = 8


class Stream:
    """One end's fragments. outgoing() gives what may be sent now; take() what arrived."""

    def __init__(self, epoch, limit, credits):
        self.epoch, self.limit = epoch, limit
        self.sent = []              # the fragments' contents of the present message
        self.first = self.next = self.base = self.top = 0
        self.bound = credits
        self.repeated = self.nudged = False
        self.expected, self.granted = 0, WINDOW
        self.held, self.message, self.want = {}, None, 0
        self.owes_ack = self.ask = self.asked = False

    def send(self, message):
        self.first = self.next = self.first + len(self.sent)
        self.sent, self.repeated = [message[:self.limit - 6]], False
        for at in range(self.limit - 6, len(message), self.limit - 2):
            self.sent.append(message[at:at + self.limit - 2])
        self.length = len(message)

    def ack(self):
        self.granted, self.owes_ack = self.expected + WINDOW, False
        return bytes([self.expected & 0xFF, WINDOW])

    def outgoing(self):
        while True:
            nth = self.next - self.first
            may = nth < len(self.sent) and self.next < self.bound
            if self.ask or (self.owes_ack and not (may and nth == 0)):
                flags = ACK | (RESET if self.ask else 0) | self.epoch
                self.ask = False
                yield bytes([flags, 0]) + self.ack()
            elif may:
                flags = self.epoch | (END if nth == len(self.sent) - 1 else 0)
                head = b""
                if nth == 0:
                    flags |= START | ACK
                    head = self.ack() + le(self.length, 2)
                self.next += 1
                self.top = max(self.top, self.next)
                yield bytes([flags, (self.next - 1) & 0xFF]) + head + self.sent[nth]
            else:
                return

    def take_ack(self, ack, credit, asks):
        whole = self.base + (ack - self.base) % 256
        if whole <= self.top:
            self.base, self.bound = whole, whole + min(credit, 64)
            self.next = max(self.next, whole)
        if not asks and not self.nudged:
            return
        if self.first <= self.base < self.next and self.base < self.first + len(self.sent):
            if not self.repeated:
                self.next, self.repeated = self.base, True
            elif self.nudged:
                raise Refused("the meter lacks something again")
        elif asks:
            self.owes_ack = True

    def take(self, frag):
        """A fragment came. The whole message when it is there, else None."""
        if frag and frag[0] & 0x0F != self.epoch:
            return None
        if len(frag) < 2 or len(frag) > 509:
            raise Refused("no fragment")
        flags, seq, at = frag[0], frag[1], 2
        if flags & ACK:
            if len(frag) < 4:
                raise Refused("no fragment")
            at = 4
        length = int.from_bytes(frag[at:at + 2], "little") if flags & START else 0
        data = frag[at + 2:] if flags & START else frag[at:]
        is_data = bool(flags & START or data)
        if (is_data and flags & RESET) or not (is_data or flags & ACK):
            raise Refused("no fragment")
        if flags & ACK:
            self.take_ack(frag[2], frag[3], bool(flags & RESET))
        self.nudged = False
        ahead = (seq - self.expected) % 256
        if is_data and ahead < WINDOW:
            self.held[self.expected + ahead] = (flags, length, data)
        return self.drain()

    def drain(self):
        done = None
        while done is None and self.expected in self.held:
            flags, length, data = self.held.pop(self.expected)
            self.expected += 1
            if bool(flags & START) == (self.message is not None):
                raise Refused("a start inside a message, or something outside")
            if flags & START:
                self.message, self.want = b"", length
            self.message += data
            if len(self.message) > self.want or self.want > 1536 or \
                    (len(self.message) == self.want) != bool(flags & END):
                raise Refused("a message of another length")
            if flags & END:
                done, self.message, self.asked = self.message, None, False
        if self.granted - self.expected <= WINDOW // 4:
            self.owes_ack = True
        gap = any(f & END or seq + 1 >= self.granted for seq, (f, _, _) in self.held.items())
        if done is None and gap and not self.asked:
            self.ask = self.asked = True
        return done

    def nudge(self):
        """Nothing came for a while, and an answer is due."""
        if self.message is not None or self.held:
            if self.asked:
                raise Refused("the meter does not repeat")
            self.asked = True
        elif self.nudged:
            raise Refused("the link is dead")
        else:
            self.nudged = True
        self.ask = True


# ---- 7 and 8: sessions ----

def proofs(key, hello, nonce_m):
    h = sha256(b"\x01", hello, b"\x0a\x10", nonce_m)
    proof = hkdf(key, b"gasm proof")
    return hmac(proof, b"m", h), hmac(proof, b"c", h)


def session_keys(key, nonce_c, nonce_m):
    return (hkdf(key, b"gasm c2m" + nonce_c + nonce_m, 16),
            hkdf(key, b"gasm m2c" + nonce_c + nonce_m, 16))


class Session:
    """The client's end. Messages in, messages out."""

    def __init__(self, schema, ticket, key, nonce_c=None, run_id=b"an example's run"):
        self.schema, self.ticket, self.key = schema, ticket, key
        self.nonce_c = nonce_c or os.urandom(16)
        self.hello = schema.encode("ClientHello", {"version": 1, "ticket": ticket, "run_id": run_id,
                                                   "nonce_c": self.nonce_c})
        self.sent = self.received = 0

    def hello_message(self):
        return b"\x01" + self.hello

    def welcome(self, message):
        if message[0] == 6:
            raise Refused(self.schema.decode("HelloRefusal", message[1:]))
        if message[0] != 2:
            raise Refused("no answer to a hello")
        welcome = self.schema.strict("ServerHello", message[1:])
        proof_m, self.proof_c = proofs(self.key, self.hello, welcome["nonce_m"])
        if not hmac_module.compare_digest(proof_m, welcome["proof_m"]):
            raise Refused("this is not the registered meter")
        self.c2m, self.m2c = session_keys(self.key, self.nonce_c, welcome["nonce_m"])

    def seal(self, plain):
        self.sent += 1
        first = self.sent == 1
        head = bytes([3 if first else 4]) + le(self.sent, 8) + (self.proof_c if first else b"")
        return head + seal(self.c2m, b"\0" * 5 + head[1:9], head, plain)

    def open(self, message):
        if message[0] != 5 or message[1:9] != le(self.received + 1, 8):
            raise Refused(f"no answer of this session: {message[:9].hex()}")
        self.received += 1
        return unseal(self.m2c, b"\0" * 5 + message[1:9], message[:9], message[9:])
