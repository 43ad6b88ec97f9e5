#!/usr/bin/env python3
"""Hold package evtx against other readers of Windows event logs.

    go build -o /tmp/dump ./conformance/evtx/dump
    python3 conformance/evtx/compare.py --dump /tmp/dump FOLDER

FOLDER holds .evtx files. The other readers are used where they are installed:

    evtx_dump    the Rust crate evtx (cargo install evtx), JSON and XML
    pyevtx       libevtx (pip install libevtx-python), XML
    Evtx         python-evtx (pip install python-evtx), XML

evtx_dump can also be held against a log of every type of value:

    go test ./internal/security/evtx -run TestWrite -write FOLDER
    python3 conformance/evtx/compare.py --dump /tmp/dump --only evtx_dump FOLDER

Every record of every file is compared, every field of it, in order, by name,
value and (against JSON) type. XML is flattened here, by code that shares
nothing with the package. A difference that RULES explain is counted under the
rule's name; any other one is printed, and makes the exit status 1.
"""

import argparse
import base64
import json
import pathlib
import re
import subprocess
import sys
import xml.parsers.expat
from collections import Counter

# What XML 1.0 does not allow. Some readers write it all the same.
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def flatten_xml(text):
    """Return the fields of an XML document as [[name, value], ...]."""
    root, stack = [], []

    def start(name, attrs):
        stack.append({"name": name, "attrs": attrs, "items": []})

    def data(s):
        items = stack[-1]["items"]
        if items and isinstance(items[-1], str):
            items[-1] += s
        else:
            items.append(s)

    def end(_):
        el = stack.pop()
        if stack:
            stack[-1]["items"].append(el)
        else:
            root.append(el)

    p = xml.parsers.expat.ParserCreate()
    p.ordered_attributes = True
    p.buffer_text = True
    p.StartElementHandler, p.CharacterDataHandler, p.EndElementHandler = start, data, end
    p.Parse(FORBIDDEN.sub("\ufffd", text), True)
    out = []

    def emit(el, parent):
        attrs = list(zip(el["attrs"][::2], el["attrs"][1::2]))
        key, named = el["name"], None
        if key == "Data":
            named = next((v for k, v in attrs if k == "Name"), None)
        if named:
            key = named
        path = f"{parent}.{key}" if parent else key
        before = len(out)
        for k, v in attrs:
            if not (named and k == "Name"):
                out.append([f"{path}.#attributes.{k}", v])
        nested = any(not isinstance(i, str) for i in el["items"])
        for i in el["items"]:
            if not isinstance(i, str):
                emit(i, path)
            elif not nested or i.strip(" \t\r\n"):
                out.append([path, i])
        if len(out) == before:
            out.append([path, ""])

    emit(root[0], "")
    return out


def flatten_json(value):
    """Return the fields of evtx_dump's JSON as [[name, value, kind], ...]."""
    out = []

    def emit(path, v):
        if isinstance(v, dict):
            if not v:
                out.append([path, "", "null"])
            for k, x in v.items():
                # The text of an element stands under the element itself.
                emit(path if k == "#text" else f"{path}.{k}" if path else k, x)
        elif isinstance(v, list):
            for x in v:
                emit(path, x)
        elif isinstance(v, bool):
            out.append([path, "true" if v else "false", "bool"])
        elif v is None:
            out.append([path, "", "null"])
        elif isinstance(v, str):
            out.append([path, v, "string"])
        else:
            out.append([path, v.text if isinstance(v, Literal) else str(v), "number"])

    emit("", value)
    return out


class Literal:
    """A number of JSON as it is written."""

    def __init__(self, text):
        self.text = text


def ours(dump, file):
    text = subprocess.run([dump, "-xml", file], check=True, capture_output=True).stdout.decode()
    lines = [json.loads(l) for l in text.split("\n") if l]
    return lines[:-1], lines[-1]["stats"]


def rust_json(file):
    text = subprocess.run(["evtx_dump", "-t", "1", "-o", "jsonl", file], check=True, capture_output=True).stdout.decode()
    return [flatten_json(json.loads(l, parse_int=Literal, parse_float=Literal)) for l in text.split("\n") if l]


def rust_xml(file):
    text = subprocess.run(["evtx_dump", "-t", "1", "-o", "xml", file], check=True, capture_output=True).stdout.decode()
    parts = re.split(r"^Record \d+\n<\?xml [^>]*\?>\n", text, flags=re.M)
    return [flatten_xml(p.strip()) for p in parts[1:]]


def libevtx(file):
    import pyevtx

    f = pyevtx.file()
    f.open(file)
    return [flatten_xml(f.get_record(i).get_xml_string().rstrip("\0")) for i in range(f.get_number_of_records())]


def python_evtx(file):
    from Evtx.Evtx import Evtx

    def items(fields):
        # An array of strings is written as escaped elements in one text.
        for name, value in fields:
            array = re.fullmatch(r"(?:<string>.*</string>\n)+", value, re.S)
            yield from ([name, v] for v in re.findall(r"<string>(.*?)</string>\n", value, re.S)) if array else [[name, value]]

    with Evtx(file) as log:
        return [list(items(flatten_xml(r.xml()))) for r in log.records()]


def available(name):
    try:
        if name.startswith("evtx_dump"):
            subprocess.run(["evtx_dump", "--version"], check=True, capture_output=True)
        else:
            __import__(name)
    except (ImportError, OSError):
        return False
    return True


READERS = [
    ("evtx_dump json", "evtx_dump", rust_json),
    ("evtx_dump xml", "evtx_dump", rust_xml),
    ("libevtx xml", "pyevtx", libevtx),
    ("python-evtx xml", "Evtx", python_evtx),
]

def rule_time(a, b):
    """Another number of decimals, or microseconds out of floating point, which
    python-evtx gets wrong by up to three."""
    pattern = r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|\+00:00)"
    x, y = (re.fullmatch(pattern, f[1]) if f else None for f in (a, b))
    if not x or not y or x.group(1, 2) != y.group(1, 2):
        return False
    ticks = [float("0." + (m.group(3) or "0")) for m in (x, y)]
    return abs(ticks[0] - ticks[1]) <= 3e-6


def rule_hex(a, b):
    """Zeros in front of a hexadecimal integer."""
    if not a or not b or not all(re.fullmatch(r"0x[0-9a-f]+", f[1]) for f in (a, b)):
        return False
    return int(a[1], 16) == int(b[1], 16)


def rule_guid(a, b):
    """GUIDs in capitals."""
    guid = r"\{[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}"
    return bool(a and b and re.fullmatch(guid, b[1]) and a[1] == b[1].lower())


def rule_lines(a, b):
    """Carriage returns that are not escaped, which every XML parser drops, and
    characters that XML does not allow: evtx_dump writes _ for them, python-evtx
    nothing."""
    return bool(a and b) and (unlined(a[1]) == unlined(b[1]) or b[1] in (FORBIDDEN.sub("_", a[1]), FORBIDDEN.sub("", a[1])))


def unlined(s):
    return FORBIDDEN.sub("\ufffd", s.replace("\r\n", "\n").replace("\r", "\n"))


def rule_empty(a, b):
    """JSON null for a string of no characters, which we tell from null."""
    return bool(a and b and a[1] == b[1] == "" and (a[2], b[2]) == ("string", "null"))


def rule_omitted(a, b):
    """An attribute or element whose optional value is null is left out by
    Windows and by us, and written empty there. Where it was the only attribute
    we have the element itself as a null field."""
    return a is None and b[1] == "" or b is None and a[1:] == ["", "null"]


def rule_bool(a, b):
    """Truth values in the notation of Python."""
    return bool(a and b) and (a[1], b[1]) in (("true", "True"), ("false", "False"))


def rule_base64(a, b):
    """Binary data in base64, where Windows has hexadecimal digits."""
    try:
        return bool(a and b) and base64.b64decode(b[1], validate=True).hex().upper() == a[1]
    except ValueError:
        return False


def rule_real(a, b):
    """Floating point numbers as JSON strings."""
    return bool(a and b) and a[1] == b[1] and (a[2], b[2]) == ("number", "string")


def rule_array(a, b):
    """Repeated elements, which evtx_dump's JSON calls V, V_1, V_2 …, and what it
    leaves out: a Data without a name beside others with one, and other
    attributes of a Data with a name. Its XML has them all."""
    if b is None:
        return a[0].endswith((".V", ".Data")) or ".EventData." in a[0] and ".#attributes." in a[0]
    return a is None and bool(re.search(r"\.V_\d+$", b[0]))


RULES = [
    ("real", ["json"], rule_real),
    ("shape of JSON", ["json"], rule_array),
    ("base64", ["python-evtx"], rule_base64),
    ("bool", ["python-evtx"], rule_bool),
    ("time", ["xml", "json"], rule_time),
    ("hexadecimal", ["libevtx", "python-evtx"], rule_hex),
    ("GUID", ["libevtx"], rule_guid),
    ("characters of XML", ["xml"], rule_lines),
    ("empty string", ["json"], rule_empty),
    ("omitted", ["python-evtx"], rule_omitted),
]


def explain(reader, a, b):
    """Return the name of the rule that explains why field a of ours is b there."""
    for name, readers, rule in RULES:
        if any(r in reader for r in readers) and rule(a, b):
            return name
    return None


def align(a, b):
    """Yield (our field or None, their field or None) in order, by name."""
    i = j = 0
    while i < len(a) or j < len(b):
        if i < len(a) and j < len(b) and a[i][0] == b[j][0]:
            yield a[i], b[j]
            i, j = i + 1, j + 1
        elif i < len(a) and (j == len(b) or a[i][0] not in [x[0] for x in b[j:]]):
            yield a[i], None
            i += 1
        else:
            yield None, b[j]
            j += 1


def compare(reader, record, theirs, counts, shown):
    for a, b in align(record["fields"], theirs):
        counts["fields"] += 1
        if a and b and a[: len(b)] == b:
            counts["equal"] += 1
            continue
        rule = explain(reader, a, b)
        if rule:
            counts["explained: " + rule] += 1
            continue
        counts["UNEXPLAINED"] += 1
        shown[reader, (a or b)[0]] += 1
        if shown[reader, (a or b)[0]] <= 3:
            print(f"{reader}: {record['file']} record {record['record']}: ours {a!r}, theirs {b!r}")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--dump", required=True, help="the built conformance/evtx/dump")
    p.add_argument("--only", help="the one other reader to compare with, such as evtx_dump")
    p.add_argument("folder", type=pathlib.Path)
    args = p.parse_args()
    files = sorted(str(f) for f in args.folder.rglob("*.evtx"))
    readers = [r for r in READERS if args.only in (None, r[1]) and available(r[1])]
    counts = {r[0]: Counter() for r in readers}
    own, shown, total, bad = Counter(), Counter(), 0, False
    for file in files:
        records, stats = ours(args.dump, file)
        total += len(records)
        own["faults"] += stats["FaultCount"]
        for r in records:
            # Our XML, flattened here, must give our fields.
            compare("our own xml", r, flatten_xml(r["xml"]), own, shown)
        for name, _, read in readers:
            theirs = read(file)
            counts[name]["records"] += len(theirs)
            if len(theirs) != len(records):
                bad = True
                print(f"{name}: {file}: ours {len(records)} records, theirs {len(theirs)}")
                continue
            for r, t in zip(records, theirs):
                compare(name, r, t, counts[name], shown)
    print(f"{len(files)} files, {total} records")
    for name, c in [("our own xml", own), *counts.items()]:
        bad = bad or c["UNEXPLAINED"] > 0
        print(name + ": " + ", ".join(f"{n} {k}" for k, n in c.items()))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
