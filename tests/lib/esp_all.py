#!/usr/bin/python3
"""An SA for every ESP proposal there is, and packets through each of them, in three files: one run of a tool
then shows what it makes of them all.

    esp_all.py make [--encap none|udp] [--outer 4|6] [--inner 4|6] DIR
        DIR/l.sa, DIR/r.sa: the two ends; DIR/clear.pcap: packets both ways, UDP, TCP and ICMP of many lengths;
        DIR/words: a line "N PROPOSAL" for each. SA N lies between 10.1.N.0/24 and 10.2.N.0/24.
    esp_all.py packets DIR/l.sa OUT.pcap    such packets, for the selectors of any state
    esp_all.py open STATE ESP CLEAR         scapy opens each packet of ESP; it must be that of CLEAR
    esp_all.py seal STATE CLEAR OUT         scapy makes ESP of CLEAR
    esp_all.py registry FILE.c              whether the proposals are those of our registry

open and seal print the proposals that scapy has no word for, and leave them out. Needs python3-scapy, python3-cbor2.
"""
import argparse, ipaddress, re, sys
import cbor2
import sa_make
from esp_scapy import NoWord, association, ip, seal, short_icv
from packets import ESP, ICMP, ICMPv6EchoRequest, IP, IPv6, Raw, RawPcapReader, TCP, UDP, wrpcap

# Proposals of an AEAD with ESN too: its 64 bits are in what is authenticated, if nowhere on the wire.
WORDS = [w for w in sa_make.ENC if "gcm" in w or "chacha" in w] + ["aes256gcm16-esn", "chacha20poly1305-esn"]
WORDS += [f"{e}-{i}" for e in sa_make.ENC if e not in WORDS for i in sa_make.INTEG]
LENGTHS = (0, 1, 13, 14, 15, 16, 100, 1300)


def load(path):
    out = []
    with open(path, "rb") as f:
        while f.peek(1):
            r = cbor2.load(f)
            # The AH of a bundle has the packets of its ESP.
            if r["type"] == "child-sa" and not (r["protocol"] == "ah" and "bundle" in r):
                out.append(r)
    return out


def word(r):
    p = r["proposal"]
    enc = [w for w, (name, bits, *_) in sa_make.ENC.items() if (name, bits) == (p["encryption"], p.get("key-bits"))]
    integ = [w for w, (name, *_) in sa_make.INTEG.items() if name == p.get("integrity")]
    return "-".join(enc + integ + (["esn"] if p.get("esn") else []))


def frames(path):
    """(time, packet) of a capture of raw IP."""
    out = []
    for data, meta in RawPcapReader(path):
        t = ((meta.tshigh << 32) | meta.tslow) / meta.tsresol if hasattr(meta, "tshigh") else meta.sec + meta.usec / 1e6
        out.append((t, (IP if data[0] >> 4 == 4 else IPv6)(data)))
    return out


def inner(src, dst, i):
    data = bytes((17 * i + j) % 256 for j in range(LENGTHS[i % len(LENGTHS)]))
    head = ip(src, dst)
    if isinstance(head, IP):
        head.id, head.ttl, head.tos = 1000 + i, 60, 4 * (i % 3)
        echo = ICMP(type=8, id=7, seq=i)
    else:
        head.hlim, head.fl = 60, i
        echo = ICMPv6EchoRequest(id=7, seq=i)
    return head / (UDP(sport=40001, dport=40002), TCP(sport=40001, dport=40002, seq=i, flags="PA"), echo)[i % 3] / Raw(data)


def packets(sas):
    out = []
    for r in sas:
        nets = [ipaddress.ip_network(r[k][0]["net"]) for k in ("local-ts", "remote-ts")]
        ends = [str(n[1] if n.num_addresses > 1 else n[0]) for n in nets]
        for i in range(len(LENGTHS)):
            p = inner(*(ends if i % 4 != 3 else ends[::-1]), len(out))
            p.time = 1700000000 + len(out) / 1000
            out.append(p)
    return out


def make(o):
    left = []
    with open(f"{o.dir}/words", "w") as f:
        for n, w in enumerate(WORDS, 1):
            ts = [f"10.1.{n}.0/24", f"10.2.{n}.0/24"] if o.inner == 4 else \
                [f"2001:db8:1:{n:x}::/64", f"2001:db8:2:{n:x}::/64"]
            outer = ["192.0.2.1", "192.0.2.2"] if o.outer == 4 else ["2001:db8:f::1", "2001:db8:f::2"]
            left.append(sa_make.make_child(sa_make.defaults(
                "--seed", w, "--esp", w, "--encap", o.encap, "--local", outer[0], "--remote", outer[1],
                "--local-ts", ts[0], "--remote-ts", ts[1])))
            print(n, w, file=f)
    sa_make.write(f"{o.dir}/l.sa", left)
    sa_make.write(f"{o.dir}/r.sa", [sa_make.mirror(r) for r in left])
    wrpcap(f"{o.dir}/clear.pcap", packets(left), linktype=101)


class Ways:
    """Which direction of which SA a packet within goes."""

    def __init__(self, state):
        self.sas, self.without = load(state), set()
        self.nets = [(r, way, [ipaddress.ip_network(r[k][0]["net"]) for k in order]) for r in self.sas
                     for way, order in (("out", ("local-ts", "remote-ts")), ("in", ("remote-ts", "local-ts")))]
        self.made = {}

    def find(self, p):
        """(record, association); None where scapy has no word."""
        src, dst = ipaddress.ip_address(p.src), ipaddress.ip_address(p.dst)
        r, way = next((r, way) for r, way, (a, b) in self.nets if src in a and dst in b)
        try:
            sa = self.made.setdefault((r["spi-in"], way), None) or association(r, way)
        except NoWord:
            self.without.add(word(r))
            return r, None
        self.made[r["spi-in"], way] = sa
        return r, sa


def open_(o):
    ways, n = Ways(o.state), 0
    esp, clear = frames(o.esp), frames(o.clear)
    assert len(esp) == len(clear), (len(esp), len(clear))
    for (_, e), (_, want) in zip(esp, clear):
        r, sa = ways.find(want)
        if sa is None:
            continue
        n += 1
        if short_icv(r):
            # It opens no such ICV: what it makes of the same bytes under the same IV must be the same packet.
            again = seal(sa, r, want, seq_num=e[ESP].seq, iv=e[ESP].data[:8])
            assert bytes(again[ESP]) == bytes(e[ESP]), (word(r), want.summary())
            continue
        got = sa.decrypt(e)
        assert bytes(got) == bytes(want), (word(r), got.summary(), want.summary())
    print(n, "packets;", "no word for:", *sorted(ways.without))


def seal_(o):
    ways, out = Ways(o.state), []
    for t, p in frames(o.clear):
        r, sa = ways.find(p)
        if sa is not None:
            e = seal(sa, r, p)
            e.time = t
            out.append(e)
    wrpcap(o.out, out, linktype=101)
    print(len(out), "packets;", "no word for:", *sorted(ways.without))


def registry(path):
    with open(path) as f:
        text = f.read()
    for name, table in (("encs", sa_make.ENC), ("integs", sa_make.INTEG)):
        rows = re.search(rf"struct alg_\w+ {name}\[\] = {{\n(.*?)\n}};", text, re.S).group(1)
        # IKE alone has no number of ESP.
        words = {m.group(1) for m in re.finditer(r'\.word = "([^"]+)"(.*?)(?=\{ \.word|$)', rows, re.S)
                 if name == "integs" or ".esp =" in m.group(2)}
        if words != set(table):
            sys.exit(f"{name}: {sorted(words ^ set(table))}")


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = a.add_subparsers(dest="what", required=True)
    s = sub.add_parser("make")
    s.add_argument("--encap", default="none")
    s.add_argument("--outer", type=int, default=4)
    s.add_argument("--inner", type=int, default=4)
    s.add_argument("dir")
    for name, *args in (("open", "state", "esp", "clear"), ("seal", "state", "clear", "out"),
                        ("packets", "state", "out"), ("registry", "file")):
        s = sub.add_parser(name)
        for arg in args:
            s.add_argument(arg)
    o = a.parse_args()
    if o.what == "make":
        make(o)
    elif o.what == "packets":
        wrpcap(o.out, packets(load(o.state)), linktype=101)
    elif o.what == "registry":
        registry(o.file)
    else:
        {"open": open_, "seal": seal_}[o.what](o)


if __name__ == "__main__":
    main()
