"""protocol_meter.py - the life of a meter, done by a client that was written from the document."""
import gasm
import tap
from gasm import Refused, le, sha256
from gasm_client import METER_ID, NOW_S, Client, Office, Radio, read_ctl
from tap import ok, refused, same

ALL = 0xFFFF
ACCOUNT = 1001
OTHER_METER = b"GM2400000156"


class Story:
    """One meter, one office, and the words of the schema."""

    PATIENCE = 1                    # how often a wait that the meter named is waited

    def __init__(self, schema, program, mtu, lose=0):
        self.schema, self.office = schema, Office(schema)
        self.radio = Radio(program, lose)
        self.client = Client(schema, self.radio, mtu)
        self.result, self.stage = schema.enums["Refusal"], schema.enums["Stage"]
        self.life, self.command = schema.enums["LifeState"], schema.enums["Command"]

    def says(self, answer, name, result="OK", stage="STAGE_EXECUTION", place=0):
        same((answer["result"], answer["reached"], answer["place"]),
             (self.result[result], self.stage[stage], place), name)
        return answer

    def end(self):
        same(self.radio.close(), 0, "the meter's program ends well")


def receipts_of(client):
    out, last = [], 1
    while len(out) < last:
        page = client.ask("read_receipts", {"from_seq": len(out) + 1})["receipts"]
        out, last = out + page["receipts"], page["last_seq"]
    return out


def entries_of(client, command, **more):
    out, no = [], 0
    while True:
        page = client.ask(command, dict(more, from_no=no))[command[5:]]
        out += page["entries"]
        if not page["entries"] or out[-1]["no"] == page["last_no"]:
            return out, page
        no = out[-1]["no"] + 1


def begin(s):
    """CTL, hello, identify: before anything is changed."""
    c = s.client
    c.connect()
    same(c.ctl["life"], s.life["FACTORY"], "CTL: the meter is new")
    refused("CTL: a wrong write is refused", s.radio.do, b"W", b"\2\0")
    ticket, key = s.office.ticket(0, ALL)
    refused("a ticket's wrong key: the proof of the meter does not hold", c.hello, ticket,
            sha256(key))
    try:
        c.hello(ticket, key)
    except Refused as e:
        same(e.args[0]["reason"], s.result["BUSY"], "two hellos in a second: BUSY")
    c.greet(ticket, key)
    who = s.says(c.ask("identify"), "identify: OK")["identity"]
    same(who["meter_id"], METER_ID, "identify: the meter")
    same(who["allowed"], 1 << s.command["IDENTIFY"] | 1 << s.command["INSTALL_KEY"],
         "identify: what a factory ticket allows")
    s.says(c.ask("read_balance"), "read_balance: RIGHT", "RIGHT", "STAGE_AUTHENTICATION")
    s.says(c.change("set_clock"), "a change without its body: FORMAT", "FORMAT", "STAGE_FORMAT")
    wrong, wrong_key = s.office.ticket(0, ALL, meter_id=OTHER_METER)
    try:
        c.greet(wrong, wrong_key)
    except Refused as e:
        same(e.args[0]["reason"], s.result["WRONG_METER"], "another meter's ticket: WRONG_METER")
    c.greet(ticket, key)


def install(s):
    """The account key, repeated; then a session that proves it."""
    c = s.client
    plain = c.plain("install_key", {"envelope": s.office.envelope(1, 0)}, c.new_op())
    first = s.says(c.request(plain), "install_key: OK")
    same(c.request(plain), first, "install_key: the same answer again")
    other = c.plain("install_key", {"envelope": s.office.envelope(1, 0)[:-1]}, first["op_id"])
    s.says(c.request(other), "the id with another body: MISMATCH", "MISMATCH", "STAGE_VALIDATION")
    c.greet(*s.office.ticket(1, ALL, account_no=ACCOUNT, purge_volume_l=40, purge_grant_s=60))
    who = c.ask("identify")["identity"]
    same((who["active_epoch"], who["state"]), (1, s.life["KEYED"]), "the new key is active: KEYED")
    same(read_ctl(s.radio.do(b"R"))["active_epoch"], 1, "CTL shows it")


def purge(s, end):
    """A grant that ends by its volume, or by purge_stop."""
    c = s.client
    s.radio.do(b"F", le(3600, 4))
    start = c.new_op()
    answer = c.request(c.plain("purge_start", {"volume_l": 8, "limit_s": 30}, start,
                               c.ask("identify")["receipt_seq"]))
    s.says(answer, "purge_start: OK")
    # a meter in an emulator may be slower than the clock here: what ends by its volume is waited for
    for _ in range(3 if end == "PURGE_STOPPED" else 25):
        s.radio.do(b"T", le(1000, 4))
        if c.ask("purge_keepalive")["purge"]["end"] != 0:
            break
    stop = s.says(c.change("purge_stop", base=answer["receipt_seq"]), f"{end}: purge_stop is OK")
    same(stop["purge"]["end"], s.schema.enums["PurgeEnd"][end], f"{end}: so it ended")
    receipt = s.schema.decode("Receipt", s.schema.strict("SealedReceipt", stop["receipt"])["body"])
    same(receipt["after"]["purged_l"] - receipt["before"]["purged_l"], stop["purge"]["flowed_l"],
         f"{end}: the litres stand in its receipt")
    if end == "PURGE_VOLUME":
        same(receipt["op_id"], sha256(b"gasm purge end", start)[:16], f"{end}: the derived id")


def commission(s):
    c = s.client
    refused_ = c.change("open_account", {"account_no": ACCOUNT + 1})
    s.says(refused_, "open_account: RIGHT for another number", "RIGHT", "STAGE_VALIDATION")
    s.says(c.change("open_account", {"account_no": ACCOUNT}), "open_account: OK")
    purge(s, "PURGE_STOPPED")
    purge(s, "PURGE_VOLUME")
    bal = s.says(c.change("zero_clear", {"residual_l": 5}), "zero_clear: STATE, another residual",
                 "STATE", "STAGE_VALIDATION")["balance"]
    same(bal["residual_l"], gasm.residual_l(bal["totals"]), "the residual is what the totals say")
    s.says(c.change("zero_clear", {"residual_l": bal["residual_l"]}), "zero_clear: OK")
    s.says(c.change("set_clock", {"utc_s": NOW_S + 40000}), "set_clock: CLOCK after the ticket",
           "CLOCK", "STAGE_VALIDATION")
    s.says(c.change("set_clock", {"utc_s": NOW_S + 300}), "set_clock: OK")
    s.says(c.change("set_parameters", {"parameters": [{"id": 1, "value": 2900},
                                                      {"id": 10, "value": 9}]}),
           "set_parameters: RANGE names the parameter", "RANGE", "STAGE_VALIDATION", 10)
    s.says(c.change("set_parameters", {"parameters": [{"id": 10, "value": 60}]}),
           "set_parameters: OK")
    s.says(c.change("commission"), "commission: OK")
    same(c.ask("identify")["identity"]["state"], s.life["IN_SERVICE"], "IN_SERVICE")


def recharge(s):
    c = s.client
    one = {"account_no": ACCOUNT, "sequence": 1, "purchased_l": 5000, "order_id": sha256(b"1")[:16]}
    body = {"token": s.office.token(**one)}
    first = s.says(c.request(c.plain("recharge", body)), "recharge: OK, by a sealed token")
    same(first["op_id"], gasm.recharge_op(METER_ID, ACCOUNT, 1), "recharge: the derived id")
    receipt = s.schema.decode("Receipt", s.schema.strict("SealedReceipt", first["receipt"])["body"])
    same(receipt["content_hash"], sha256(b"gasm token", gasm.token_numbers(one)),
         "recharge: the content hash")
    two = {"account_no": ACCOUNT, "sequence": 2, "purchased_l": 7500}
    digits = gasm.typed(s.office.keys[1], METER_ID, two)
    wrong = gasm.typed(sha256(b"another key"), METER_ID, two)
    bad = digits[:-1] + str((int(digits[-1]) + 1) % 10)
    s.says(c.request(c.plain("recharge", {"digits": bad})), "recharge: FORMAT, check digit",
           "FORMAT", "STAGE_FORMAT", 2)
    s.says(c.request(c.plain("recharge", {"digits": wrong})), "recharge: PROOF, wrong digits",
           "PROOF", "STAGE_AUTHENTICATION")
    typed = s.says(c.request(c.plain("recharge", {"digits": digits})), "recharge: LOCKED_OUT",
                   "LOCKED_OUT", "STAGE_AUTHENTICATION")
    for _ in range(s.PATIENCE):
        s.radio.do(b"T", le(1000 * typed["balance"]["typed_wait_s"], 4))
        typed = c.request(c.plain("recharge", {"digits": digits}))
        if typed["result"] != s.result["LOCKED_OUT"]:
            break
    s.says(typed, "recharge: OK, by digits")
    same(typed["balance"]["residual_l"], 7500, "recharge: the larger ceiling counts")
    same(c.request(c.plain("recharge", body)), first, "recharge: a token again, its first answer")
    wrong = dict(two, purchased_l=9000)
    s.says(c.request(c.plain("recharge", {"token": s.office.token(**wrong)})),
           "recharge: MISMATCH, a sequence with other ceilings", "MISMATCH", "STAGE_VALIDATION")


def serve(s):
    """The valve, the self-test, and what can be read."""
    c = s.client
    s.radio.do(b"F", le(0, 4))
    s.says(c.change("valve_close"), "valve_close: OK")
    s.radio.do(b"T", le(3000, 4))
    armed = s.says(c.change("valve_arm"), "valve_arm: OK")["supply"]["armed_s"]
    same(armed, 60, "valve_arm: as long as the parameter says")
    s.radio.do(b"B")
    s.radio.do(b"T", le(3000, 4))
    valve = s.schema.enums["ValveState"]
    same(c.ask("read_balance")["balance"]["valve"], valve["VALVE_OPEN"], "the button opens it")
    test = s.says(c.change("self_test"), "self_test: OK, late")["self_test"]
    ok(test["passed"] and test["travel_ms"] > 0 and test["valve"] == valve["VALVE_SHUT"],
       "self_test: passed, the valve is shut")
    for command, kept in (("read_events", 10), ("read_purchases", 2)):
        got, page = entries_of(c, command)
        same([e["no"] for e in got], list(range(page["first_no"], page["last_no"] + 1)),
             f"{command}: page by page")
        ok(len(got) >= kept, f"{command}: {len(got)} entries")
    purchases = entries_of(c, "read_purchases")[0]
    same([(p["sequence"], p["credited_l"]) for p in purchases], [(1, 5000), (2, 2500)],
         "read_purchases: what they credited")
    s.says(c.ask("read_history", {"monthly": True}), "read_history: OK")


def terms_of(s, case, old, new):
    return s.schema.encode("SwapTerms", {"swap_case": case, "old_meter_id": old,
                                         "new_meter_id": new, "cap_l": 300,
                                         "not_after_s": NOW_S + 36000})


def take_over(s):
    """Credit of another meter, certified by what this page says."""
    c, schema, case = s.client, s.schema, sha256(b"another case")[:16]
    terms = terms_of(s, case, OTHER_METER, METER_ID)
    k_swap = gasm.hkdf(s.office.keys[1], b"gasm swap" + terms)
    body = schema.encode("Certificate", {
        "meter_id": OTHER_METER, "account_no": 9, "key_epoch": 1, "swap_case": case,
        "counterpart_id": METER_ID, "residual_l": 420, "totals": {"exported_l": 420}})
    sealed = {"body": body, "mac": b"of another meter",
              "swap_mac": gasm.certificate_mac(k_swap, body)}
    wrong = dict(sealed, swap_mac=gasm.certificate_mac(sha256(k_swap), body))
    c.greet(*s.office.ticket(1, ALL, role=2, swap=terms))
    s.says(c.change("import_credit", {"certificate": schema.encode("SealedCertificate", wrong)}),
           "import_credit: PROOF under another key", "PROOF", "STAGE_VALIDATION")
    certificate = schema.encode("SealedCertificate", sealed)
    balance = s.says(c.change("import_credit", {"certificate": certificate}),
                     "import_credit: OK")["balance"]
    same((balance["residual_l"], balance["totals"]["imported_l"]), (7800, 300),
         "import_credit: up to the cap")
    s.says(c.change("import_credit", {"certificate": certificate}), "import_credit: USED", "USED",
           "STAGE_VALIDATION")


def swap(s):
    """Close the account for another meter; what that one would verify."""
    c, schema = s.client, s.schema
    terms = terms_of(s, sha256(b"case")[:16], METER_ID, OTHER_METER)
    k_swap = gasm.hkdf(sha256(b"the new meter's key"), b"gasm swap" + terms)
    nonce, sealed = gasm.synthetic(s.office.keys[1], b"gasm swap wrap",
                                   gasm.swap_key_ad(METER_ID, 1, terms), k_swap)
    swap_key = schema.encode("SwapKey", {"meter_id": METER_ID, "wrap_epoch": 1, "nonce": nonce,
                                         "sealed": sealed})
    s.says(c.change("close_account", {"swap_key": swap_key}), "close_account: WRONG_METER, as the "
           "terms' new meter", "WRONG_METER", "STAGE_VALIDATION")
    c.greet(*s.office.ticket(1, ALL))
    s.says(c.change("close_account", {"swap_key": swap_key}), "close_account: RIGHT without terms",
           "RIGHT", "STAGE_VALIDATION")
    c.greet(*s.office.ticket(1, ALL, role=2, swap=terms))
    s.says(c.change("close_account", {}), "close_account: FORMAT without key", "FORMAT",
           "STAGE_VALIDATION")
    plain = c.plain("close_account", {"swap_key": swap_key}, c.new_op())
    closed = s.says(c.request(plain), "close_account: OK, late")
    same(c.insist(plain), closed, "close_account: the certificate again")
    sealed = schema.strict("SealedCertificate", closed["closed"]["certificate"])
    cert = schema.strict("Certificate", sealed["body"])
    same(sealed["swap_mac"], gasm.certificate_mac(k_swap, sealed["body"]), "certificate: K_swap")
    same(sealed["mac"], gasm.certificate_mac(gasm.hkdf(s.office.keys[1], b"gasm receipt"),
                                             sealed["body"]), "certificate: receipt key")
    same((cert["residual_l"], cert["counterpart_id"], cert["token_seq"]), (7800, OTHER_METER, 2),
         "certificate: what it says")
    same(cert["totals"]["exported_l"], 7800, "certificate: all of it goes away")


def chain(s, kept):
    got = s.office.receipts(receipts_of(s.client))
    same(len(got), s.client.ask("identify")["receipt_seq"], f"receipts: all {len(got)} verify")
    names = {no: name for name, no in s.command.items()}
    done = [names[r["command"]] for r in got]
    same([name for name in done if name in kept], kept, "receipts: each change once, in order")
    activated = got[done.index("KEY_ACTIVATED")]
    same(activated["op_id"], sha256(b"gasm key activated", METER_ID, le(1, 4))[:16],
         "receipts: the activation's derived id")


def disturbed(s):
    """Fragments of 20 bytes, some lost; the power fails. Everything happens once."""
    c = s.client
    c.ticket = s.office.ticket(0, ALL)
    plains = [("install_key", {"envelope": s.office.envelope(1, 0)})]
    plains = [c.plain(name, body, c.new_op()) for name, body in plains]
    s.says(c.insist(plains[0]), "disturbed: install_key")
    c.session, c.ticket = None, s.office.ticket(1, ALL, account_no=ACCOUNT)
    s.says(c.insist(c.plain("open_account", {"account_no": ACCOUNT}, c.new_op(), 1)),
           "disturbed: open_account")
    for value in range(1, 13):
        plain = c.plain("set_parameters", {"parameters": [{"id": 7, "value": value}]}, c.new_op(),
                        value)
        answer = c.insist(plain)
        if value % 4 == 0:
            s.radio.do(b"Z")
            c.session = None
            same(c.insist(plain), answer, "disturbed: after a power cut the same answer")
    done = False
    while not done:
        try:
            c.insist(c.plain("identify"))
            chain(s, ["INSTALL_KEY", "KEY_ACTIVATED", "OPEN_ACCOUNT"] + ["SET_PARAMETERS"] * 12)
            done = True
        except Refused:
            c.session = None
    ok(s.radio.lost > 20, f"disturbed: {s.radio.lost} fragments were lost")


def check(schema, program):
    s = Story(schema, program, 247)
    for step in (begin, install, commission, recharge, serve, take_over, swap):
        step(s)
    chain(s, ["INSTALL_KEY", "KEY_ACTIVATED", "OPEN_ACCOUNT", "PURGE_START", "PURGE_STOP",
              "PURGE_START", "PURGE_STOP", "ZERO_CLEAR", "SET_CLOCK", "SET_PARAMETERS",
              "COMMISSION", "RECHARGE", "RECHARGE", "VALVE_CLOSE", "VALVE_ARM",
              "SELF_TEST", "IMPORT_CREDIT", "CLOSE_ACCOUNT"])
    s.end()
    s = Story(schema, program, 23, lose=6)
    disturbed(s)
    s.end()
