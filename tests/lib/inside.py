#!/usr/bin/python3
"""inside.py STATE TO NUMBER PORT...: sends ESP of the last SA of STATE, the receiver's records, to TO: a UDP datagram to each PORT.

The datagrams are from port 1701, in transport mode over IPv4, sealed by scapy with numbers from NUMBER on.
"""
import socket, sys
from esp_scapy import association
from packets import IP, UDP
from wire_records import children

r = list(children(sys.argv[1]).values())[-1]
sa = association(dict(r, encap="none"), "in")
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
for n, port in enumerate(sys.argv[4:]):
    p = IP(src=r["remote"]["address"], dst=r["local"]["address"]) / UDP(sport=1701, dport=int(port)) / b"inside"
    s.sendto(bytes(sa.encrypt(p, seq_num=int(sys.argv[3]) + n)), (sys.argv[2], 0))
