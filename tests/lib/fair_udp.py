#!/usr/bin/python3
"""A flow that has filled the device, and others behind it: in which order do they come out of the tunnel?

    fair_udp.py receive ADDRESS             prints "ready", then a line "PORT NUMBER" for each packet, until none has come for 2 s
    fair_udp.py send FROM TO PID            stops process PID, sends BULK packets of one flow and one of each of THIN others, continues it

The flows have been answered before: the device has had a packet of each in both directions.
"""

import os
import signal
import socket
import sys

PORT, BULK, THIN = 9000, 500, 8
FIRST = 9100		# source port of the long flow; those of the others follow


def receive(address):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, 33, 4 << 20)	# SO_RCVBUFFORCE
    s.bind((address, PORT))
    print("ready", flush=True)
    got = []
    while True:
        try:
            data, who = s.recvfrom(100)
        except TimeoutError:
            break
        if data == b"hello":
            s.sendto(data, who)
            continue
        got.append(f"{who[1] - FIRST} {int(data)}")
        s.settimeout(2)
    print("\n".join(got))


def send(source, to, pid):
    flows = []
    for i in range(1 + THIN):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((source, FIRST + i))
        s.connect((to, PORT))
        s.settimeout(5)
        s.send(b"hello")
        s.recv(100)
        flows.append(s)
    os.kill(pid, signal.SIGSTOP)
    try:
        for n in range(BULK):
            flows[0].send(b"%d" % n)
        for s in flows[1:]:
            s.send(b"0")
    finally:
        os.kill(pid, signal.SIGCONT)


if sys.argv[1] == "receive":
    receive(sys.argv[2])
else:
    send(sys.argv[2], sys.argv[3], int(sys.argv[4]))
