#!/usr/bin/python3
"""protocol_check.py vectors | example | meter PROGRAM - docs/protocol.md is enough: TAP.

vectors  recomputes every file of tests/vectors/ with the code of gasm.py
example  recomputes the session printed in docs/protocol.md
meter    opens an account on a meter behind PROGRAM's stdin and stdout (tests/pipe/meter_pipe.c)
"""
import json
import os
import re
import sys

import gasm
from gasm import Refused, le, sha256
import protocol_meter
import tap
from gasm_client import METER_ID, read_ctl, reset_of
from tap import ok, refused, same

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCHEMA = gasm.Schema(os.path.join(ROOT, "meter-core", "proto"))
def load(name):
    with open(os.path.join(ROOT, "tests", "vectors", name + ".json"), encoding="utf-8") as f:
        return unhex(json.load(f))


def unhex(v):
    """Texts of an even number of hex digits become bytes, no text too."""
    if isinstance(v, dict):
        return {k: unhex(x) for k, x in v.items()}
    if isinstance(v, list):
        return [unhex(x) for x in v]
    if isinstance(v, str) and len(v) % 2 == 0 and re.fullmatch("[0-9a-f]*", v):
        return bytes.fromhex(v)
    return v


# ---- vectors ----

def check_ticket():
    v = load("ticket")
    fields = dict(v["fields"], meter_id=v["fields"]["meter_id"].encode())
    same(SCHEMA.encode("Ticket", fields), v["ticket"], "ticket: its fields make its bytes")
    got = SCHEMA.strict("Ticket", v["ticket"])
    same({k: got[k] for k in fields}, fields, "ticket: its bytes say its fields")
    same(gasm.ticket_key(v["root"], v["ticket"]), v["ticket_key"], "ticket: K_ticket")
    for row in v["refused"]:
        refused(f"ticket: {row['why']} is refused", SCHEMA.strict, "Ticket", row["ticket"])


def make_envelope(root, epoch, wrap_epoch, key):
    nonce, sealed = gasm.synthetic(root, b"gasm wrap",
                                   gasm.envelope_ad(METER_ID, epoch, wrap_epoch), key)
    return SCHEMA.encode("KeyEnvelope", {"meter_id": METER_ID, "epoch": epoch,
                                         "wrap_epoch": wrap_epoch, "nonce": nonce,
                                         "sealed": sealed})


def check_envelope():
    v = load("envelope")
    same(make_envelope(v["wrap_root"], v["epoch"], v["wrap_epoch"], v["key"]), v["envelope"],
         "envelope: sealed")
    e = SCHEMA.strict("KeyEnvelope", v["envelope"])
    ad = gasm.envelope_ad(METER_ID, v["epoch"], v["wrap_epoch"])
    same(gasm.unseal(gasm.hkdf(v["wrap_root"], b"gasm wrap", 16), e["nonce"], ad, e["sealed"]),
         v["key"], "envelope: opened")


def check_receipt():
    v = load("receipt")
    s = SCHEMA.strict("SealedReceipt", v["sealed"])
    r = SCHEMA.decode("Receipt", s["body"])
    same(s["mac"], gasm.receipt_mac(v["root"], s["body"]), "receipt: mac")
    same(sha256(v["sealed"]), v["hash"], "receipt: hash")
    same((r["seq"], gasm.residual_l(r["before"]), gasm.residual_l(r["after"])),
         (v["seq"], v["residual_before_l"], v["residual_after_l"]), "receipt: content")
    same(sha256(b"gasm key activated", METER_ID, le(1, 4))[:16], v["activation_of_epoch_1_op_id"],
         "receipt: id of an activation")
    same(sha256(b"gasm purge end", v["purge_start_op_id"])[:16], v["purge_end_op_id"],
         "receipt: id of a purge's end")


def check_handshake():
    v = load("handshake")
    key = gasm.ticket_key(v["root"], v["ticket"])
    hello = SCHEMA.decode("ClientHello", v["client_hello_message"][1:])
    s = gasm.Session(SCHEMA, v["ticket"], key, v["nonce_c"], hello["run_id"])
    same(s.hello_message(), v["client_hello_message"], "handshake: hello")
    s.welcome(v["server_hello_message"])
    same(s.proof_c, v["proof_c"], "handshake: proof_c; proof_m held")
    same((s.c2m, s.m2c), (v["key_c2m"], v["key_m2c"]), "handshake: session keys")
    same(v["nonce_m"][:8], le(v["session_no"], 8), "handshake: session number")
    for i, e in enumerate(v["exchanges"], 1):
        same(s.seal(e["request"]), e["request_message"], f"handshake: request {i}")
        same(s.open(e["answer_message"]), e["response"], f"handshake: answer {i}")
    refused("handshake: a replayed answer is refused", s.open, v["exchanges"][1]["answer_message"])


def refusal(do, *args):
    """The word of the refusal; None when there was none."""
    try:
        do(*args)
    except Refused as e:
        return str(e).split(":")[0]
    return None


def check_token():
    v = load("token")
    t, root = v["fields"], v["root"]
    plain = SCHEMA.encode("Token", t)
    same(plain, v["token"], "token: its fields make its bytes")
    nonce, sealed = gasm.synthetic(root, b"gasm token", gasm.token_ad(METER_ID, v["epoch"]), plain)
    same(SCHEMA.encode("SealedToken", {"meter_id": METER_ID, "epoch": v["epoch"], "nonce": nonce,
                                       "sealed": sealed}), v["sealed_token"], "token: sealed")
    got = gasm.open_token(SCHEMA, root, METER_ID, v["epoch"], v["sealed_token"])
    same({k: got[k] for k in t}, t, "token: opened")
    same(sha256(b"gasm token", gasm.token_numbers(t)), v["content_hash"], "token: content hash")
    same(gasm.recharge_op(METER_ID, t["account_no"], t["sequence"]), v["recharge_op_id"],
         "token: id of its recharge")
    for row in v["refused"]:
        same(refusal(gasm.open_token, SCHEMA, root, METER_ID, v["epoch"], row["sealed_token"]),
             row["refusal"], f"token: {row['why']} is refused")
    typed = v["typed"]
    same(gasm.typed(root, METER_ID, t), typed["digits"], "token: its digits")
    same(gasm.read_typed(typed["digits"]),
         (typed["sequence_low"], typed["purchased_l"], typed["mac"]), "token: digits are read")
    for row in typed["refused"]:
        digits = row["digits"]
        refused(f"token: {row['why']} is refused", gasm.read_typed,
                digits.hex() if isinstance(digits, bytes) else digits)
    ok(all(gasm.nearest(r["last"], r["sequence_low"]) == r["sequence"]
           for r in typed["full_sequence"]), "token: the full sequence")


def check_certificate(v, i, row):
    fields = dict(row["fields"], meter_id=METER_ID)
    same(SCHEMA.encode("Certificate", fields), row["body"], f"swap: certificate {i}, its bytes")
    swap_mac = gasm.certificate_mac(v["swap_key"], row["body"]) if row["swap_mac"] else b""
    mac = gasm.certificate_mac(gasm.hkdf(v["old_root"], b"gasm receipt"), row["body"])
    same(SCHEMA.encode("SealedCertificate", {"body": row["body"], "mac": mac,
                                             "swap_mac": swap_mac}), row["certificate"],
         f"swap: certificate {i}, sealed")
    if swap_mac:
        got = gasm.open_certificate(SCHEMA, v["swap_key"], row["certificate"])
        same(got["residual_l"], fields["residual_l"], f"swap: certificate {i}, opened")


def check_swap():
    v = load("swap")
    ids = {k: v["fields"][k].encode() for k in ("old_meter_id", "new_meter_id")}
    terms = SCHEMA.encode("SwapTerms", dict(v["fields"], **ids))
    same((terms, sha256(terms)), (v["terms"], v["terms_hash"]), "swap: terms")
    k_swap = gasm.hkdf(v["new_root"], b"gasm swap" + terms)
    same(k_swap, v["swap_key"], "swap: K_swap")
    nonce, sealed = gasm.synthetic(v["old_root"], b"gasm swap wrap",
                                   gasm.swap_key_ad(METER_ID, v["wrap_epoch"], terms), k_swap)
    same(SCHEMA.encode("SwapKey", {"meter_id": METER_ID, "wrap_epoch": v["wrap_epoch"],
                                   "nonce": nonce, "sealed": sealed}), v["swap_key_message"],
         "swap: K_swap sealed")
    for i, row in enumerate(v["certificates"], 1):
        check_certificate(v, i, row)
    for row in v["refused"]:
        same(refusal(gasm.open_certificate, SCHEMA, k_swap, row["certificate"]), row["refusal"],
             f"swap: {row['why']} is refused")


class Flow:
    """Two ends of a stream, and fragments on their way; one of the published flows."""

    def __init__(self, v):
        self.v, self.losses = v, sum(e.get("lost", 0) for e in v["flow"])
        self.ends = {who: gasm.Stream(5, v["limit"], 8) for who in ("client", "meter")}
        self.wire = {"client": [], "meter": []}
        self.got = {}

    def pump(self):
        for who, end in self.ends.items():
            self.wire[who] += list(end.outgoing())

    def lose(self):
        self.losses -= sum(len(w) for w in self.wire.values())
        self.wire = {"client": [], "meter": []}

    def take(self, who, frag):
        """The fragment that arrives next; those before it in the wire are lost."""
        self.pump()
        if frag not in self.wire[who]:
            self.lose()
            self.ends["client"].nudge()
            self.pump()
        if frag not in self.wire[who]:
            raise Refused(f"{who} does not send {frag.hex()}")
        at = self.wire[who].index(frag)
        self.losses -= at
        del self.wire[who][:at + 1]
        other = "meter" if who == "client" else "client"
        message = self.ends[other].take(frag)
        if message is not None:
            self.got[other] = message
            if other == "meter":
                self.ends["meter"].send(self.v["answer"])

    def run(self):
        self.ends["client"].send(self.v["request"])
        for e in self.v["flow"]:
            if "fragment" in e:
                self.take(e["from"], e["fragment"])
        self.lose()
        return self.got == {"meter": self.v["request"], "client": self.v["answer"]}


def check_fragments():
    v = load("fragments")
    same(sha256(b"gasm id", METER_ID)[:6], v["advertised_id_hash"], "fragments: advertised hash")
    same(read_ctl(v["ctl_read"])["fragment_epoch"], 4, "fragments: CTL")
    same(reset_of(5, 244, 8), v["ctl_write_reset"], "fragments: reset")
    for stream in v["streams"]:
        flow = Flow(stream)
        ok(flow.run() and flow.losses == 0, f"fragments: {stream['name']}")


def check_vectors():
    checks = {"ticket": check_ticket, "envelope": check_envelope, "receipt": check_receipt,
              "handshake": check_handshake, "fragments": check_fragments, "token": check_token,
              "swap": check_swap,
              "primitives": check_primitives}
    for check in checks.values():
        check()
    found = {name[:-5] for name in os.listdir(os.path.join(ROOT, "tests", "vectors"))
             if name.endswith(".json")}
    same(found, set(checks), "every published file is checked")


# ---- the session in the document ----

def printed_session():
    """(name, value) in the order of the page; a value may go on in the next line."""
    with open(os.path.join(ROOT, "docs", "protocol.md"), encoding="utf-8") as f:
        text = f.read()
    text = re.search(r"<!-- printed: session -->(.*?)<!-- end -->", text, re.S).group(1)
    text = re.sub(r"\n    ", "", text)
    return [(name, bytes.fromhex(v)) for name, v in re.findall(r"^([\w\[\] ]+): ([0-9a-f]+)$",
                                                               text, re.M)]


def check_example():
    rows = printed_session()
    v = dict(rows)
    messages = [x for name, x in rows if name == "message"]
    key = gasm.ticket_key(v["K[0]"], v["ticket"])
    same(key, v["K_ticket"], "example: K_ticket")
    SCHEMA.strict("Ticket", v["ticket"])
    same(sha256(b"gasm id", METER_ID)[:6], v["id hash"], "example: advertised hash")
    ctl = read_ctl(v["read CTL"])
    epoch = (ctl["fragment_epoch"] + 1) % 16
    same(reset_of(epoch, 509, 8), v["write CTL"], "example: reset")
    client, meter = gasm.Stream(epoch, 62, ctl["credits"]), gasm.Stream(epoch, 62, 8)
    s = gasm.Session(SCHEMA, v["ticket"], key, v["nonce_c"],
                     SCHEMA.decode("ClientHello", messages[0][1:])["run_id"])
    sent, got = [], []
    for name, frag in rows:
        if name == "write RX":
            message = meter.take(frag)
            sent += [message] if message is not None else []
        elif name == "notify TX":
            message = client.take(frag)
            got += [message] if message is not None else []
    same([sent[0], got[0], sent[1], got[1]], messages, "example: fragments make the messages")
    same(s.hello_message(), messages[0], "example: hello")
    s.welcome(messages[1])
    same(sha256(b"\1", s.hello, b"\x0a\x10", v["nonce_m"]), v["H"], "example: transcript")
    same((s.proof_c, s.c2m, s.m2c), (v["proof_c"], v["key_c2m"], v["key_m2c"]), "example: keys")
    same(s.seal(v["Request"]), messages[2], "example: request")
    same(s.open(messages[3]), v["Response"], "example: answer")


def ccm_case(row):
    ad = row["ad"] * row.get("ad_repeat", 1)
    if "refused" in row:
        refused(f"primitives: CCM refuses: {row['refused']}", gasm.unseal, row["key"], row["nonce"],
                ad, row["sealed"])
        return True
    sealed = gasm.seal(row["key"], row["nonce"], ad, row["plain"])
    if "ciphertext" in row:
        return sealed[:-16] == row["ciphertext"]
    return sealed == row["sealed"] and gasm.unseal(row["key"], row["nonce"], ad,
                                                   sealed) == row["plain"]


def check_primitives():
    v = load("primitives")
    ok(all(sha256(r["data"] * r.get("repeat", 1)) == r["hash"] for r in v["sha256"]),
       "primitives: SHA-256")
    ok(all(gasm.hmac(r["key"], r["data"])[:len(r["mac"])] == r["mac"] for r in v["hmac_sha256"]),
       "primitives: HMAC")
    ok(all(gasm.hkdf(r["ikm"], r["info"] or b"", len(r["okm"])) == r["okm"]
           for r in v["hkdf_sha256"] if not r["salt"]), "primitives: HKDF without salt")
    ok(all([ccm_case(r) for r in v["aes_128_ccm"] + v["aes_128_ccm_shorter_tags"]]),
       "primitives: AES-128-CCM")


def main(args):
    if args == ["vectors"]:
        check_vectors()
    elif args == ["example"]:
        check_example()
    elif len(args) == 2 and args[0] == "meter":
        protocol_meter.check(SCHEMA, args[1])
    else:
        sys.exit(__doc__)
    sys.exit(tap.done())


if __name__ == "__main__":
    main(sys.argv[1:])
