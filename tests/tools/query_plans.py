#!/usr/bin/python3
"""query_plans.py DATABASE - how SQLite runs each statement of backend/: TAP.

DATABASE is an empty office's. A statement that reads a whole table, or all rows of an organisation, or sorts what it
found, is named unless tests/query-plans has it: FILE | what its text holds | FINDING | why that is right. Findings:
whole (the outermost table is read whole), inner (one is, for each row of another), sort (a temporary tree). Lines there
that fit nothing any more are named too. FILE may end in *, and an empty text is any statement of the file.
"""
import fnmatch
import glob
import pathlib
import re
import sqlite3
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import sql_texts  # noqa: E402

OTHERS = ("backend/odb_",)  # texts of other engines, of other databases, and pieces


def findings_of(db, text):
    numbers = [int(n) for n in re.findall(r"\?(\d+)", text)]
    found, tables = set(), 0
    for _, _, _, detail in db.execute("EXPLAIN QUERY PLAN " + text, [None] * max(numbers, default=0)):
        if detail.startswith(("SEARCH", "SCAN")) and detail != "SCAN CONSTANT ROW":
            if detail.startswith("SCAN") or detail.endswith("(org_id=?)"):
                found.add("inner" if tables else "whole")
            tables += 1
        if "TEMP B-TREE" in detail:
            found.add("sort")
    return found


def main(argv):
    db = sqlite3.connect(argv[0])
    allowed = [[part.strip() for part in line.split(" | ")]
               for line in pathlib.Path("tests/query-plans").read_text(encoding="utf-8").splitlines()
               if line and not line.startswith("#")]
    used, wrong, n = set(), [], 0
    for path in sorted(glob.glob("backend/*.c")):
        if path.startswith(OTHERS):
            continue
        for line, text in sql_texts.texts_of(path):
            n += 1
            for finding in sorted(findings_of(db, text)):
                fits = [i for i, (file, part, what, _) in enumerate(allowed)
                        if fnmatch.fnmatch(path, file) and part in text and what == finding]
                used.update(fits)
                if not fits:
                    wrong.append(f"{path}:{line}: {finding}: {' '.join(text.split())[:90]}")
    print("1..3")
    print(f"{'ok' if n > 300 else 'not ok'} 1 - {n} statements were found")
    print(f"{'not ok' if wrong else 'ok'} 2 - no other statement reads a whole table, or sorts")
    for text in wrong:
        print(f"# {text}")
    unused = [" | ".join(line[:3]) for i, line in enumerate(allowed) if i not in used]
    print(f"{'not ok' if unused else 'ok'} 3 - each exception is one")
    for text in unused:
        print(f"# {text}")
    return 1 if wrong or unused or n <= 300 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
