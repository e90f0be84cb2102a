#!/usr/bin/python3
"""Holds a CBOR sequence against the schema of SA state.

    cddl_check.py [--schema FILE] [--min N] [STATE...]      (no STATE, or '-': standard input)

Each item must be a `record` of the schema in deterministic encoding (RFC 8949 section 4.2),
within 64 KiB and 8 levels. Prints the first violation as "STATE: record N at OFFSET: PATH: what"
and exits 1; else prints how many records of each type there were. --min: fewer records are
a violation too. An interpreter of the part of CDDL (RFC 8610) that the schema uses; anything
else in the schema is an error, never ignored.
"""
import argparse, os, re, struct, sys

MAX_BYTES, MAX_LEVELS = 65536, 8


class Violation(Exception):
    def __init__(self, path, what, score=0):
        super().__init__(f"{path or 'record'}: {what}")
        self.path, self.what, self.score = path, what, score


# ---- CBOR, deterministic or not at all

class Reader:
    def __init__(self, data, at):
        self.data, self.at, self.start = data, at, at

    def fail(self, what, at):
        raise Violation(f"byte {at - self.start}", what)

    def take(self, n):
        if self.at + n > len(self.data):
            self.fail("truncated", self.at)
        self.at += n
        return self.data[self.at - n:self.at]

    def head(self):
        at = self.at
        first = self.take(1)[0]
        major, low = first >> 5, first & 31
        if low < 24:
            return major, low, low
        if low > 27:
            self.fail("indefinite length or reserved", at)
        n = int.from_bytes(self.take(1 << (low - 24)), "big")
        if major < 7 and n < (24, 1 << 8, 1 << 16, 1 << 32)[low - 24]:
            self.fail("number or length not in its shortest form", at)
        return major, n, low

    def value(self, level=0):
        at = self.at
        major, n, low = self.head()
        if major in (4, 5, 6) and level >= MAX_LEVELS:
            self.fail("nested too deeply", at)
        if major == 0:
            return n
        if major == 1:
            return -1 - n
        if major == 2:
            return bytes(self.take(n))
        if major == 3:
            try:
                return self.take(n).decode("utf-8")
            except UnicodeDecodeError:
                self.fail("text is not UTF-8", at)
        if major == 4:
            return [self.value(level + 1) for _ in range(n)]
        if major == 5:
            out, last = {}, None
            for _ in range(n):
                key_at = self.at
                key = self.value(level + 1)
                raw = self.data[key_at:self.at]
                if last is not None and raw == last:
                    self.fail(f"key {key!r} comes twice", key_at)
                if last is not None and raw < last:
                    self.fail(f"key {key!r} out of order", key_at)
                last = raw
                out[key] = self.value(level + 1)
            return out
        if major == 6:
            return ("tag", n, self.value(level + 1))
        if low in (20, 21):
            return low == 21
        if low in (22, 23):
            return None
        if low in (25, 26, 27):
            return struct.unpack(">" + "efd"[low - 25], self.data[self.at - (1 << (low - 24)):self.at])[0]
        self.fail("simple value", at)


# ---- the schema

TOKEN = re.compile(r"""\s+|;[^\n]*|(?P<str>"[^"]*")|(?P<num>\d+)|(?P<op>=>|[=/{}\[\](),:?*+])|(?P<ctl>\.[a-z]+)
    |(?P<name>[A-Za-z_][A-Za-z0-9_-]*)""", re.X)


class Schema:
    def __init__(self, text):
        self.toks, at = [], 0
        while at < len(text):
            m = TOKEN.match(text, at)
            if not m:
                sys.exit(f"cddl_check: schema: cannot read {text[at:at + 20]!r}")
            at = m.end()
            if m.lastgroup:
                self.toks.append((m.lastgroup, m.group()))
        self.toks.append(("end", ""))
        self.i, self.rules = 0, {}
        while self.toks[self.i][0] != "end":
            name = self.want("name")
            self.want("op", "=")
            self.rules[name] = self.group(")") if self.accept("(") else self.type()

    def peek(self):
        return self.toks[self.i]

    def accept(self, op):
        if self.peek() == ("op", op):
            self.i += 1
            return True
        return False

    def want(self, kind, text=None):
        k, t = self.peek()
        if k != kind or (text is not None and t != text):
            sys.exit(f"cddl_check: schema: {text or kind} expected at {t!r} (token {self.i})")
        self.i += 1
        return t

    def type(self):
        alts = [self.type1()]
        while self.accept("/"):
            alts.append(self.type1())
        return alts[0] if len(alts) == 1 else ("choice", alts)

    def type1(self):
        kind, text = self.peek()
        self.i += 1
        if kind == "str":
            return ("literal", text[1:-1])
        if kind == "num":
            return ("literal", int(text))
        if (kind, text) == ("op", "{"):
            return ("map", self.group("}")[1])
        if (kind, text) == ("op", "["):
            return ("array", self.group("]")[1])
        if kind != "name":
            sys.exit(f"cddl_check: schema: type expected at {text!r}")
        t = ("name", text)
        if self.peek()[0] == "ctl":
            ctl = self.want("ctl")
            if ctl != ".size":
                sys.exit(f"cddl_check: schema: {ctl} is not known here")
            t = ("size", t, int(self.want("num")))
        return t

    def group(self, end):
        entries = []
        while not self.accept(end):
            occur = ""
            for o in "?*+":
                if self.accept(o):
                    occur = o
                    break
            kind, text = self.peek()
            nxt = self.toks[self.i + 1]
            if kind in ("str", "name") and nxt == ("op", ":"):
                self.i += 2
                entries.append((occur, ("literal", text.strip('"')), self.type()))
            else:
                t = self.type()
                if self.accept("=>"):
                    entries.append((occur, t, self.type()))
                else:
                    entries.append((occur, None, t))
            self.accept(",")
        return ("group", entries)

    def flat(self, entries):
        """Entries of a map with the groups that are named in it."""
        for occur, key, t in entries:
            if key is None:
                if t[0] != "name" or self.rules.get(t[1], ("",))[0] != "group":
                    sys.exit(f"cddl_check: schema: no key and no group: {t}")
                yield from self.flat(self.rules[t[1]][1])
            else:
                yield occur, key, t

    PRIMS = {"tstr": str, "text": str, "bytes": bytes, "bstr": bytes, "uint": int, "bool": bool}

    def check(self, t, v, path=""):
        kind = t[0]
        if kind == "literal":
            if type(v) is not type(t[1]) or v != t[1]:
                raise Violation(path, f"{v!r} is not {t[1]!r}")
        elif kind == "choice":
            best = None
            for alt in t[1]:
                try:
                    return self.check(alt, v, path)
                except Violation as e:
                    # What to blame: the alternative whose constants fit best.
                    if best is None or e.score > best.score:
                        best = e
            if best.score == 0 and best.path == path:
                raise Violation(path, f"{v!r} fits no alternative")
            raise best
        elif kind == "size":
            self.check(t[1], v, path)
            fits = len(v) == t[2] if isinstance(v, bytes) else v < 256 ** t[2]
            if not fits:
                raise Violation(path, f"{v!r} is not of size {t[2]}")
        elif kind == "name" and t[1] == "any":
            pass
        elif kind == "name" and t[1] in self.PRIMS:
            want = self.PRIMS[t[1]]
            if not isinstance(v, want) or (want is int and (isinstance(v, bool) or v < 0)):
                raise Violation(path, f"{v!r} is no {t[1]}")
        elif kind == "name":
            if t[1] not in self.rules:
                sys.exit(f"cddl_check: schema: no rule {t[1]}")
            self.check(self.rules[t[1]], v, path)
        elif kind == "array":
            self.check_array(t[1], v, path)
        elif kind == "map":
            self.check_map(t[1], v, path)
        else:
            sys.exit(f"cddl_check: schema: {kind} cannot be checked")

    def check_array(self, entries, v, path):
        if not isinstance(v, list):
            raise Violation(path, f"{v!r} is no array")
        if len(entries) != 1 or entries[0][0] not in "*+":
            sys.exit("cddl_check: schema: only [* type] and [+ type] are known here")
        if entries[0][0] == "+" and not v:
            raise Violation(path, "the array is empty")
        for i, item in enumerate(v):
            self.check(entries[0][2], item, f"{path}[{i}]")

    def check_map(self, entries, v, path):
        if not isinstance(v, dict):
            raise Violation(path, f"{v!r} is no map")
        entries = list(self.flat(entries))
        left = dict(v)
        # How well it fits: constants first, then the names of keys.
        score = sum(100 if t[0] == "literal" and v[k[1]] == t[1] else 1
                    for _, k, t in entries if k[0] == "literal" and k[1] in v)
        try:
            for occur, key, t in entries:
                if key[0] != "literal":
                    continue
                sub = f"{path}.{key[1]}" if path else key[1]
                if key[1] in left:
                    self.check(t, left.pop(key[1]), sub)
                elif occur != "?":
                    raise Violation(sub, "is missing")
            for key in left:
                sub = f"{path}.{key}" if path else str(key)
                wild = [t for o, k, t in entries if k[0] != "literal" and o == "*" and self.fits(k, key)]
                if not wild:
                    raise Violation(sub, "is no key of this map")
                self.check(wild[0], left[key], sub)
        except Violation as e:
            raise Violation(e.path, e.what, max(e.score, score)) from None

    def fits(self, t, v):
        try:
            self.check(t, v)
        except Violation:
            return False
        return True


def check_stream(schema, data, name, counts):
    at = n = 0
    while at < len(data):
        n += 1
        r = Reader(data, at)
        try:
            v = r.value()
            if r.at - at > MAX_BYTES:
                raise Violation("", f"larger than {MAX_BYTES} bytes")
            schema.check(("name", "record"), v)
        except Violation as e:
            print(f"{name}: record {n} at {at}: {e}")
            return 1
        counts[v["type"]] = counts.get(v["type"], 0) + 1
        at = r.at
    return 0


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--schema", default=os.path.join(here, "../../libcommon/sa/sa-state.cddl"))
    p.add_argument("--min", type=int, default=0)
    p.add_argument("state", nargs="*", default=["-"])
    o = p.parse_args()
    with open(o.schema, encoding="utf-8") as f:
        schema = Schema(f.read())
    counts = {}
    for name in o.state:
        if name == "-":
            data = sys.stdin.buffer.read()
        else:
            with open(name, "rb") as f:
                data = f.read()
        if check_stream(schema, data, name, counts):
            return 1
    if sum(counts.values()) < o.min:
        print(f"{sum(counts.values())} records, at least {o.min} wanted")
        return 1
    print(", ".join(f"{n} {t}" for t, n in sorted(counts.items())) or "no records")
    return 0


if __name__ == "__main__":
    sys.exit(main())
