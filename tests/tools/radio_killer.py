#!/usr/bin/env python3
"""radio_killer.py DATABASE PID STEP - kill process PID when the laptop has planned STEP and no answer is stored yet.

The database is read, never written. Prints "STEP OPERATION-ID in flight" (or "answered", when the answer was faster than the
signal). Exit status 1 when the step was not planned within a minute.
"""
import os
import signal
import sqlite3
import sys
import time

LAST = "SELECT hex(op_id), state FROM steps WHERE step = ? ORDER BY attempt DESC LIMIT 1"


def last(db, step):
    try:
        return db.execute(LAST, (step,)).fetchone()
    except sqlite3.OperationalError:    # it is being opened
        return None


def main():
    path, pid, step = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        row = last(db, step)
        if row is not None:
            os.kill(pid, signal.SIGKILL)
            row = last(db, step)
            print(step, row[0], "in flight" if row[1] == 1 else "answered")
            return 0
    print(f"{step} was not planned")
    return 1


sys.exit(main())
