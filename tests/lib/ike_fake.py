#!/usr/bin/python3
"""A peer that sends garbage: ike_fake.py ADDRESS PORT MODE [SEED]

mute      says nothing
random    answers each datagram with random bytes of many lengths
header    answers with a right header (cookies, exchange) before random bytes
echo      sends back what came
truncate  sends back each beginning of what came, with the length field as it was
lengths   sends back what came with each byte of the payload lengths changed
notify    answers with notifies in clear of every type
flood     a right header and random payloads, many times
"""
import os
import random
import socket
import struct
import sys


def answers(mode, data, rng):
    def junk(n):
        return bytes(rng.randrange(256) for _ in range(n))

    cookies = data[:8] + (data[8:16] if data[8:16] != bytes(8) else junk(8))
    exchange = data[18:19]
    if mode == "random":
        for n in (0, 1, 4, 27, 28, 29, 100, 1400):
            yield junk(n)
    elif mode in ("header", "flood"):
        for _ in range(40 if mode == "flood" else 5):
            body = junk(rng.randrange(0, 300))
            first = bytes([rng.choice([1, 4, 5, 8, 10, 11, 12, 13, 20, 0, 255])])
            flags = bytes([rng.choice([0, 0, 1])])
            if rng.randrange(2) and len(body) > 4:
                body = bytes([0, 0]) + struct.pack(">H", len(body)) + body[4:]
            yield cookies + first + b"\x10" + exchange + flags + bytes(4) + \
                struct.pack(">I", 28 + len(body)) + body
    elif mode == "echo":
        yield data
        yield cookies + data[16:]
    elif mode == "truncate":
        for n in range(len(data)):
            yield cookies[:n] + data[16:n] if n > 16 else data[:n]
            yield (cookies + data[16:24] + struct.pack(">I", n) + data[28:])[:n]
    elif mode == "lengths":
        for n in range(28, min(len(data), 200)):
            b = bytearray(cookies + data[16:])
            b[n] = rng.randrange(256)
            yield bytes(b)
    elif mode == "notify":
        for t in list(range(1, 31)) + [24576, 24577, 24578, 36136, 36137]:
            body = struct.pack(">BBHIBBH", 0, 0, 12, 1, 1, 0, t)
            yield cookies + b"\x0b\x10\x05\x00" + junk(4) + struct.pack(">I", 28 + len(body)) + body


def main():
    addr, port, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    rng = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((addr, port))
    while True:
        data, peer = s.recvfrom(65535)
        with open("fake.got", "ab") as f:
            f.write(data.hex().encode() + b"\n")
        for a in answers(mode, data, rng):
            s.sendto(a, peer)


if __name__ == "__main__":
    main()
