#!/usr/bin/python3
"""Keepalives of GRE as Cisco has them, by scapy, on a raw socket (protocol 47).

    gre_keepalive.py peer OWN REMOTE [KEY]       a router: forwards the answers that REMOTE asks for; prints a line for each
    gre_keepalive.py ask OWN REMOTE KIND [N]     sends REMOTE a keepalive N times, and prints how many answers came in a second

Kinds: good, key (42), other (the answer would go to a third host), forged (in the name of one), content, packet.
"""
import socket, sys, time
from packets import *
from scapy.layers.l2 import GRE


def wire():
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_GRE)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    return s


def peer(own, remote, key=None):
    s = wire()
    while True:
        outer = IP(s.recv(65535))
        if outer.src != remote or outer[GRE].proto != 0x0800:
            continue
        inner = outer[GRE].payload
        if inner.proto != 47 or inner.src != own:
            continue
        gre = inner[GRE]
        assert gre.proto == 0 and (gre.key if gre.key_present else None) == (int(key) if key else None), inner.show(dump=True)
        had, again = inner.chksum, inner.copy()
        again.chksum = None
        assert IP(bytes(again)).chksum == had, "the checksum is wrong"
        # Forwarded: this machine's own routing would refuse a source of its own.
        s.sendto(bytes(gre), (inner.dst, 0))
        print("forwarded", inner.src, inner.dst, flush=True)


def ask(own, remote, kind, n=1):
    key = {"key_present": 1, "key": 42} if kind == "key" else {}
    back = GRE(proto=0, **key)
    if kind == "content":
        back = back / Raw(b"content")
    if kind == "packet":
        back = GRE(proto=0x0800) / IP(src=remote, dst=own) / ICMP()
    inner = IP(src="203.0.113.77" if kind == "forged" else remote, dst="203.0.113.77" if kind == "other" else own, proto=47) / Raw(bytes(back))
    s = wire()
    s.settimeout(1)
    for _ in range(int(n)):
        s.sendto(bytes(GRE(proto=0x0800, **key) / inner), (remote, 0))
    answers, end = 0, time.time() + 1
    while time.time() < end:
        try:
            outer = IP(s.recv(65535))
        except socket.timeout:
            break
        if outer.src == remote and bytes(outer.payload) == bytes(back):
            answers += 1
            if int(n) == 1:
                break
    print(answers)


{"peer": peer, "ask": ask}[sys.argv[1]](*sys.argv[2:])
