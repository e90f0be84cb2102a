#!/usr/bin/python3
"""Verifies with scapy what came to one end of negotiated SAs (RFC 4302, 4303; NAT: RFC 3948, 3.1.2).

    wire_judge.py (STATE CAPTURE)... -- KIND...

STATE has the child-sa records of the receiver, CAPTURE the raw IP packets that came to it. Each ESP or AH packet, in UDP or
not, must be of one of these SAs, have a valid ICV and hold a packet of the SA's selectors. ESP of a bundle must come
in its AH. A checksum must be right for the addresses that its sender knows: those of "nat-oa", where the record has
them. IKE and keepalives are skipped. Each SA must have carried each KIND: icmp, tcp, udp, gre. Prints a line for each SA.
"""
import ipaddress
import sys
from esp_scapy import association
from packets import AH, ESP, ICMP, IP, IPv6, TCP, UDP, rdpcap
from scapy.layers.inet import defragment
from scapy.layers.inet6 import IPv6ExtHdrFragment, defragment6
from wire_records import children

L4 = {1: "icmp", 58: "icmp", 6: "tcp", 17: "udp", 47: "gre"}


def parse(data):
    return (IPv6 if data[0] >> 4 == 6 else IP)(data)


def proto_of(p):
    return p.nh if isinstance(p, IPv6) else p.proto


def with_proto(p, proto, payload):
    """${p}'s header before ${payload}."""
    head = IPv6(src=p.src, dst=p.dst, nh=proto) if isinstance(p, IPv6) else IP(src=p.src, dst=p.dst, proto=proto)
    return head / payload


def out_of_udp(p):
    """The ESP packet in a UDP datagram, or None: it is IKE, a keepalive, or no datagram of ours."""
    u = UDP(bytes(p.payload))
    data = bytes(u.payload)
    if u.dport == 500 and data[:8] == bytes(8) and len(data) > 16:
        data = data[8:]                                 # draft 00: a non-IKE marker
    elif (u.dport != 4500 and u.sport != 4500) or len(data) < 8 or data[:4] == bytes(4):
        return None
    return with_proto(p, 50, ESP(data))


def open_one(sas, proto, p):
    """${p} without its ESP or AH, and the record of its SA. Raises if the ICV is wrong."""
    layer = p[AH] if proto == 51 else p[ESP]
    r = sas.get(("ah" if proto == 51 else "esp", layer.spi))
    assert r is not None, ("no such SA", hex(layer.spi))
    return r, parse(bytes(association(dict(r, encap="none"), "in").decrypt(p)))


def sum_is_right(inner, r):
    """The upper layer's checksum, over the addresses that the sender knows."""
    layer = TCP if TCP in inner else UDP
    again = parse(bytes(inner))
    if r["mode"] == "transport" and "nat-oa" in r:
        again.src, again.dst = r["nat-oa"]["remote"], r["nat-oa"]["local"]
    had, again[layer].chksum = inner[layer].chksum, None
    return parse(bytes(again))[layer].chksum == had


def selects(ts, address, port, proto):
    for s in ts:
        net = s["net"]
        if "-" in net:
            first, last = map(ipaddress.ip_address, net.split("-"))
            inside = first <= ipaddress.ip_address(address) <= last
        else:
            inside = ipaddress.ip_address(address) in ipaddress.ip_network(net)
        if inside and s.get("protocol", 0) in (0, proto) and s.get("port", 0) in (0, port):
            return True
    return False


def whole(capture):
    """The packets of ${capture}, fragments put together."""
    packets = [parse(bytes(p)) for p in rdpcap(capture)]
    frags6 = [p for p in packets if IPv6ExtHdrFragment in p]
    packets = [p for p in packets if IPv6ExtHdrFragment not in p]
    packets = list(defragment(packets)) if any(IP in p and (p[IP].frag or p[IP].flags.MF) for p in packets) else packets
    for i in {p[IPv6ExtHdrFragment].id for p in frags6}:
        packets.append(defragment6([p for p in frags6 if p[IPv6ExtHdrFragment].id == i]))
    return [parse(bytes(p)) for p in packets]


def judge(state, capture, kinds):
    sas = children(state)
    seen = {key: {} for key, r in sas.items() if not (key[0] == "ah" and "bundle" in r)}
    for p in whole(capture):
        if proto_of(p) == 17:
            p = out_of_udp(p)
        if p is None or proto_of(p) not in (50, 51):
            continue
        r, inner = open_one(sas, proto_of(p), p)
        if "bundle" in r:
            assert r["protocol"] == "ah" and proto_of(inner) == 50 and inner[ESP].spi == r["bundle"], p.summary()
            r, inner = open_one(sas, 50, inner)
        piece = IPv6ExtHdrFragment in inner or IP in inner and (inner[IP].frag or inner[IP].flags.MF)
        proto = inner[IPv6ExtHdrFragment].nh if IPv6ExtHdrFragment in inner else proto_of(inner)
        kind = L4[proto]
        count = seen[r["protocol"], r["spi-in"]]
        count[kind] = count.get(kind, 0) + 1
        assert not (piece and r["mode"] == "transport"), ("a fragment", inner.summary())
        if piece:
            continue
        ports = (inner[kind.upper()].sport, inner[kind.upper()].dport) if kind in ("tcp", "udp") else (0, 0)
        assert selects(r["remote-ts"], inner.src, ports[0], proto), ("source", inner.summary(), r["remote-ts"])
        assert selects(r["local-ts"], inner.dst, ports[1], proto), ("destination", inner.summary(), r["local-ts"])
        if kind == "tcp" or kind == "udp" and inner[UDP].chksum != 0:
            assert sum_is_right(inner, r), ("checksum", inner.summary())
    for key, count in seen.items():
        r = sas[key]
        print(f"{key[1]:08x} {'ah+' if 'bundle' in r else ''}{key[0]} {r['mode']} {r['encap']} {r['local']['address']}", count)
        assert all(count.get(k) for k in kinds), (kinds, count)


at = sys.argv.index("--")
for n in range(1, at, 2):
    judge(sys.argv[n], sys.argv[n + 1], sys.argv[at + 1:])
