#!/usr/bin/python3
"""SA state without a negotiation, for tests: both ends of an SA as mirror images.

    sa_make.py child [OPTION]... LEFT RIGHT      two child-sa files (0600); '-' for stdout, 'none' for nothing
    sa_make.py ike   [OPTION]... LEFT RIGHT      two ike-sa files
    sa_make.py pair  [OPTION]... LEFT RIGHT      both: the ike-sa first
    sa_make.py delete [--ike HEX] [--spi-in N] [--spi-out N] [--protocol esp|ah] [--reason TEXT] FILE
    sa_make.py batch                             a line of such arguments each on standard input
    sa_make.py binding NET [--nbma ADDR] [--nat-nbma ADDR] [--via ADDR] [--kind WORD] [--holding SECONDS] FILE
    sa_make.py event --what WORD [--text TEXT] [--spi-in N] [--remote ADDR:PORT] FILE

LEFT's spi-in is RIGHT's spi-out, and so on. Options say how it is seen from LEFT.
With --seed the keys and SPIs are a function of the seed, without it they are random. Any
top-level key of the records can be set, or (with no value) taken out: --set replay=64,
--set 'lifetime={"seconds": 5, "expires": 1}', --right-set use=in, --set name. As a
module: make_child(args), make_ike(args), mirror(), encode(), defaults(). Needs python3-cbor2.
"""
import argparse, functools, hashlib, ipaddress, json, os, secrets, shlex, sys, time
import cbor2

ENC = {  # word: (name, key-bits or None, bytes of key, bytes of salt); a sum is what "enc-in" holds
    "aes128": ("aes-cbc", 128, 16, 0), "aes192": ("aes-cbc", 192, 24, 0), "aes256": ("aes-cbc", 256, 32, 0),
    "3des": ("3des-cbc", None, 24, 0), "des": ("des-cbc", None, 8, 0), "null": ("null", None, 0, 0),
    "chacha20poly1305": ("chacha20-poly1305", None, 32, 4),
}
for _bits in (128, 192, 256):
    ENC[f"aes{_bits}ctr"] = ("aes-ctr", _bits, _bits // 8, 4)
    for _icv in (8, 12, 16):
        ENC[f"aes{_bits}gcm{_icv}"] = (f"aes-gcm-{_icv}", _bits, _bits // 8, 4)
INTEG = {  # word: (name, bytes of key)
    "md5": ("hmac-md5-96", 16), "sha1": ("hmac-sha1-96", 20), "sha256": ("hmac-sha2-256-128", 32),
    "sha256_96": ("hmac-sha2-256-96", 32), "sha384": ("hmac-sha2-384-192", 48),
    "sha512": ("hmac-sha2-512-256", 64), "aesxcbc": ("aes-xcbc-96", 16),
}
HASH_LEN = {"md5": 16, "sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}


class Bytes:
    """Random bytes, or those that a seed gives: the same for the same label."""

    def __init__(self, seed):
        self.seed = seed

    def get(self, label, n):
        if self.seed is None:
            return secrets.token_bytes(n)
        return hashlib.shake_256(f"{self.seed}/{label}".encode()).digest(n)


def encode(record):
    return cbor2.dumps(record, canonical=True)


def address(text, port):
    """'192.0.2.1', '192.0.2.1:500', '2001:db8::1', '[2001:db8::1]:4500' as an endpoint."""
    host = text
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = int(rest[1:]) if rest else port
    elif text.count(":") == 1:
        host, _, rest = text.partition(":")
        port = int(rest)
    ipaddress.ip_address(host.partition("%")[0])
    return {"address": host, "port": port}


def identity(text):
    if text.startswith("keyid:"):
        return {"type": "key-id", "value": text[6:]}
    if "@" in text:
        return {"type": "user-fqdn", "value": text}
    try:
        return {"type": f"ipv{ipaddress.ip_address(text).version}", "value": text}
    except ValueError:
        return {"type": "fqdn", "value": text}


def selector(text):
    """NET[,PROTOCOL[,PORT[-END]]], NET as CIDR or FIRST-LAST."""
    net, *more = text.split(",")
    out = {"net": net}
    if more:
        out["protocol"] = int(more[0])
    if len(more) > 1:
        first, _, last = more[1].partition("-")
        out["port"] = int(first)
        if last:
            out["port-end"] = int(last)
    return out


def proposal(text, ah):
    """What the words say: (proposal map, bytes of encryption key with salt, bytes of integrity key)."""
    p, enc, auth = {"esn": False}, 0, 0
    for word in text.split("-"):
        if word in ENC and not ah:
            name, bits, key, salt = ENC[word]
            p["encryption"] = name
            if bits:
                p["key-bits"] = bits
            enc = key + salt
        elif word in INTEG:
            p["integrity"], auth = INTEG[word]
        elif word == "esn":
            p["esn"] = True
        elif word.startswith(("modp", "ecp", "curve")):
            p["group"] = word
        else:
            sys.exit(f"sa_make: {word}: unknown in a proposal")
    return p, enc, auth


def ends(o, port):
    left, right = address(o.local, port), address(o.remote, port)
    if o.local_id:
        left["id"] = identity(o.local_id)
    if o.remote_id:
        right["id"] = identity(o.remote_id)
    return left, right


def cookies(o, rnd):
    if o.ike:
        return bytes.fromhex(o.ike)
    return rnd.get("cookies", 16)


def number(text):
    return int(text, 0)


def spi(given, rnd, label):
    # Never one of the reserved, 0 to 255.
    return given if given is not None else int.from_bytes(rnd.get(label, 4), "big") | 0x40000000


def make_child(o):
    """The child-sa record of LEFT."""
    rnd = Bytes(o.seed)
    p, enc, auth = proposal(o.ah or o.esp, bool(o.ah))
    left, right = ends(o, 4500 if o.encap in ("udp", "tcp") else 500)
    keys = {}
    for way in ("in", "out"):
        for kind, n in (("enc", enc), ("auth", auth)):
            given = getattr(o, f"{kind}_{way}")
            if given is not None or n:
                keys[f"{kind}-{way}"] = bytes.fromhex(given) if given is not None else rnd.get(f"{kind}-{way}", n)
    established = o.established if o.established is not None else int(time.time())
    lifetime = {"seconds": o.lifetime, "expires": established + o.lifetime}
    if o.kilobytes:
        lifetime["kilobytes"] = o.kilobytes
    r = {
        "type": "child-sa", "format": 1, "ike": cookies(o, rnd), "initiator": True, "use": o.use,
        "protocol": "ah" if o.ah else "esp", "mode": o.mode,
        "spi-in": spi(o.spi_in, rnd, "spi-in"), "spi-out": spi(o.spi_out, rnd, "spi-out"),
        "local": left, "remote": right, "encap": o.encap, "proposal": p, "keys": keys,
        "local-ts": [selector(t) for t in o.local_ts or ["10.1.0.0/24"]],
        "remote-ts": [selector(t) for t in o.remote_ts or ["10.2.0.0/24"]],
        "established": established, "lifetime": lifetime,
    }
    if o.name:
        r["name"] = o.name
    if o.replaces is not None:
        r["replaces"] = o.replaces
    if o.replay is not None:
        r["replay"] = o.replay
    return r


def make_ike(o):
    """The ike-sa record (version 1) of LEFT, the initiator."""
    rnd = Bytes(o.seed)
    enc, hsh, group = o.ike_proposal.split("-")
    name, bits, key, _ = ENC[enc]
    left, right = ends(o, 4500 if o.encap == "udp" else 500)
    n = HASH_LEN[hsh]
    c = cookies(o, rnd)
    p = {"encryption": name, "hash": hsh, "group": group}
    if bits:
        p["key-bits"] = bits
    established = o.established if o.established is not None else int(time.time())
    float_ = o.encap == "udp"
    r = {
        "type": "ike-sa", "format": 1, "version": 1, "spi-i": c[:8], "spi-r": c[8:], "role": "initiator",
        "auth": "psk", "exchange": "main", "local": left, "remote": right, "proposal": p,
        "natt": {"version": "rfc3947" if float_ else "none", "marker": "non-esp" if float_ else "none",
                 "local-nat": float_, "remote-nat": False, "forced": False},
        "keys": {"skeyid": rnd.get("skeyid", n), "skeyid-d": rnd.get("skeyid-d", n),
                 "skeyid-a": rnd.get("skeyid-a", n), "skeyid-e": rnd.get("skeyid-e", n),
                 "cipher": rnd.get("cipher", key), "iv": rnd.get("iv", 8 if enc in ("3des", "des") else 16)},
        "established": established, "lifetime": {"seconds": o.lifetime, "expires": established + o.lifetime},
        "peer": {"vendor-ids": [bytes.fromhex("afcad71368a1f1c96b8696fc77570100")], "dpd": True},
    }
    if o.name:
        r["name"] = o.name
    return r


def make_around(o):
    """The child-sa record of the AH in transport mode around make_child(), of a bundle."""
    ah = argparse.Namespace(**{**vars(o), "ah": o.around, "mode": "transport", "spi_in": None, "spi_out": None})
    for kind in ("enc_in", "auth_in", "enc_out", "auth_out"):
        setattr(ah, kind, None)
    if o.seed is not None:
        ah.seed = f"{o.seed}/ah"
    return make_child(ah)


def tie(a, b):
    """Makes both records a bundle."""
    a["bundle"], b["bundle"] = b["spi-in"], a["spi-in"]


def mirror(r):
    """The same SA as the other end has it."""
    m = {k: (dict(v) if isinstance(v, dict) else v) for k, v in r.items()}
    swaps = [("local", "remote")]
    if r["type"] == "child-sa":
        swaps += [("local-ts", "remote-ts"), ("spi-in", "spi-out")]
        m["initiator"] = not r["initiator"]
        m["keys"] = {k.replace("-in", "-?").replace("-out", "-in").replace("-?", "-out"): v
                     for k, v in r["keys"].items()}
        m.pop("replaces", None)
    else:
        m["role"] = "responder" if r["role"] == "initiator" else "initiator"
        m["natt"]["local-nat"], m["natt"]["remote-nat"] = r["natt"]["remote-nat"], r["natt"]["local-nat"]
    for a, b in swaps:
        m[a], m[b] = r[b], r[a]
    return m


def apply(r, sets):
    for s in sets or []:
        key, eq, text = s.partition("=")
        if not eq:
            r.pop(key, None)
            continue
        try:
            r[key] = json.loads(text)
        except ValueError:
            r[key] = bytes.fromhex(text[1:]) if text.startswith("#") else text
    return r


def write(name, records):
    data = b"".join(encode(r) for r in records)
    if name == "none":
        return
    if name == "-":
        sys.stdout.buffer.write(data)
        return
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(fd, 0o600)
    with os.fdopen(fd, "wb") as f:
        f.write(data)


@functools.lru_cache(None)
def parser():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(dest="what_made", required=True)
    for name in ("child", "ike", "pair"):
        s = sub.add_parser(name)
        s.add_argument("--local", default="192.0.2.1", metavar="ADDR[:PORT]")
        s.add_argument("--remote", default="192.0.2.2", metavar="ADDR[:PORT]")
        s.add_argument("--local-id")
        s.add_argument("--remote-id")
        s.add_argument("--name")
        s.add_argument("--seed", help="repeatable keys and SPIs")
        s.add_argument("--ike", metavar="HEX", help="both cookies, 16 bytes")
        s.add_argument("--ike-proposal", default="aes128-sha256-modp2048")
        s.add_argument("--esp", default="aes128gcm16", help="e.g. aes128-sha256, aes256gcm16-esn, null-sha1")
        s.add_argument("--ah", metavar="WORD", help="AH with this integrity, e.g. sha256")
        s.add_argument("--around", metavar="WORD", help="AH with this integrity around ESP: a bundle, the AH first")
        s.add_argument("--mode", default="tunnel", choices=["tunnel", "transport"])
        s.add_argument("--encap", default="none", choices=["none", "udp", "udp-draft", "tcp"])
        s.add_argument("--use", default="both", choices=["in", "both"])
        s.add_argument("--local-ts", action="append", metavar="NET[,PROTO[,PORT[-END]]]")
        s.add_argument("--remote-ts", action="append", metavar="NET[,PROTO[,PORT[-END]]]")
        for key in ("enc-in", "auth-in", "enc-out", "auth-out"):
            s.add_argument(f"--{key}", metavar="HEX", help="with the salt, where there is one")
        for key in ("spi-in", "spi-out", "replaces", "replay", "kilobytes", "established"):
            s.add_argument(f"--{key}", type=number, metavar="N")
        s.add_argument("--lifetime", type=int, default=3600, metavar="S")
        s.add_argument("--set", action="append", metavar="KEY[=JSON or #HEX]", help="in both ends' child-sa, or ike-sa")
        s.add_argument("--left-set", action="append", metavar="KEY[=JSON or #HEX]")
        s.add_argument("--right-set", action="append", metavar="KEY[=JSON or #HEX]")
        s.add_argument("left")
        s.add_argument("right", nargs="?", default="none")
    s = sub.add_parser("delete")
    s.add_argument("--ike")
    s.add_argument("--spi-in", type=number)
    s.add_argument("--spi-out", type=number)
    s.add_argument("--protocol")
    s.add_argument("--reason")
    s.add_argument("left")
    s = sub.add_parser("binding")
    s.add_argument("net", metavar="NET", help="ADDRESS or CIDR in the tunnel")
    s.add_argument("--nbma")
    s.add_argument("--nat-nbma")
    s.add_argument("--via")
    s.add_argument("--nhs")
    s.add_argument("--tun")
    s.add_argument("--kind", default="nhs")
    s.add_argument("--holding", type=number, default=600, help="0 withdraws")
    s.add_argument("--set", action="append", metavar="KEY[=JSON or #HEX]")
    s.add_argument("left")
    s = sub.add_parser("event")
    s.add_argument("--time", type=number, default=None)
    s.add_argument("--source", default="test")
    s.add_argument("--what", required=True)
    s.add_argument("--text")
    s.add_argument("--spi-in", type=number)
    s.add_argument("--remote")
    s.add_argument("--kilobytes", type=number)
    s.add_argument("--takeovers", type=number)
    s.add_argument("left")
    return p


def defaults(*argv):
    """The options of `child` with their defaults, for use as a module."""
    return parser().parse_args(["child", *argv, "none"])


def main(argv):
    if argv[:1] == ["batch"]:
        for line in sys.stdin:
            main(shlex.split(line))
        return
    o = parser().parse_args(argv)
    if o.what_made == "delete":
        r = {"type": "sa-delete", "format": 1}
        if o.ike:
            r["ike"] = bytes.fromhex(o.ike)
        for key in ("spi_in", "spi_out", "protocol", "reason"):
            if getattr(o, key) is not None:
                r[key.replace("_", "-")] = getattr(o, key)
        write(o.left, [r])
        return
    if o.what_made == "binding":
        net = ipaddress.ip_network(o.net)
        r = {"type": "nhrp-binding", "format": 1, "source": "test", "kind": o.kind, "proto": str(net.network_address),
             "prefix": net.prefixlen, "holding": o.holding, "expires": int(time.time()) + o.holding}
        for key in ("nbma", "nat_nbma", "via", "nhs", "tun"):
            if getattr(o, key) is not None:
                r[key.replace("_", "-")] = getattr(o, key)
        write(o.left, [apply(r, o.set)])
        return
    if o.what_made == "event":
        r = {"type": "event", "format": 1, "time": o.time if o.time is not None else int(time.time()),
             "source": o.source, "what": o.what}
        if o.text:
            r["text"] = o.text
        if o.spi_in is not None:
            r["spi-in"] = o.spi_in
        if o.remote:
            r["remote"] = address(o.remote, 4500)
        if o.kilobytes is not None:
            r["kilobytes"] = o.kilobytes
        if o.takeovers is not None:
            r["takeovers"] = o.takeovers
        write(o.left, [r])
        return
    if o.seed is None and (o.what_made == "pair" or o.around) and not o.ike:
        o.ike = secrets.token_hex(16)
    makers = {"child": [make_child], "ike": [make_ike], "pair": [make_ike, make_child]}[o.what_made]
    records = [make(o) for make in makers]
    if o.around and o.what_made != "ike":
        records.insert(-1, make_around(o))
        tie(*records[-2:])
    left = [apply(dict(r), (o.set or []) + (o.left_set or [])) if r is records[-1] else r for r in records]
    right = [mirror(r) for r in records]
    if o.around and o.what_made != "ike":
        tie(*right[-2:])
    right[-1] = apply(right[-1], (o.set or []) + (o.right_set or []))
    write(o.left, left)
    write(o.right, right)


if __name__ == "__main__":
    main(sys.argv[1:])
