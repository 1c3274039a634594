"""office_stand.py - a head office as a program, certificates of every kind, and requests made of bytes.
"""
import datetime
import hashlib
import json
import os
import re
import socket
import sqlite3
import ssl
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
QUIET_S = 20        # nothing of ours takes so long; a wait that lasts it is a failure


class Office:
    """gasoffice on a folder of its own. stop() ends it."""

    def __init__(self, program, folder):
        self.program, self.folder = program, os.path.join(folder, "office")
        self.process = None
        self.made = 0

    def run(self, *args, stdin=""):
        """A command: exit status, what it says."""
        done = subprocess.run([self.program, "--dir", self.folder, *args], input=stdin,
                              capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def well(self, *args, stdin=""):
        code, said = self.run(*args, stdin=stdin)
        if code != 0:
            raise SystemExit(f"gasoffice {args}: {code}: {said}")
        return said

    def serve(self):
        self.errors = open(self.folder + ".log", "ab")
        self.process = subprocess.Popen(
            [self.program, "--dir", self.folder, "serve", "--listen", "127.0.0.1:0",
             "--public-listen", "127.0.0.1:0", "--rates", "0"],
            stdout=subprocess.PIPE, stderr=self.errors, text=True)
        words = self.process.stdout.readline().split()
        if not words or words[0] != "ready":
            raise SystemExit("gasoffice serves nothing")
        self.main = int(words[1].rsplit(":", 1)[1])
        self.public = int(words[2].rsplit(":", 1)[1])

    def stop(self):
        """Its exit status; None when it was not there."""
        if self.process is None:
            return None
        self.process.terminate()
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        self.errors.close()
        self.process = None
        return code

    def file(self, name):
        with open(os.path.join(self.folder, name), "rb") as f:
            return f.read()

    def database(self):
        return sqlite3.connect(os.path.join(self.folder, "office.db"), timeout=10)

    def digest(self):
        """Of its schema and every row: what must not change."""
        db = self.database()
        names = [n for n, in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        h = hashlib.sha256(repr(self.schema(db)).encode())
        for name in names:
            for row in sorted(map(repr, db.execute(f'SELECT * FROM "{name}"'))):
                h.update(f"{name} {row}\n".encode())
        db.close()
        return h.hexdigest()

    @staticmethod
    def schema(db):
        return db.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()

    # ---- certificates ----

    def ca(self):
        return (x509.load_pem_x509_certificate(self.file("ca.pem")),
                serialization.load_pem_private_key(self.file("ca.key"), None))

    def save(self, key, *chain):
        """A file with a key and its certificates, for a client to show."""
        self.made += 1
        path = f"{self.folder}.client{self.made}.pem"
        with open(path, "wb") as f:
            f.write(key.private_bytes(serialization.Encoding.PEM,
                                      serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption()))
            for c in chain:
                f.write(c if isinstance(c, bytes)
                        else c.public_bytes(serialization.Encoding.PEM))
        return path

    def enrol(self, staff_no):
        """A laptop of this person: its id, its key, the file that it shows."""
        code = self.well("enrol", staff_no).strip()
        key = new_key()
        csr = x509.CertificateSigningRequestBuilder().subject_name(named("laptop")).sign(
            key, hashes.SHA256())
        pem = csr.public_bytes(serialization.Encoding.PEM).decode()
        body = json.dumps({"code": code, "name": "laptop", "csr_pem": pem}).encode()
        got = self.ask(self.public, post("/v1/enrol", body))
        if status(got) != 200:
            raise SystemExit(f"enrolling: {got}")
        said = json.loads(got.split(b"\r\n\r\n", 1)[1])
        self.enrolled_by = body
        return said["device_id"], key, self.save(key, said["cert_pem"].encode())

    # ---- requests ----

    def connect(self, port, client=None, version=None):
        """A TLS connection that trusts this office's CA. Raises ssl.SSLError, OSError."""
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.load_verify_locations(os.path.join(self.folder, "ca.pem"))
        if client is not None:
            tls.load_cert_chain(client)
        if version is not None:
            tls.set_ciphers("ALL:@SECLEVEL=0")
            tls.minimum_version = tls.maximum_version = version
        raw = socket.create_connection(("127.0.0.1", port), timeout=QUIET_S)
        try:
            return tls.wrap_socket(raw, server_hostname="localhost")
        except BaseException:
            raw.close()
            raise

    def ask(self, port, request, client=None, version=None, only_one=False):
        """Send bytes, read as talk() does. b"" when it answers nothing."""
        try:
            with self.connect(port, client, version) as s:
                return talk(s, request, only_one)
        except (ssl.SSLError, ConnectionError):
            return b""

    def lives(self, client):
        """Does it answer somebody who does nothing wrong?"""
        return (self.process.poll() is None
                and status(self.ask(self.main, get("/healthz"), client)) == 200)


def is_whole(answer):
    """Is it one answer with all of its body? Where it does not say how long that is: its head."""
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\ncontent-length: *(\d+)", head)
    return bool(end) and (length is None or len(body) >= int(length[1]))


def talk(s, request, only_one=False):
    """Until it closes; only_one: or until one answer is here."""
    got = b""
    try:
        s.sendall(request)
    except (ssl.SSLError, ConnectionError):
        pass        # it closed in the middle; what it said before counts
    try:
        while not (only_one and is_whole(got)) and (more := s.recv(65536)):
            got += more
    except (ssl.SSLError, ConnectionError):
        pass
    return got


def status(answer):
    """Of the first answer; 0 when there is none."""
    words = answer.split(b" ", 2)
    return int(words[1]) if len(words) == 3 and words[0].startswith(b"HTTP/1.") else 0


def error(answer):
    """The code that an answer's JSON says; "" when there is none."""
    try:
        return json.loads(answer.split(b"\r\n\r\n", 1)[1])["error"]
    except (IndexError, KeyError, ValueError):
        return ""


def get(path, more=b""):
    return (f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n").encode() + more + b"\r\n"


def post(path, body, kind="application/json", more=b""):
    return (f"POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n").encode() + more + b"\r\n" + body


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def named(*names):
    """A name made of these common names."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n) for n in names])


def certificate(subject, key, issuer, issuer_key, **how):
    """how: begins and ends (days from now), is_ca, usage (one word), extended (None: none)."""
    now = datetime.datetime.utcnow()
    usage = {"digital_signature": False, "content_commitment": False, "key_encipherment": False,
             "data_encipherment": False, "key_agreement": False, "key_cert_sign": False,
             "crl_sign": False, "encipher_only": False, "decipher_only": False}
    usage[how.get("usage", "digital_signature")] = True
    name = issuer.subject if issuer is not None else subject
    b = (x509.CertificateBuilder().subject_name(subject).issuer_name(name)
         .public_key(key.public_key()).serial_number(x509.random_serial_number())
         .not_valid_before(now + DAY * how.get("begins", -1))
         .not_valid_after(now + DAY * how.get("ends", 30))
         .add_extension(x509.BasicConstraints(how.get("is_ca", False), None), critical=True)
         .add_extension(x509.KeyUsage(**usage), critical=True))
    extended = how.get("extended", ExtendedKeyUsageOID.CLIENT_AUTH)
    if extended is not None:
        b = b.add_extension(x509.ExtendedKeyUsage([extended]), critical=False)
    return b.sign(issuer_key, hashes.SHA256())
