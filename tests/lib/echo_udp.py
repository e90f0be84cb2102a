#!/usr/bin/python3
"""echo_udp.py ADDRESS PORT: answers each datagram with "ADDRESS PORT DATA", those of its sender, until it is ended."""
import socket, sys

s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((sys.argv[1], int(sys.argv[2])))
print("listening", flush=True)
while True:
    data, at = s.recvfrom(65535)
    print(at[0], at[1], data.decode(errors="replace"), flush=True)
    s.sendto(f"{at[0]} {at[1]} ".encode() + data, at)
