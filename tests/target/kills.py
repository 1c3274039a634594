#!/usr/bin/python3
"""kills.py run IMAGE FOLDER KILLS - the emulator is killed at random instants of recharges, key
changes and closings; after each restart the meter is asked what became of them. One in 20 is placed
instead: when the record is in flash and the answer not over the line yet, which takes a closing so
short a time that random instants seldom meet it. TAP.
kills.py prepare IMAGE FOLDER GASMETER - before that, once: a meter in service.

The client is that of docs/protocol.md (tests/tools/gasm_client.py), over uart.py: what is judged here
shares no code with the firmware. Environment: SEED draws the instants; KILL="KIND WHERE MS" does
only that one (what the emulator has done by then may differ by microseconds); PLANTED=NAME says that
the image has a bug, which has to be found.
"""
import os
import random
import shutil
import sys
import time

import target
import flash
import gasm_client
import tap
import uart
from gasm import Refused, hkdf, le, receipt_mac, recharge_op, residual_l, sha256, swap_key_ad, \
    synthetic, certificate_mac
from gasm_client import METER_ID
from protocol_meter import ACCOUNT, ALL, OTHER_METER, terms_of
import protocol_meter

KINDS = ("recharge", "key change", "closing")
# Where the instant is drawn: behind the start of the emulator, of the session, or of the request.
FROM = ("start", "session", "request", "request")
PLACED, PLACED_EACH = "record", 20  # the other cuts; no multiple of the kinds, so each kind gets its share
LITRES = 10
RATE = 20                           # of the meter's time
PREPARED, FACTORY_KEY = "service.nvm", "factory.key"


class Fault(Exception):
    """The meter broke its word."""


def must(good, what):
    if not good:
        raise Fault(what)


class Books:
    """What the meter owes us: all that it acknowledged, and what it was asked for."""

    def __init__(self):
        self.sealed = []            # receipts, as they came
        self.epoch, self.sequence = 1, 0

    def copy(self):
        other = Books()
        other.__dict__.update(self.__dict__, sealed=list(self.sealed))
        return other


class Bench:
    """The image, its flash, head office; one emulator at a time."""

    flow = 36000                    # l/h that the appliances take

    def __init__(self, image, folder):
        self.image, self.folder = image, folder
        self.nvm, self.closing = (os.path.join(folder, name) for name in ("now.nvm", "closing.nvm"))
        shutil.copyfile(os.path.join(folder, PREPARED), self.nvm)
        self.office = gasm_client.Office(target.SCHEMA)
        self.office.serial = 100    # above those of the preparation
        with open(os.path.join(folder, FACTORY_KEY), "rb") as f:
            self.office.keys[0] = f.read()
        self.client = gasm_client.Client(target.SCHEMA, None, 247)
        self.schema, self.enums, self.radio = target.SCHEMA, target.SCHEMA.enums, None
        self.commands, self.ops, self.runs = self.enums["Command"], 0, None
        self.page = flash.Page(os.path.join(target.ROOT, "docs", "storage.md"))

    def key(self, epoch):
        return self.office.keys.setdefault(epoch, sha256(b"an account key", le(epoch, 4)))

    def stop(self):
        if self.radio is not None:
            self.radio.close()
        self.radio = None

    def start(self, nvm, anew=True):
        """The emulator over this flash; anew=False: one that runs over it already will do."""
        if self.radio is not None and self.runs == nvm and not anew:
            return
        self.stop()
        self.runs = nvm
        emulator = uart.Emulator(self.image, nvm, self.folder, self.flow, RATE)
        self.radio = self.client.radio = uart.Radio(emulator, RATE)
        self.client.session = None

    def arm(self, after_s):
        """The power fails so much later."""
        self.radio.link.at = time.monotonic() + after_s
        self.radio.link.cut = self.radio.emulator.kill

    def arm_at_record(self, op_id):
        """The power fails when the operation is in flash; its answer is held back until then."""
        self.radio.link.when = lambda: self.holds(op_id)
        self.radio.link.cut = self.radio.emulator.kill

    def holds(self, op_id):
        """Whether the whole record of an operation is in the flash that the emulator runs over."""
        with open(self.runs, "rb") as f:
            data = f.read()
        return op_id in data and any(op["op_id"] == op_id for op in
                                     flash.Image(self.page, data, 2).operations.values())

    def disarm(self):
        """Wait for the cut, when it has not come yet."""
        while self.radio.link.at is not None:
            try:
                self.radio.link.turn(1)
                self.radio.sort()
            except uart.Gone:
                return

    def greet(self, epoch, **more):
        self.key(epoch)
        self.client.connect()
        self.client.greet(*self.ticket(epoch, **more))

    def ticket(self, epoch, **more):
        return self.office.ticket(epoch, ALL, account_no=ACCOUNT, **more)

    def new_op(self):
        self.ops += 1
        return sha256(b"kills", le(self.ops, 4))[:16]

    def ask_ok(self, plain, what):
        answer = self.client.request(plain)
        must(answer["result"] == 0, f"{what}: refused with {answer['result']}")
        return answer


def prepare(image, folder, gasmeter):
    """From the factory to service, as tests/tools/protocol_meter.py does it."""
    nvm, factory_key = target.manufacture(gasmeter, folder)
    s = target.Story(image, nvm, factory_key, folder)
    s.client.connect()
    s.client.greet(*s.office.ticket(0, ALL))
    protocol_meter.install(s)
    protocol_meter.commission(s)
    s.end()
    os.rename(nvm, os.path.join(folder, PREPARED))
    with open(os.path.join(folder, FACTORY_KEY), "wb") as f:
        f.write(factory_key)
    return tap.done()


# ---- the operations: what is asked, and what has to be there afterwards ----

class Recharge:
    command = "RECHARGE"

    def __init__(self, bench, books):
        self.bench, self.sequence, self.more = bench, books.sequence + 1, {}
        self.token = {"account_no": ACCOUNT, "sequence": self.sequence,
                      "purchased_l": LITRES * self.sequence}
        self.op = recharge_op(METER_ID, ACCOUNT, self.sequence)

    def plain(self, epoch):
        """The same request each time; the token is sealed for the epoch."""
        bench = self.bench
        nonce, sealed = synthetic(bench.key(epoch), b"gasm token",
                                  target.gasm.token_ad(METER_ID, epoch), target.SCHEMA.encode("Token", self.token))
        body = target.SCHEMA.encode("SealedToken", {"meter_id": METER_ID, "epoch": epoch,
                                                    "nonce": nonce, "sealed": sealed})
        return bench.client.plain("recharge", {"token": body})

    def run(self, epoch):
        return self.bench.ask_ok(self.plain(epoch), self.command)

    def settle(self, books):
        books.sequence = self.sequence


class KeyChange:
    command = "INSTALL_KEY"

    def __init__(self, bench, books):
        self.bench, self.old, self.more = bench, books.epoch, {}
        self.op = bench.new_op()
        new = self.old + 1
        nonce, sealed = synthetic(bench.key(self.old), b"gasm wrap",
                                  target.gasm.envelope_ad(METER_ID, new, self.old), bench.key(new))
        envelope = target.SCHEMA.encode("KeyEnvelope", {"meter_id": METER_ID, "epoch": new,
                                                        "wrap_epoch": self.old, "nonce": nonce,
                                                        "sealed": sealed})
        self.request = bench.client.plain("install_key", {"envelope": envelope}, self.op,
                                          len(books.sealed))

    def run(self, epoch):
        """Install, and prove the new key, when it is not proved yet."""
        answer = self.bench.ask_ok(self.request, self.command)
        if epoch == self.old:
            self.bench.greet(self.old + 1)
            self.bench.client.ask("identify")
        return answer

    def settle(self, books):
        books.epoch = self.old + 1


class Closing:
    command = "CLOSE_ACCOUNT"

    def __init__(self, bench, books):
        self.bench, self.op = bench, bench.new_op()
        terms = terms_of(bench, self.op, METER_ID, OTHER_METER)
        self.k_swap = hkdf(sha256(b"the new meter's key"), b"gasm swap" + terms)
        nonce, sealed = synthetic(bench.key(books.epoch), b"gasm swap wrap",
                                  swap_key_ad(METER_ID, books.epoch, terms), self.k_swap)
        key = target.SCHEMA.encode("SwapKey", {"meter_id": METER_ID, "wrap_epoch": books.epoch,
                                               "nonce": nonce, "sealed": sealed})
        self.more = {"role": bench.enums["Role"]["SWAP"], "swap": terms}
        self.request = bench.client.plain("close_account", {"swap_key": key}, self.op,
                                          len(books.sealed))

    def run(self, epoch):
        del epoch
        answer = self.bench.ask_ok(self.request, self.command)
        sealed = target.SCHEMA.strict("SealedCertificate", answer["closed"]["certificate"])
        certificate = target.SCHEMA.strict("Certificate", sealed["body"])
        must(sealed["swap_mac"] == certificate_mac(self.k_swap, sealed["body"]), "K_swap")
        self.certified_l = certificate["residual_l"]
        return answer

    def settle(self, books):
        del books


OPERATIONS = dict(zip(KINDS, (Recharge, KeyChange, Closing)))


# ---- what is found after a restart ----

def read_receipts(bench, books):
    """The chain goes on where it was known; what was known is still the same."""
    old = len(books.sealed)
    at, last = max(1, old - 5), old
    new = books.sealed[:at - 1]
    while len(new) < max(last, at):
        page = bench.client.ask("read_receipts", {"from_seq": len(new) + 1})["receipts"]
        last = page["last_seq"]
        must(page["receipts"] or len(new) == last, "a receipt is missing")
        new += page["receipts"]
        if len(new) == last:
            break
    must(new[:old] == books.sealed, "an acknowledged receipt is another one now, or is missing")
    for nth in range(old, len(new)):
        s = target.SCHEMA.strict("SealedReceipt", new[nth])
        r = target.SCHEMA.decode("Receipt", s["body"])
        must(s["mac"] == receipt_mac(bench.key(r["key_epoch"]), s["body"]), f"receipt {r['seq']}: mac")
        must(r["seq"] == nth + 1 and r["meter_id"] == METER_ID, f"receipt {r['seq']}: number")
        must(nth == 0 or r["prev_hash"] == sha256(new[nth - 1]), f"receipt {r['seq']}: chain")
    books.sealed = new
    return [target.SCHEMA.decode("Receipt", target.SCHEMA.strict("SealedReceipt", x)["body"])
            for x in new[old:]]


def balance_is(bench, books, closed=False):
    bal = bench.client.ask("read_balance")["balance"]
    totals, want = bal["totals"], LITRES * books.sequence
    must(totals["purchased_l"] == want, f"{totals['purchased_l']} l were sold, not {want}")
    must(bal["residual_l"] == residual_l(totals), "the residual is not that of the totals")
    must(bal["residual_l"] == (0 if closed else want - bench.used_l), f"the residual is {bal['residual_l']} l")


def times(bench, receipts, op):
    """How often the operation stands there."""
    return sum(r["op_id"] == op.op and r["command"] == bench.commands[op.command] for r in receipts)


def judge(bench, books, op, answer):
    """Restarted after the cut. Everything acknowledged is there; the operation is done once."""
    epoch = bench.client.ctl["active_epoch"]
    got = read_receipts(bench, books)
    before = times(bench, got, op)
    must(before <= 1, f"{before} receipts of one operation")
    must(answer is None or before == 1, "it was acknowledged, and is not there")
    again = op.run(epoch)
    must(answer is None or again == answer, "its answer is another one now")
    got += read_receipts(bench, books)
    must(times(bench, got, op) == 1, f"{times(bench, got, op)} receipts after it was asked for again")
    must(again["receipt"] in books.sealed, "its receipt is not in the chain")
    op.settle(books)
    if op.command == "INSTALL_KEY":
        names = [r for r in got if r["command"] == bench.commands["KEY_ACTIVATED"]]
        must(len(names) == 1, f"the key was activated {len(names)} times")
        must(names[0]["op_id"] == sha256(b"gasm key activated", METER_ID, le(books.epoch, 4))[:16],
             "the activation's id")
    if op.command == "CLOSE_ACCOUNT":
        must(op.certified_l == LITRES * books.sequence - bench.used_l, f"{op.certified_l} l certified")
    balance_is(bench, books, op.command == "CLOSE_ACCOUNT")
    return before


def reopen(bench, nvm, books, op):
    """Start after a cut: the key is the old or the new one, and it works."""
    bench.start(nvm)
    bench.client.connect()
    epoch = bench.client.ctl["active_epoch"]
    allowed = (books.epoch, books.epoch + 1) if op.command == "INSTALL_KEY" else (books.epoch,)
    must(epoch in allowed, f"the active key is {epoch}, not of {allowed}")
    bench.client.greet(*bench.ticket(epoch, **op.more))


def attempt(bench, nvm, books, op, where, after_s):
    """The operation with a cut in it: its answer, when that came before the cut."""
    answer = None
    try:
        bench.start(nvm, where == "start" or op.command == "CLOSE_ACCOUNT")
        if where == "start":
            bench.arm(after_s)
        bench.client.connect()
        if where == "session":
            bench.arm(after_s)
        bench.client.greet(*bench.ticket(books.epoch, **op.more))
        bench.client.ask("identify")
        if where == "request":
            bench.arm(after_s)
        if where == PLACED:
            bench.arm_at_record(op.op)
        answer = op.run(books.epoch)
    except uart.Gone:
        pass
    except uart.Late as e:
        raise Fault("the operation is asked for, and never in flash") from e
    bench.disarm()
    return answer


def one(bench, books, kind, where, after_s):
    """One kill. The books afterwards, and how it was hit."""
    nvm = bench.nvm
    if kind == "closing":           # on a copy: an account is closed only once
        nvm, books = bench.closing, books.copy()
        shutil.copyfile(bench.nvm, nvm)
    op = OPERATIONS[kind](bench, books)
    answer = attempt(bench, nvm, books, op, where, after_s)
    reopen(bench, nvm, books, op)
    done = judge(bench, books, op, answer)
    if where == PLACED:
        must(done and answer is None, "its record was in flash, and it is not done")
        return "placed"
    return "told" if answer else "done" if done else "not done"


def measure(bench, books):
    """Seconds from each place to the end of each kind of operation, undisturbed. Learns the receipts."""
    out = {}
    bench.start(bench.nvm)
    bench.greet(books.epoch)
    read_receipts(bench, books)
    bench.used_l = -bench.client.ask("read_balance")["balance"]["residual_l"]
    for kind in KINDS:
        began_s = time.monotonic()
        op = OPERATIONS[kind](bench, books)
        nvm = bench.nvm
        if kind == "closing":
            nvm = bench.closing
            shutil.copyfile(bench.nvm, nvm)
        bench.start(nvm)
        bench.client.connect()
        session_s = time.monotonic()
        bench.client.greet(*bench.ticket(books.epoch, **op.more))
        bench.client.ask("identify")
        request_s = time.monotonic()
        op.run(books.epoch)
        end_s = time.monotonic()
        if kind != "closing":
            read_receipts(bench, books)
            op.settle(books)
        out[kind] = {"start": end_s - began_s, "session": end_s - session_s, "request": end_s - request_s,
                     PLACED: 0}
    return out


class Aim:
    """When to cut. Too early is followed by later, too late by earlier: so the instants gather where
    something is written, however loaded the machine is."""

    def __init__(self, lasts):
        self.lasts, self.stretch = lasts, {}

    def after_s(self, kind, where, share):
        return share * self.lasts[kind][where] * self.stretch.get((kind, where), 1)

    def learn(self, kind, where, how):
        step = {"not done": 1.1, "done": 1, "placed": 1, "told": 1 / 1.1}[how]
        self.stretch[kind, where] = min(max(self.stretch.get((kind, where), 1) * step, 0.3), 5)


def plan(kills, seed):
    """Kind, place, and share of the time that the kind takes from there."""
    draw = random.Random(seed)
    return [(KINDS[n % len(KINDS)], draw.choice(FROM) if n % PLACED_EACH else PLACED, draw.uniform(0, 1.2))
            for n in range(kills)]


def campaign(bench, books, aim, rows, met):
    """All kills of the plan; what went wrong, or None."""
    for n, (kind, where, share) in enumerate(rows, 1):
        after_s = aim.after_s(kind, where, share)
        try:
            how = one(bench, books, kind, where, after_s)
        except (Fault, Refused, uart.Gone) as e:
            return (f"kill {n}: {type(e).__name__} {e}; replay: "
                    f"KILL=\"{kind.replace(' ', '-')} {where} {after_s * 1000:.3f}\"")
        aim.learn(kind, where, how)
        met[kind][how] = met[kind].get(how, 0) + 1
    return None


def report(bench, met, seed, began_s):
    for kind in KINDS:
        print(f"# {kind}: " + ", ".join(f"{n} {how}" for how, n in sorted(met[kind].items())))
    with open(bench.nvm, "rb") as f:
        generations = [bytes_[0] for bytes_ in (f.read(131072)[44:48] for _ in range(2))]
    n = sum(sum(row.values()) for row in met.values())
    print(f"# SEED={seed}: {n} kills in {time.monotonic() - began_s:.0f} s; the journal is in its sector "
          f"no. {max(g for g in generations if g != 0xFF)}", flush=True)
    return n


def run(image, folder, kills):
    seed, planted = int(os.environ.get("SEED", "1")), os.environ.get("PLANTED")
    bench, books = Bench(image, folder), Books()
    began_s = time.monotonic()
    rows, met = plan(int(kills), seed), {kind: {} for kind in KINDS}
    try:
        lasts = measure(bench, books)
    except (Fault, Refused) as e:
        tap.ok(planted, f"undisturbed, restarted in between: {e}")
        return tap.done()
    if os.environ.get("KILL"):
        kind, where, ms = os.environ["KILL"].split()
        lasts[kind.replace("-", " ")][where] = float(ms) / 1000
        rows = [(kind.replace("-", " "), where, 1)]
    bad = campaign(bench, books, Aim(lasts), rows, met)
    bench.stop()
    n = report(bench, met, seed, began_s)
    if bad:
        print(f"# {bad}", flush=True)
    if planted:
        tap.ok(bad, f"the planted bug \"{planted}\" is found")
        return tap.done()
    tap.ok(not bad, f"{n} kills: nothing is lost, nothing doubled")
    for kind in KINDS if n >= 100 else ():
        between = met[kind].get("placed", 0) + met[kind].get("done", 0)
        tap.ok(between and met[kind].get("not done") and met[kind].get("told"),
               f"{kind}: cut before it was done, between that and its answer ({between} times), after it")
    return tap.done()


if __name__ == "__main__":
    sys.exit({"prepare": prepare, "run": run}[sys.argv[1]](*sys.argv[2:]))
