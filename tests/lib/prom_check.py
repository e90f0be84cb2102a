#!/usr/bin/python3
"""Holds a file against the text exposition format of Prometheus (version 0.0.4).

    prom_check.py FILE

Each name has one HELP and one TYPE, before its samples; its samples stand together; no series comes
twice; counters end in _total and are not negative; names, labels, escapes and numbers are well formed; the last
line is ended. Prints each sample with its labels sorted; else the first fault and exits 1.
"""
import re, sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)')
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)$")
TYPES = {"counter", "gauge", "histogram", "summary", "untyped"}


def main():
    with open(sys.argv[1], encoding="utf-8", newline="") as f:
        text = f.read()

    def fail(n, what):
        print(f"{sys.argv[1]}:{n}: {what}")
        sys.exit(1)

    if not text.endswith("\n"):
        fail(0, "the last line is not ended")
    helps, types, done, series, last, out = set(), {}, set(), set(), None, []
    for n, line in enumerate(text.split("\n")[:-1], 1):
        m = re.match(rf"# (HELP|TYPE) ({NAME}) (.+)$", line)
        if line.startswith("#") and not m:
            fail(n, f"neither HELP nor TYPE: {line}")
        if m:
            kind, name, rest = m.groups()
            if name in done or name == last:
                fail(n, f"{kind} of {name} behind its samples")
            if kind == "HELP" and (name in helps or helps.add(name)):
                fail(n, f"HELP of {name} comes twice")
            if kind == "TYPE":
                if name in types or rest not in TYPES:
                    fail(n, f"TYPE of {name}: {rest}")
                types[name] = rest
            continue
        m = SAMPLE.match(line)
        if not m:
            fail(n, f"no sample: {line!r}")
        name, labels, value = m.groups()
        if name not in types or name not in helps:
            fail(n, f"{name} without HELP and TYPE")
        if name != last:
            if name in done:
                fail(n, f"samples of {name} are not together")
            done.add(last)
            last = name
        pairs, at = {}, 0
        while labels and at < len(labels):
            m = LABEL.match(labels, at)
            if not m or m.group(1) in pairs:
                fail(n, f"labels: {labels}")
            pairs[m.group(1)] = m.group(2)
            at = m.end()
        key = name + "{" + ",".join(f'{k}="{v}"' for k, v in sorted(pairs.items())) + "}"
        if key in series:
            fail(n, f"{key} comes twice")
        series.add(key)
        number = float(value)
        if types[name] == "counter" and (number < 0 or not name.endswith("_total")):
            fail(n, f"counter {name} {value}")
        out.append(f"{key} {value}")
    if not out:
        fail(0, "no samples")
    print("\n".join(out))


if __name__ == "__main__":
    main()
