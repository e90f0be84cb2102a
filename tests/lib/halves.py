#!/usr/bin/python3
"""halves.py STATE CAPTURE TO: sends the two halves of the first packet of a bundle in CAPTURE to TO, IPv4.

First its ESP without the AH around it, then AH with a valid ICV and a new number, around an ICMP echo request instead of
ESP. STATE has the records of the receiver.
"""
import socket, sys
from esp_scapy import association
from packets import AH, ICMP, IP, rdpcap
from wire_records import children

sas = children(sys.argv[1])
p = next(IP(bytes(p)) for p in rdpcap(sys.argv[2]) if IP(bytes(p)).proto == 51)
r, number = sas["ah", p[AH].spi], p[AH].seq
esp = bytes(association(dict(r, encap="none"), "in").decrypt(p).payload)
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
s.sendto(bytes(IP(src=p.src, dst=p.dst, proto=50) / esp), (sys.argv[3], 0))
sa = association(r, "in")
q = sa.encrypt(IP(src=p.src, dst=p.dst, id=77) / ICMP(), seq_num=number + 50)
s.sendto(bytes(q), (sys.argv[3], 0))
