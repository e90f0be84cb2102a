#!/usr/bin/python3
"""An independent GRE peer for tests: scapy builds and reads the packets.

    gre_peer.py send REMOTE KIND...      one packet of each kind to REMOTE, on a raw socket (protocol 47)
    gre_peer.py ping REMOTE [KEY]        an echo request in GRE with checksum, key and sequence number; the reply
                                         has to come in GRE that scapy finds no fault in
    gre_peer.py take SOCKET WANTS N [SECONDS]   attaches to the socket of a gre-tun as a tool of NHRP and prints N messages

Kinds of hostile packets: short, version, routing, badsum, key, cutkey, proto, inner.
"""
import os, socket, struct, sys, time
from scapy.all import GRE, ICMP, IP, Raw, raw

INNER = IP(src="10.9.0.2", dst="10.9.0.1") / ICMP(id=7, seq=1) / b"ping from scapy"
KIND = {
    "short": b"\x20\x00\x08",
    "version": b"\x20\x01\x88\x0b" + bytes(20),
    "routing": b"\x40\x00\x08\x00" + bytes(12) + raw(INNER),
    "badsum": b"\xa0\x00\x08\x00\x12\x34\x00\x00\x00\x00\x00\x2a" + raw(INNER),
    "key": raw(GRE(key_present=1, key=43) / INNER),
    "cutkey": b"\x20\x00\x08\x00\x00\x00",
    "proto": raw(GRE(key_present=1, key=42, proto=0x88CC)) + bytes(40),
    "inner": raw(GRE(key_present=1, key=42, proto=0x0800)) + b"\x45\x00\xff\xff" + bytes(16),
}


def wire():
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_GRE)


def ping(remote, key):
    s = wire()
    s.settimeout(20)
    head = {"chksum_present": 1, "seqnum_present": 1, "sequence_number": 5}
    if key is not None:
        head.update(key_present=1, key=key)
    s.sendto(raw(GRE(**head) / INNER), (remote, 0))
    while True:
        outer = IP(s.recv(65535))
        if outer.src != remote:
            continue
        gre = outer[GRE]
        assert gre.version == 0 and gre.proto == 0x0800, gre.show(dump=True)
        assert (gre.key if gre.key_present else None) == key, gre.show(dump=True)
        if gre.chksum_present:
            had, again = gre.chksum, gre.copy()
            again.chksum = None
            assert GRE(raw(again)).chksum == had, "the checksum is wrong"
        inner = gre[IP]
        if inner.haslayer(ICMP) and inner[ICMP].type == 0:
            assert inner.src == "10.9.0.1" and inner[Raw].load == b"ping from scapy", inner.show(dump=True)
            print("answered", "checksum" if gre.chksum_present else "plain", f"seq {gre.sequence_number}" if gre.seqnum_present else "")
            return


VERSION = 3		# of the messages, libcommon/gre/attach_priv.h
ADDR = struct.Struct("=B16s3xI")
HEAD = struct.Struct("=IBBH24s24s16sI24s24sB3xII")


def text(a):
    family, b, _ = ADDR.unpack(a)
    return socket.inet_ntop(socket.AF_INET6 if family == 6 else socket.AF_INET, b[: 16 if family == 6 else 4]) if family else "-"


def take(path, wants, n, seconds):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(path)
    s.settimeout(seconds)
    s.send(HEAD.pack(VERSION, 0, wants, 0, bytes(24), bytes(24), bytes(16), 0, bytes(24), bytes(24), 0, 0, 0))
    end = time.time() + seconds
    while n > 0 and time.time() < end:
        b = s.recv(65536)
        _, kind, _, proto, nbma, to, tun, _, local, remote, has_key, key, mtu = HEAD.unpack(b[: HEAD.size])
        data = b[HEAD.size :]
        if kind == 1:
            print("info", tun.rstrip(b"\0").decode(), text(local), text(remote), key if has_key else "-", mtu, flush=True)
        elif kind == 2:
            print("refused", flush=True)
        elif kind == 3:
            print("nhrp", text(nbma), text(to), data.hex(), flush=True)
            # Answers go back where the packet came from, with another type.
            if data[17:18] == b"\x01":
                s.send(HEAD.pack(VERSION, 3, 0, 0, nbma, bytes(24), bytes(16), 0, bytes(24), bytes(24), 0, 0, 0) + data[:17] + b"\x02" + data[18:])
        elif kind == 4:
            inner = IP(data)
            print("sample", text(nbma), text(to), f"{proto:04x}", inner.src, inner.dst, flush=True)
        n -= 1


def main(what, *args):
    if what == "send":
        s = wire()
        for kind in args[1:]:
            s.sendto(KIND[kind], (args[0], 0))
    elif what == "ping":
        ping(args[0], int(args[1]) if len(args) > 1 else None)
    elif what == "nhrp":
        s = wire()
        s.settimeout(20)
        s.sendto(raw(GRE(key_present=1, key=42, proto=0x2001)) + bytes(17) + b"\x01" + b"question", (args[0], 0))
        while True:
            gre = IP(s.recv(65535))[GRE]
            if gre.proto == 0x2001:
                print("reply", raw(gre.payload).hex())
                return
    else:
        take(args[0], int(args[1]), int(args[2]), float(args[3]) if len(args) > 3 else 60)


main(*sys.argv[1:])
