#!/usr/bin/python3
"""ike_values.py CAPTURE WALK LOG PSK HASH CIPHER KEYS [STATE]

Holds what `skeyid-calc walk --json` says (file WALK) against three others, value by value:
an own computation from the datagrams of CAPTURE (hmac, hashlib, the openssl command for
decryption; Diffie-Hellman's result is from the gateway's log), the fields that tshark shows
(with the keys of STATE), and what the gateway's LOG at level 4 says. PSK is "signatures" where
those prove the identities. KEYS is the lengths of KEYMAT's two parts, as 16+20. Prints how many values were compared; ends with a line for
each that differs, or that nothing was held against, and exit 1.
"""
import collections
import hashlib
import hmac
import json
import re
import subprocess
import sys

capture, walk_file, log_file, psk, hashname, cipher, keys = sys.argv[1:8]
state = sys.argv[8] if len(sys.argv) > 8 else None
H = getattr(hashlib, hashname)
BLOCK = 8 if "des" in cipher else 16
KEY = {"aes-128-cbc": 16, "aes-256-cbc": 32, "des-ede3-cbc": 24}[cipher]
SA, KE, ID, HASH, SIG, NONCE, VID, NATD = 1, 4, 5, 8, 9, 10, 13, 20
QUICK, MAIN, AGGRESSIVE, INFO = 32, 2, 4, 5
problems = []


def digest(*parts):
    return H(b"".join(parts)).digest()


def prf(key, *parts):
    return hmac.new(key, b"".join(parts), H).digest()


def stretch(key, first, rest, n):
    k = out = prf(key, first)
    while len(out) < n:
        k = prf(key, k + rest)
        out += k
    return out[:n]


def decrypt(key, iv, data):
    return subprocess.run(["openssl", "enc", "-d", "-" + cipher, "-K", key.hex(), "-iv", iv.hex(), "-nopad"],
                          input=data, capture_output=True, check=True).stdout


# ---- the gateway's log: label -> set of values

def read_log(path):
    found = collections.defaultdict(set)
    label, left, value = None, 0, b""
    for line in open(path, errors="replace"):
        m = re.search(r"\] (.+?) => (\d+) bytes", line)
        if m:
            label, left, value = m[1].strip(), int(m[2]), b""
            continue
        m = re.search(r"\] +\d+: ((?:[0-9A-F]{2} )+)", line)
        if not m or label is None:
            continue
        value += bytes.fromhex(m[1])
        if len(value) >= left:
            found[label].add(value)
            label = None
    return found


log = read_log(log_file)
log_text = open(log_file, errors="replace").read()


def opened(mid):
    """The gateway took the informational message: not so one that came beside the SA's delete and was overtaken."""
    return f"parsed INFORMATIONAL_V1 request {int.from_bytes(mid, 'big')} [" in log_text


# ---- the walk: frame -> list of values

walk = json.load(open(walk_file))
frames = {m["frame"]: m for m in walk["messages"]}
pending = {n: list(m["values"]) for n, m in frames.items()}
compared = 0


def check(frame, name, value, label=None):
    """One value of that name and frame is this; with a label the log has it too."""
    global compared
    for v in pending[frame]:
        wire = v.get("on the wire", {}).get("value", v.get("value"))
        if v["name"] == name and v.get("value") == value.hex() and (wire == v["value"] or name == "VID"):
            pending[frame].remove(v)
            compared += 1
            break
    else:
        problems.append(f"frame {frame}: no {name} = {value.hex()}")
    if label is not None:
        if value not in log[label]:
            problems.append(f"frame {frame}: {name} = {value.hex()} is not the log's {label}")
        else:
            compared += 1


def chain(kind, data):
    at, out = 0, []
    while kind != 0:
        n = int.from_bytes(data[at + 2:at + 4], "big")
        if n < 4 or at + n > len(data):
            raise SystemExit(f"payloads do not parse: {data.hex()}")
        out.append((kind, data[at + 4:at + n], at, at + n))
        kind, at = data[at], at + n
    return out


def one(log_label):
    if len(log[log_label]) != 1:
        raise SystemExit(f"the log has {len(log[log_label])} of {log_label}")
    return next(iter(log[log_label]))


class Late:
    tail = gxi = gxr = None
    n = 0


p = {}              # phase 1
late = {}
tail = last = None
seen = set()


def nat_d(frame, body, nth, src, dst):
    ip, port = dst if nth == 0 else src
    mine = digest(p["ci"], p["cr"], bytes(map(int, ip.split("."))), int(port).to_bytes(2, "big"))
    if mine == body:
        check(frame, "NAT-D", mine)
        return
    # Of another address: the walk found it among those of state and capture, or says that it cannot.
    for v in pending[frame]:
        if v["name"] != "NAT-D" or v["on the wire"]["value"] != body.hex():
            continue
        pending[frame].remove(v)
        i = v["inputs"]
        if digest(p["ci"], p["cr"], bytes.fromhex(i["IP"]), bytes.fromhex(i["Port"])).hex() != v["value"]:
            problems.append(f"frame {frame}: NAT-D is not that of its inputs")
        if (v["value"] == body.hex()) != (v["on the wire"]["verdict"] == "same"):
            problems.append(f"frame {frame}: the verdict on NAT-D is wrong")
        if v["on the wire"]["verdict"] == "other":
            # What the gateway feigns is no hash of anything: it computed none such.
            if body in log["natd_hash"]:
                problems.append(f"frame {frame}: the log can make NAT-D {body.hex()}")
            print(f"frame {frame}: a feigned NAT-D")
        return
    problems.append(f"frame {frame}: no NAT-D {body.hex()}")


def family(frame):
    gxy = one("shared Diffie Hellman secret")
    ck = p["ci"] + p["cr"]
    p["skeyid"] = (prf(p["ni"] + p["nr"], gxy) if psk == "signatures" else
                   prf(psk.encode(), p["ni"], p["nr"]))
    p["d"] = prf(p["skeyid"], gxy, ck, b"\0")
    p["a"] = prf(p["skeyid"], p["d"], gxy, ck, b"\1")
    p["e"] = prf(p["skeyid"], p["a"], gxy, ck, b"\2")
    p["ka"] = p["e"][:KEY] if len(p["e"]) >= KEY else stretch(p["e"], b"\0", b"", KEY)
    check(frame, "g^xy", gxy)
    for name, key, label in (("SKEYID", "skeyid", "SKEYID"), ("SKEYID_d", "d", "SKEYID_d"),
                             ("SKEYID_a", "a", "SKEYID_a"), ("SKEYID_e", "e", "SKEYID_e"),
                             ("Ka", "ka", "encryption key Ka")):
        check(frame, name, p[key], label)
    if any(v["name"] == "x" for v in pending[frame]):
        check(frame, "g^xi", p["gxi"])  # made of the private value that was given
    pending[frame] = [v for v in pending[frame] if v["name"] not in ("x", "pre-shared-key")]


def keymat(frame, x, spi, way, label):
    n, m = map(int, keys.split("+"))
    seed = (one("DH secret") if x.gxi else b"") + b"\3" + spi + x.ni + x.nr
    k = stretch(p["d"], seed, seed, n + m)
    check(frame, "KEYMAT", k)
    check(frame, "encryption key", k[:n], f"encryption {label} key")
    if m:
        check(frame, "authentication key", k[n:], f"integrity {label} key")


def message(frame, src, dst, data):
    global tail, last
    ci, cr, kind, exchange, flags = data[:8], data[8:16], data[16], data[18], data[19]
    mid, body = data[20:24], data[28:int.from_bytes(data[24:28], "big")]
    phase1 = exchange in (MAIN, AGGRESSIVE)
    initiator = not p or src[0] == p["left"]
    if not p:
        p.update(ci=ci, left=src[0], n=0)
        check(frame, "CKY-I", ci)
    if "cr" not in p and any(cr):
        p["cr"] = cr
        check(frame, "CKY-R", cr)
    x = late.setdefault(mid, Late())
    if phase1:
        p["n"] += 1
    else:
        if x.n == 0:
            x.first = initiator
            check(frame, "M-ID", mid)
        x.n += 1
    plain = body
    if flags & 1:
        if phase1:
            iv = tail or digest(p["gxi"], p["gxr"])[:BLOCK]
            check(frame, "IV", iv, "initial IV" if tail is None else None)
        else:
            iv = x.tail or digest(last, mid)[:BLOCK]
            check(frame, "IV", iv)
        plain = decrypt(p["ka"], iv, body)
        check(frame, "ciphertext", body)
        check(frame, "plaintext", plain)
        check(frame, "last block", body[-BLOCK:])
        if phase1:
            tail = last = body[-BLOCK:]
        else:
            x.tail = body[-BLOCK:]
    payloads = chain(kind, plain)
    nth = 0
    for t, b, start, end in payloads:
        if t == KE:
            name = ("" if phase1 else "(qm)", "i" if (initiator if phase1 else initiator == x.first) else "r")
            check(frame, f"g{name[0]}^x{name[1]}", b)
            if phase1:
                p["gx" + name[1]] = b
            else:
                setattr(x, "gx" + name[1], b)
        elif t == NONCE:
            name = "i" if (initiator if phase1 else initiator == x.first) else "r"
            check(frame, f"N{name}_b", b)
            if phase1:
                p["n" + name] = b
            else:
                setattr(x, "n" + name, b)
        elif t == ID and phase1:
            check(frame, "IDii_b" if initiator else "IDir_b", b)
            p["idi" if initiator else "idr"] = b
        elif t == SA and phase1 and initiator:
            check(frame, "SAi_b", b)
            p["sai"] = b
        elif t == SA and exchange == QUICK:
            check(frame, "payload", b)
            if x.n == 1:
                x.spi_i = b[16:20]
            else:
                x.spi_r = b[16:20]
        elif t in (NATD, 130):
            nat_d(frame, b, nth, src, dst)
            nth += 1
        elif t == VID:
            v = next((v for v in pending[frame] if v["name"] == "VID" and v["on the wire"]["value"] == b.hex()), None)
            if v is None:
                check(frame, "payload", b)
            else:
                want = hashlib.md5(bytes.fromhex(v["inputs"]["text"])).digest()
                n = len(v["value"]) // 2
                if n < 8 or not b.startswith(want[:n]):
                    problems.append(f"frame {frame}: VID {v['of']} is not MD5 of its text")
                check(frame, "VID", want[:n])
        elif t == SIG:
            check(frame, "SIG_I" if initiator else "SIG_R", b)
        elif t != HASH:
            check(frame, "payload", b)
    if "gxi" in p and "gxr" in p and "skeyid" not in p:
        family(frame)
    for t, b, start, end in payloads:
        if t not in (HASH, SIG):
            continue
        rest = plain[end:payloads[-1][3]]
        if phase1 and initiator:
            want = prf(p["skeyid"], p["gxi"], p["gxr"], ci, cr, p["sai"], p["idi"])
            check(frame, "HASH_I", want, "HASH_I")
        elif phase1:
            want = prf(p["skeyid"], p["gxr"], p["gxi"], cr, ci, p["sai"], p["idr"])
            check(frame, "HASH_R", want, "HASH_R")
        elif exchange == QUICK and x.n == 2:
            want = prf(p["a"], mid, x.ni, rest)
            check(frame, "HASH(2)", want, "Hash(2)")
        elif exchange == QUICK and x.n == 3:
            want = prf(p["a"], b"\0", mid, x.ni, x.nr)
            check(frame, "HASH(3)", want, "Hash(3)")
        else:
            want = prf(p["a"], mid, rest)
            label = "Hash(1)" if exchange == QUICK else "Hash"
            check(frame, "HASH(1)", want, label if exchange != INFO or opened(mid) else None)
        if want != b and t == HASH:
            problems.append(f"frame {frame}: the wire has another hash: {b.hex()}")
    if exchange == QUICK and x.n == 2:
        if x.gxi:
            check(frame, "g(qm)^xy", one("DH secret"))
            check(frame, "g(qm)^xi", x.gxi)
            pending[frame] = [v for v in pending[frame] if v["name"] != "x"]
        keymat(frame, x, x.spi_r, "initiator to responder", "initiator")
        keymat(frame, x, x.spi_i, "responder to initiator", "responder")


def tshark(fields, extra=()):
    cmd = ["tshark", "-r", capture, "-Y", "isakmp", "-T", "fields", "-E", "separator=;", *extra]
    for f in fields:
        cmd += ["-e", f]
    out = subprocess.run(cmd, capture_output=True, text=True, check=True).stdout
    return [line.split(";") for line in out.splitlines()]


for number, s, sp, d, dp, payload in tshark(["frame.number", "ip.src", "udp.srcport", "ip.dst", "udp.dstport",
                                            "udp.payload"]):
    data = bytes.fromhex(payload)
    if data[:4] == bytes(4):
        data = data[4:]
    if data in seen:
        continue
    seen.add(data)
    message(int(number), (s, sp), (d, dp), data)

for n, rest in pending.items():
    for v in rest:
        problems.append(f"frame {n}: nothing to hold {v['name']} against: {v}")

# ---- tshark's own reading of the wire, decrypted with the exported tables

if state is not None:
    tables = subprocess.run(["sa-show", "--format", "wireshark", state], capture_output=True, text=True,
                            check=True).stdout.splitlines()
    extra = [a for t in tables for a in ("-o", t)]
    names = {"isakmp.hash": r"HASH", "isakmp.nonce": r"N[ir]_b", "isakmp.key_exchange.data": r"g(\(qm\))?\^x[ir]",
             "isakmp.ike.nat_hash": r"NAT-D", "isakmp.vid_bytes": r"VID|payload"}
    for row in tshark(["frame.number", *names], extra):
        frame = frames[int(row[0])]
        if "again-of" in frame:
            continue
        for name, got in zip(names.values(), row[1:]):
            mine = collections.Counter()
            for v in frame["values"]:
                if re.match(name + "$" if name != "HASH" else name, v["name"]) and \
                        (v["name"] != "payload" or v.get("of") == "VID") and \
                        not (v["name"].endswith(("^xi", "^xr")) and "formula" in v):
                    mine[v.get("on the wire", v)["value"]] += 1
            if mine != collections.Counter(got.replace(":", "").split(",") if got else []):
                problems.append(f"frame {row[0]}: tshark has {got} for {name}, the walk {dict(mine)}")
            compared += sum(mine.values())

print(f"{compared} comparisons")
for line in problems:
    print(line)
sys.exit(1 if problems or compared == 0 else 0)
