"""security_check.py PROGRAM FOLDER certificates|wire|texts|log - head office as a program against those
who may not, and those who send what nobody sends. docs/security.md says what holds. TAP.
"""
import json
import socket
import ssl
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import tap
from office_stand import (Office, certificate, error, get, named, new_key, post, status)
from tap import ok, same

NOBODY = "00000000-0000-7000-8000-000000000000"


def start(program, folder):
    o = Office(program, folder)
    o.well("init")
    o.well("add-staff", "S001", "Rosa Lindqvist", "technician")
    o.well("add-staff", "S002", "Omar Haddad", "supervisor")
    o.serve()
    return o


# ---- certificates ----

def cut_off(o, what, client, port=None, version=None):
    """Not a byte of an answer comes, and nothing is changed."""
    before = o.digest()
    got = o.ask(port or o.main, get("/healthz"), client, version)
    same((got, o.digest() == before), (b"", True), what)


def let_nowhere(o, what, client, word):
    """Over TLS it comes; every route of the staff is shut to it, and nothing is changed."""
    before = o.digest()
    for request in (get("/v1/staff"), post("/v1/sync", b"\6\12\4\10\1\40\0", "application/x-protobuf"),
                    post("/v1/customers", b"{}")):
        got = o.ask(o.main, request, client)
        same((status(got), error(got)), (403, word), f"{what}: {request[:14].decode()}")
    ok(o.digest() == before, f"{what}: nothing is changed")


def in_handshake(o, device, key):
    """Who does not get past the handshake."""
    ca, ca_key = o.ca()
    name = named(device)
    foreign_key = new_key()
    foreign = certificate(ca.subject, foreign_key, None, foreign_key, is_ca=True,
                          usage="key_cert_sign", extended=None)
    between_key = new_key()
    between = certificate(named("between"), between_key, ca, ca_key, is_ca=True,
                          usage="key_cert_sign", extended=None)
    device_pem = open(o.mine, "rb").read()
    mine = x509.load_pem_x509_certificate(device_pem[device_pem.index(b"-----BEGIN CERT"):])
    clients = {
        "no certificate": None,
        "self-signed, with the device's name": o.save(key, certificate(name, key, None, key)),
        "of another CA with the same name": o.save(
            key, certificate(name, key, foreign, foreign_key), foreign),
        "expired": o.save(key, certificate(name, key, ca, ca_key, begins=-9, ends=-1)),
        "not yet valid": o.save(key, certificate(name, key, ca, ca_key, begins=1)),
        "signed by a laptop": o.save(key, certificate(named(NOBODY), key, mine, key), mine),
        "of a CA below ours": o.save(key, certificate(name, key, between, between_key), between),
        "for servers": o.save(key, certificate(name, key, ca, ca_key,
                                               extended=ExtendedKeyUsageOID.SERVER_AUTH)),
        "for signing programs": o.save(key, certificate(name, key, ca, ca_key,
                                                        extended=ExtendedKeyUsageOID.CODE_SIGNING)),
        "whose key may only sign certificates": o.save(
            key, certificate(name, key, ca, ca_key, usage="key_cert_sign")),
        "the CA's own": o.save(ca_key, ca),
        "the server's own": o.save(serialization.load_pem_private_key(o.file("server.key"), None),
                                   o.file("server.pem")),
    }
    for what, client in clients.items():
        cut_off(o, f"a client certificate: {what}", client)


def old_versions(o):
    for port, client in ((o.main, o.mine), (o.public, None)):
        for version in (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2):
            cut_off(o, f"{version.name} on {'main' if client else 'public'}", client, port, version)
        s = o.connect(port, client)
        same((s.version(), s.session is not None and s.session.has_ticket), ("TLSv1.3", False),
             "TLS 1.3, and no session to resume")
        s.close()


def by_name(o, key):
    """Certificates that our CA signed, for names that are no device's."""
    ca, ca_key = o.ca()
    device = o.device
    for what, name, word in (
            ("an unknown device", named(NOBODY), "unknown_device"),
            ("a person's name", named("S002"), "unknown_device"),
            ("a name with more behind it", named(device + " "), "unknown_device"),
            ("a name with a quote", named(device + "' OR 1=1 --"), "unknown_device"),
            ("another name first", named(NOBODY, device), "unknown_device"),
            ("a name with a NUL", named(device + "\0.example"), "certificate"),
            ("the longest name", named("a" * 64), "certificate"),
            ("no name", x509.Name([]), "certificate"),
            ("the name as an organisation's", x509.Name(
                [x509.NameAttribute(NameOID.ORGANIZATION_NAME, device)]), "certificate")):
        let_nowhere(o, what, o.save(key, certificate(name, key, ca, ca_key)), word)
    other, _, client = o.enrol("S002")
    same(status(o.ask(o.main, get("/v1/staff"), client)), 200, "a supervisor is let in")
    o.well("revoke", other)
    let_nowhere(o, "a revoked laptop", client, "revoked")


def certificates(o):
    _, key, _ = o.enrolled
    in_handshake(o, o.device, key)
    old_versions(o)
    by_name(o, key)


# ---- the wire ----

def refused(o, what, request, wants, port=None, client=None):
    """One of these statuses; 0: no answer at all."""
    got = o.ask(port or o.main, request, client or o.mine, only_one=True)
    if status(got) not in wants:
        print(f"# {got[:300]!r}")
    ok(status(got) in wants, f"{what}: {status(got)}")
    return got


def head_of(line, *headers):
    return b"\r\n".join([line, *headers, b"", b""])


HOST = b"Host: a"
CLOSE = b"Connection: close"


def heads(o):
    """Request lines and headers that nobody's program makes."""
    bad = (0, 400, 404, 405, 501, 505)
    for line in (b"GET /healthz", b"PRI * HTTP/2.0", b"CONNECT localhost:1 HTTP/1.1",
                 b"TRACE /healthz HTTP/1.1", b"PROPFIND /healthz HTTP/1.1", b"get /healthz HTTP/1.1",
                 b"GET  HTTP/1.1", b"GET /healthz HTTP/9.9", b"GET /healthz HTTP/1.1 x", b"\0\0\0\0",
                 b"OPTIONS * HTTP/1.1", b"HEAD /healthz HTTP/1.1", b"DELETE /healthz HTTP/1.1"):
        refused(o, f"the line {line.decode(errors='replace')!r}", head_of(line, HOST, CLOSE), bad)
    for target in ("/../healthz", "/%2e%2e/healthz", "//healthz", "/healthz/", "/healthz%00",
                   "/healthz;x", "/./healthz", "/HEALTHZ", "/%68ealthz/..", "\\healthz", "*",
                   "/v1/staff/%2e%2e%2fhealthz", "/v1/staff/a%00b", "/etc/passwd",
                   "/" + "a" * 1020, "/" + "a" * 5000):
        refused(o, f"the path {target[:30]!r}", get(target), (0, 400, 403, 404, 405, 414))
    for headers, what in (
            ((HOST, CLOSE, b"Content-Length: 5", b"Content-Length: 4"), "two lengths"),
            ((HOST, CLOSE, b"Authorization: a", b"Authorization: b"), "two authorizations"),
            ((HOST, CLOSE, b"Content-Length: 99999999999999999999"), "a length without end"),
            ((HOST, CLOSE, b"Content-Length: 0x5"), "a length in hex"),
            ((HOST, CLOSE, b"Content-Length: 5, 5"), "a list of lengths"),
            ((HOST, CLOSE, b"Content-Length: -1"), "a length below zero"),
            ((HOST, CLOSE, b"no colon here"), "a header without a colon"),
            ((HOST, CLOSE) + (b"X: y",) * 5000, "5000 headers"),
            ((HOST, CLOSE, b"X: " + b"y" * 1000000), "a header of a megabyte")):
        refused(o, what, head_of(b"POST /healthz HTTP/1.1", *headers) + b"hello", (0, 400, 413))
    got = o.ask(o.main, head_of(b"HEAD /healthz HTTP/1.1", HOST, CLOSE), o.mine)
    same(got.partition(b"\r\n\r\n")[2], b"", "HEAD is answered a head")
    ok(o.lives(o.mine), "others are answered")


def bodies(o):
    sync, json_kind = "application/x-protobuf", "application/json"
    refused(o, "10^5 brackets", post("/v1/customer/login", b"[" * 100000), (413,), o.public)
    refused(o, "64 KiB of brackets", post("/v1/customer/login", b"[" * 65536), (400,), o.public)
    refused(o, "64 KiB of objects", post("/v1/customer/login", b'{"a":' * 13000), (400,), o.public)
    refused(o, "a body beyond what any path takes", post("/v1/sync", b"x" * (5 << 20), sync), (0, 413))
    refused(o, "a body where none is taken", get("/healthz", b"Content-Length: 1\r\n") + b"x", (413,))
    refused(o, "another type", post("/v1/sync", b"{}", json_kind), (415,))
    for chunks, what in ((b"zz\r\n", "a chunk of zz bytes"), (b"-1\r\n", "a chunk of -1 bytes"),
                         (b"ffffffffffffffff\r\n", "a chunk without end"),
                         (b"5\r\nhello\r\n0\r\nX: " + b"y" * 100000, "a trailer without end")):
        refused(o, what, post("/v1/sync", b"", sync).replace(
            b"Content-Length: 0", b"Transfer-Encoding: chunked") + chunks, (0, 400, 413))
    both = post("/v1/sync", b"5\r\nhello\r\n0\r\n\r\n", sync, b"Transfer-Encoding: chunked\r\n")
    refused(o, "a length and chunks", both, (400,))
    # what is behind a body is the next request, never part of this one
    shorter = post("/v1/sync", b"{}", sync).replace(b"Connection: close\r\n", b"")
    got = o.ask(o.main, shorter + get("/healthz"), o.mine)
    same(got.count(b"HTTP/1.1 "), 2, "two requests in one write are two answers")
    got = o.ask(o.main, shorter.replace(b"Length: 2", b"Length: 1") + get("/healthz"), o.mine)
    ok(got.count(b"HTTP/1.1 200") == 0, "a body longer than it says: what is left is no request")
    s = o.connect(o.main, o.mine)
    s.sendall(post("/v1/sync", b"{}", sync).replace(b"Length: 2", b"Length: 3"))
    ok(o.lives(o.mine), "a body shorter than it says: it waits, others are answered")
    s.close()


def slow(o):
    """Many who never finish, at both doors: others are answered."""
    held = [o.connect(o.main, o.mine) for _ in range(60)] + [o.connect(o.public) for _ in range(60)]
    text = post("/v1/sync", b"x" * 100, "application/x-protobuf")
    for i in range(20):
        for k, s in enumerate(held):
            if k % 3 != 0:
                s.sendall(text[i:i + 1] if k % 3 == 1 else b"\r")
        if i % 5 == 0:
            ok(o.lives(o.mine), f"120 slow ones, byte {i}: others are answered")
    for s in held:
        s.close()


def plain(o):
    for port in (o.main, o.public):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
            s.sendall(get("/healthz"))
            got = b""
            try:
                while more := s.recv(4096):
                    got += more
            except ConnectionError:
                pass
        ok(b"HTTP/1." not in got, "plain HTTP on a port of TLS is answered nothing")


def replays(o):
    before = o.digest()
    first = o.ask(o.public, post("/v1/enrol", o.enrolled_by))
    again = o.ask(o.public, post("/v1/enrol", o.enrolled_by))
    same((status(first), first.split(b"\r\n\r\n")[1]), (200, again.split(b"\r\n\r\n")[1]),
         "an enrolment again: the certificate that there is")
    other = json.loads(o.enrolled_by)
    key = new_key()
    csr = x509.CertificateSigningRequestBuilder().subject_name(named("x")).sign(
        key, hashes.SHA256())
    other["csr_pem"] = csr.public_bytes(serialization.Encoding.PEM).decode()
    got = o.ask(o.public, post("/v1/enrol", json.dumps(other).encode()))
    same((status(got), error(got)), (403, "code_used"), "its code with another key")
    ok(o.digest() == before, "enrolments again: nothing is changed")


def wire(o):
    before = o.digest()
    heads(o)
    bodies(o)
    slow(o)
    plain(o)
    ok(o.digest() == before, "nothing is changed")
    replays(o)


# ---- texts that mean something to databases ----

WORDS = ["'; DROP TABLE staff; --", '"; DELETE FROM meter; --', "Robert'); DROP TABLE device;--", "$1 ?1 :a @b",
         "%_\\", "x' OR '1'='1", "NULL;", "1; ATTACH 'a' AS b", "\\'; --", "/* */ -- #", "é'\"`´", "${HOME} $(id) `id`"]


def seen(o, register, text):
    """Does a register show exactly this?"""
    said = json.loads(o.well("show", register, "--json", "--limit", "200"))
    return any(text == v for row in said for v in row.values())


def texts(o):
    db = o.database()
    schema = o.schema(db)
    for i, word in enumerate(WORDS):
        person, customer, point = f"T{i}", f"C-{i}", f"SP-{i}"
        code, _ = o.run("add-staff", person, "--", word, "technician")
        same((code, seen(o, "staff", word)), (0, True), f"a name: {word}")
        quoted = '"' + word.replace('"', '""') + '"'
        csv = f"customer_no,name,phone,supply_point,address\n{customer},{quoted},,{point},{quoted}\n"
        code, said = o.run("import-customers", "-", stdin=csv)
        same((code, seen(o, "customers", word), seen(o, "supply-points", word)), (0, True, True),
             f"a file: {word}: {said.strip()}")
        before = o.digest()
        for command in (("add-staff", "--", word, "A", "technician"), ("add-staff", "--", "A", "B", word),
                        ("enrol", "--", word), ("revoke", "--", word), ("show", "--", word),
                        ("show", "staff", "--after", word, "--limit", word),
                        ("work-order", "--", word, word, word), ("assign", "--", word, word), ("cancel", "--", word),
                        ("check", "--", word, word), ("due-list", "--", word), ("report", "day", "--", word),
                        ("report", "meter", "--", word), ("setting", "--", word, word), ("label", "--", word)):
            code, said = o.run(*command)
            if not 0 < code < 10:
                ok(False, f"{command}: exit {code}: {said}")
        csv = f"customer_no,name,phone,supply_point,address\n{quoted},A,,SP-9,B\n"
        code, _ = o.run("import-customers", "-", stdin=csv)
        same((code, o.digest() == before), (3, True), f"as a key it is refused everywhere: {word}")
    ok(o.schema(db) == schema, "the tables are as they were")
    db.close()
    same(o.run("audit")[0], 0, "the audit is clean")


# ---- the audit log ----

def log(o):
    db = o.database()
    for i in range(6):
        o.well("add-staff", f"L{i}", "A", "clerk")
    columns = [c for _, c, *_ in db.execute("PRAGMA table_info(audit_log)")]
    rows = db.execute("SELECT * FROM audit_log ORDER BY n").fetchall()
    last = rows[-1][columns.index("n")]
    put = f"INSERT INTO audit_log VALUES ({','.join('?' * len(columns))})"

    def found(what, *statements):
        for sql, values in statements:
            db.execute(sql, values)
        db.commit()
        code, said = o.run("audit")
        same((code, "audit log" in said), (4, True), what)
        db.execute("DELETE FROM audit_log")
        db.executemany(put, rows)
        db.commit()

    same(o.run("audit")[0], 0, "as it is, it is whole")
    for n, what in ((1, "the first"), (last // 2, "one in the middle"), (last, "the last")):
        found(f"{what} removed", ("DELETE FROM audit_log WHERE n = ?", (n,)))
    found("the last three removed", ("DELETE FROM audit_log WHERE n > ?", (last - 3,)))
    found("all removed", ("DELETE FROM audit_log", ()))
    for c in columns:
        if c in ("org_id", "n"):
            continue
        kind = type(rows[2][columns.index(c)])
        change = f"{c} + 1" if kind is int else f"{c} || 'x'" if kind is str else "x'" + "FF" * 32 + "'"
        for n in (1, last // 2, last):
            found(f"{c} of row {n} altered", (f"UPDATE audit_log SET {c} = {change} WHERE n = ?", (n,)))
    n = columns.index("n")
    copy = list(rows[-1])
    copy[n] = last + 1
    found("a copy of the last behind it", (put, copy))
    copy[n] = 0
    found("one before the first", (put, copy))
    found("a gap in the numbers", ("UPDATE audit_log SET n = n + 1 WHERE n = ?", (last,)))
    found("two exchanged", ("UPDATE audit_log SET n = 9999 WHERE n = ?", (last,)),
          ("UPDATE audit_log SET n = ? WHERE n = ?", (last, last - 1)),
          ("UPDATE audit_log SET n = ? WHERE n = 9999", (last - 1,)))
    same(o.run("audit")[0], 0, "put back, it is whole")
    db.close()


def main():
    parts = {"certificates": certificates, "wire": wire, "texts": texts, "log": log}
    if len(sys.argv) != 4 or sys.argv[3] not in parts:
        raise SystemExit(__doc__)
    o = start(sys.argv[1], sys.argv[2])
    try:
        o.enrolled = o.device, _, o.mine = o.enrol("S001")
        parts[sys.argv[3]](o)
        ok(o.lives(o.mine), "and it serves as before")
        same(o.stop(), 0, "and ends well")
    finally:
        o.stop()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
