"""tap.py - TAP for tests in Python. STOP=1 in the environment ends a test at its first failure."""
import os
import sys

from gasm import Refused

count = bad = 0


def ok(good, name, detail=""):
    global count, bad
    count += 1
    bad += not good
    if detail and not good:
        print(f"# {detail}")
    print(f"{'ok' if good else 'not ok'} {count} - {name}", flush=True)
    if bad and "STOP" in os.environ:
        sys.exit(done())


def same(got, want, name):
    if got != want:
        for word, v in (("got", got), ("not", want)):
            print(f"# {word} {v.hex() if isinstance(v, bytes) else v}")
    ok(got == want, name)


def refused(name, do, *args):
    try:
        do(*args)
    except Refused:
        ok(True, name)
    else:
        ok(False, name)


def done():
    """The plan; what the program ends with."""
    print(f"1..{count}")
    return 1 if bad else 0
