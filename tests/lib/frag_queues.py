#!/usr/bin/python3
"""frag_queues.py FROM TO PID: stops process PID, fills its device with fragments of IPv4 datagrams, and continues it.

What two processors sent at the same time is interleaved in one queue: datagrams of protocol FIRST. Behind them are those of OTHERS, which
the kernel puts into all queues. Prints how many datagrams these are.
"""

import glob
import os
import signal
import socket
import struct
import sys
import time
from pathlib import Path

FIRST, OTHERS = 253, range(200, 220)
PACKETS = 512		# of each protocol: several shares of a queue

sent = {}


def fragment(proto, ident, n, last):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, ident, (0 if last else 0x2000) | n, 64, proto, 0,
                         socket.inet_aton(sys.argv[1]), socket.inet_aton(sys.argv[2]))
    raw.sendto(header + bytes(8), (sys.argv[2], 0))
    sent[proto, ident] = True


def stopped(pid):
    return all(Path(f).read_text().rpartition(")")[2].split()[0] == "T" for f in glob.glob(f"/proc/{pid}/task/*/stat"))


raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
os.kill(int(sys.argv[3]), signal.SIGSTOP)
try:
    while not stopped(sys.argv[3]):	# else it may still read the first ones
        time.sleep(0.001)
    for a in range(1, PACKETS * 2 // 7, 2):
        b = a + 1
        for what in (a, 0), (b, 0), (a, 1), (b, 1), (a, 2), (b, 2), (a, 3):
            fragment(FIRST, *what, last=what in ((b, 2), (a, 3)))
    for proto in OTHERS:
        for i in range(PACKETS):
            fragment(proto, 1 + i // 2, i % 2, last=i % 2 == 1)
finally:
    os.kill(int(sys.argv[3]), signal.SIGCONT)
print(len(sent))
