#!/usr/bin/python3
"""Holds what one end of an SA has sent against RFC 4303 and 4302, with scapy's IPsec layer.

    esp_wire.py (STATE CAPTURE INNER-SRC INNER-DST)...

STATE is the child-sa record of the receiver, CAPTURE raw IP packets that came to it. Each packet between the two ends
must be ESP or AH of the SA, in UDP or not as it says, with a valid ICV, and hold a packet from INNER-SRC to
INNER-DST with valid checksums; in transport mode without a second IP header. Numbers rise from 1 and none is
missing. Prints how many packets held ICMP and TCP.
"""
import sys
import cbor2
from esp_scapy import association
from packets import AH, ESP, ICMP, IP, IPv6, rdpcap, TCP, UDP

ND = range(130, 138)            # multicast listeners, neighbours: the link's own


def packet_class(data):
    return IPv6 if data[0] >> 4 == 6 else IP


def carried(p, r):
    """The ESP or AH packet as IP carries it, whatever it came in; None for what is the link's own."""
    cls = packet_class(bytes(p))
    if (cls is IPv6) != (":" in r["remote"]["address"]):
        return None
    p = cls(bytes(p))
    proto = p.nh if cls is IPv6 else p.proto
    if cls is IPv6 and (proto == 0 or proto == 58 and bytes(p.payload)[0] in ND):
        return None
    assert (p.src, p.dst) == (r["remote"]["address"], r["local"]["address"]), p.summary()
    if r["encap"] == "udp":
        assert proto == 17, p.summary()
        u = UDP(bytes(p.payload))
        assert (u.sport, u.dport) == (r["remote"]["port"], r["local"]["port"]), p.summary()
        head = cls(src=p.src, dst=p.dst)
        setattr(head, "nh" if cls is IPv6 else "proto", 50)
        return cls(bytes(head / ESP(bytes(u.payload))))
    assert proto == (51 if r["protocol"] == "ah" else 50), p.summary()
    return p


def fields(p):
    """SPI, sequence number and, of AH, the next header."""
    if AH in p:
        return p[AH].spi, p[AH].seq, p[AH].nh
    return p[ESP].spi, p[ESP].seq, None


def check(state, capture, src, dst):
    with open(state, "rb") as f:
        r = cbor2.load(f)
    there = dict(r, encap="none")               # carried() has taken UDP away
    sa = association(there, "in")
    numbers, icmp, tcp = [], 0, 0
    for raw in rdpcap(capture):
        p = carried(raw, r)
        if p is None:
            continue
        spi, seq, nh = fields(p)
        assert spi == r["spi-in"], hex(spi)
        numbers.append(seq)
        inner = bytes(sa.decrypt(p))            # raises if the ICV is not right
        inner = packet_class(inner)(inner)
        if nh is not None and r["mode"] == "transport":
            assert nh in (1, 6, 58), nh
        assert (inner.src, inner.dst) == (src, dst), inner.summary()
        again = inner.__class__(bytes(inner))
        if TCP in inner:
            tcp += 1
            had, again[TCP].chksum = inner[TCP].chksum, None
            assert inner.__class__(bytes(again))[TCP].chksum == had, inner.summary()
        elif ICMP in inner or (isinstance(inner, IPv6) and inner.nh == 58):
            icmp += 1
        else:
            raise AssertionError(inner.summary())
    assert numbers == list(range(1, len(numbers) + 1)), numbers
    print(f"{icmp} ICMP, {tcp} TCP")
    assert icmp > 0 and tcp > 0, (icmp, tcp)


for n in range(1, len(sys.argv), 4):
    check(*sys.argv[n:n + 4])
