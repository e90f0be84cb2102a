#!/usr/bin/python3
"""toobig.py SENDER RECEIVER udp|none|ping MTU [SPI NUMBER [BYTES]]: sends SENDER an ICMP error, as a router of this
machine would: its packet to RECEIVER is longer than MTU. It quotes ESP with SPI and NUMBER (hexadecimal), in UDP or not, or
the answer to a ping; BYTES: only that much after the IP header.
"""
import socket, sys
from packets import ICMP, IP, Raw, UDP

sender, receiver, kind, mtu = sys.argv[1:5]
inner = IP(src=sender, dst=receiver, flags="DF", proto=50)
if kind == "ping":
    inner = IP(src=sender, dst=receiver, flags="DF") / ICMP(type=0, id=1, seq=1) / Raw(b"x" * 1400)
else:
    body = bytes.fromhex(sys.argv[5].zfill(8) + sys.argv[6].zfill(8)) + b"x" * 1400
    if kind == "udp":
        inner = IP(src=sender, dst=receiver, flags="DF") / UDP(sport=4500, dport=4500) / Raw(body)
    else:
        inner = inner / Raw(body)
quote = bytes(inner)[: 20 + int(sys.argv[7]) if len(sys.argv) > 7 else 528]
out = bytes(ICMP(type=3, code=4, nexthopmtu=int(mtu)) / Raw(quote))
socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).sendto(out, (sender, 0))
