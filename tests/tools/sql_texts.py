#!/usr/bin/env python3
"""The statements that stand in C sources, and which of them a PostgreSQL server has run.

sql_texts.py texts FILE...           one a line: FILE:LINE, a tab, the statement with $N for ?N
sql_texts.py prepare FILE...         SQL that prepares each
sql_texts.py unseen LOG FILE...      those that a server's log (log_statement=all) does not hold
"""
import re
import sys

TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|"((?:[^"\\\n]|\\.)*)"|' r"'(?:[^'\\\n]|\\.)*'" r'|[A-Za-z_]\w*|\S|\n', re.S)
DEFINE = re.compile(r'^#define\s+(\w+)\s+((?:[^\n\\]|\\\n)*"(?:[^\n\\]|\\.|\\\n)*)$', re.M)
STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\s")


def literal(text):
    return text.replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\")


def macros_of(source):
    """Macros that are texts, with what they are made of put in."""
    found = {}
    for name, body in DEFINE.findall(source):
        parts = [m for m in TOKEN.finditer(body.replace("\\\n", " ")) if m.group(0) != "\n"]
        if all(m.group(1) is not None or m.group(0) in found for m in parts):
            found[name] = "".join(
                literal(m.group(1)) if m.group(1) is not None else found[m.group(0)] for m in parts)
    return found


def texts_of(path):
    source = open(path, encoding="utf-8").read()
    macros = macros_of(source)
    for header in re.findall(r'#include "(backend/[^"]+)"', source):
        macros.update(macros_of(open(header, encoding="utf-8").read()))
    code = re.sub(r"^#(?:[^\n\\]|\\.|\\\n)*", lambda m: "\n" * m.group(0).count("\n"), source,
                  flags=re.M)
    line, at, text = 1, 0, None
    for m in TOKEN.finditer(code + ";"):
        token = m.group(0)
        if m.group(1) is not None or token in macros:
            if text is None:
                text, at = "", line
            text += literal(m.group(1)) if m.group(1) is not None else macros[token]
        elif not token.isspace() and not token.startswith(("/*", "//")):
            is_part = re.match(r"[A-Za-z_]", token)  # a macro that makes text goes on with it
            if text is not None and STATEMENT.match(text) and not is_part:
                yield at, text
            text = None
        line += token.count("\n")


def dollars(text):
    parts = re.split(r"('[^']*')", text)
    parts[::2] = [re.sub(r"\?(\d+)", r"$\1", p) for p in parts[::2]]
    return re.sub(r"\s+", " ", "".join(parts)).strip()


def all_texts(paths):
    for path in paths:
        for line, text in texts_of(path):
            yield f"{path}:{line}", dollars(text)


def main(argv):
    if argv[0] == "texts":
        for place, text in all_texts(argv[1:]):
            print(f"{place}\t{text}")
    elif argv[0] == "prepare":
        for n, (place, text) in enumerate(all_texts(argv[1:])):
            print(f"\\echo {place}\nPREPARE s{n} AS {text};")
    else:
        # a statement may stand behind a cursor's DECLARE, over several lines
        log = re.sub(r"\s+", " ", open(argv[1], encoding="utf-8", errors="replace").read())
        for place, text in all_texts(argv[2:]):
            if text not in log:
                print(f"{place}\t{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
