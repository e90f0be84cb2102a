#!/usr/bin/python3
"""Streams of numbers through a tunnel, and how long they paused.

    gap.py udp LOCAL REMOTE      send a number each 20 ms to REMOTE, print time and number of those that come
    gap.py listen LOCAL          accept one TCP connection, print time and number of each line; the numbers must follow
    gap.py connect LOCAL REMOTE  send a line each 20 ms to it
    gap.py report BEGUN CALLED UDP... TCP    the pauses since BEGUN; fails if one of UDP lasts $STANDBY_GAP seconds
                                 from CALLED on (5, as tests run beside others; a machine with nothing else to do needs less than 1)
    gap.py twice CAPTURE         fails if an ESP packet of one SPI has a number twice
"""
import os
import select
import socket
import sys
import time

PORT = 7790


def put(n):
    print("%.6f %d" % (time.time(), n), flush=True)


def udp(local, remote):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((local, PORT))
    s.setblocking(False)
    n, due = 0, time.monotonic()
    while True:
        if time.monotonic() >= due:
            n, due = n + 1, max(due + 0.02, time.monotonic() - 0.1)
            try:
                s.sendto(b"%d" % n, (remote, PORT))
            except OSError:
                pass
        if select.select([s], [], [], max(0, due - time.monotonic()))[0]:
            try:
                put(int(s.recv(64)))
            except OSError:
                pass


def listen(local):
    s = socket.create_server((local, PORT))
    print("ready", flush=True)
    c, _ = s.accept()
    want = 1
    for line in c.makefile("rb"):
        if int(line) != want:
            sys.exit("line %d instead of %d" % (int(line), want))
        put(want)
        want += 1


def connect(local, remote):
    s = socket.create_connection((remote, PORT), source_address=(local, 0))
    # The stream has at most one segment on its way (Nagle). Its retransmissions then follow each other without a backoff: a gap
    # of the gateways is not doubled.
    s.setsockopt(socket.IPPROTO_TCP, 16, 1)     # TCP_THIN_LINEAR_TIMEOUTS
    n = 0
    while True:
        n += 1
        s.sendall(b"%d\n" % n)
        time.sleep(0.02)


def times(path):
    with open(path, encoding="ascii") as f:
        return [float(line.split()[0]) for line in f if line[0].isdigit() and line.endswith("\n")]


def report(begun, called, *paths):
    worst = 0.0
    for path in paths:
        t = times(path)
        before = max((x for x in t if x <= called), default=called)
        first = min((x for x in t if x > called), default=float("inf"))
        kind = "tcp" if path.startswith("tcp") else "udp"
        if kind == "udp":
            worst = max(worst, first - called)
        print("  %s: pause %.3f s, %.3f s from the takeover on" % (path, first - before, first - called))
    print("  gap beyond VRRP %.3f s; VRRP took %.3f s" % (worst, called - begun), flush=True)
    if worst >= float(os.environ.get("STANDBY_GAP", "5")):
        sys.exit("a gap of %.3f s" % worst)


def twice(path):
    from scapy.utils import RawPcapReader
    seen, n = set(), 0
    for p, _ in RawPcapReader(path):
        ip = p[14:]
        at = (ip[0] & 15) * 4
        key = (ip[12:20], ip[at:at + 4], ip[at + 4:at + 8])
        n += 1
        if key in seen:
            sys.exit("SPI %s, number %d twice" % (key[1].hex(), int.from_bytes(key[2], "big")))
        seen.add(key)
    print("%d packets, %d SAs, no number twice" % (n, len({k[:2] for k in seen})))
    if n == 0:
        sys.exit("no packets")


if __name__ == "__main__":
    mode, args = sys.argv[1], sys.argv[2:]
    if mode == "report":
        report(float(args[0]), float(args[1]), *args[2:])
    else:
        {"udp": udp, "listen": listen, "connect": connect, "twice": twice}[mode](*args)
