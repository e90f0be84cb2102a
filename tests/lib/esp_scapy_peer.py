#!/usr/bin/python3
"""The other end of tunnels, done by scapy's IPsec layer: an implementation that shares nothing with ours.

    esp_scapy_peer.py STATE

STATE holds child-sa records as the peer sees them. Answers ICMP echo requests that come through any of them,
raw or in UDP, over IPv4; says "ready", then a line for each packet that it could open.
"""
import select, socket, sys
import cbor2
from esp_scapy import association
from packets import ESP, ICMP, IP


def main():
    ins = {}
    with open(sys.argv[1], "rb") as f:
        while f.peek(1):
            r = cbor2.load(f)
            encap, r["encap"] = r["encap"], "none"    # the socket makes the UDP header
            ins[r["spi-in"]] = association(r, "in"), association(r, "out"), encap, r["remote"]["address"]
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 50)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("0.0.0.0", 4500))
    print("ready", flush=True)
    while True:
        for s in select.select([raw, udp], [], [])[0]:
            data, peer = s.recvfrom(65535)
            if s is raw:
                data = data[(data[0] & 15) * 4:]
            if len(data) < 8:
                continue
            spi = int.from_bytes(data[:4], "big")
            if spi not in ins:
                print("unknown", hex(spi), flush=True)
                continue
            inn, out, encap, there = ins[spi]
            try:
                clear = inn.decrypt(IP(src=there, dst="203.0.113.2", proto=50) / ESP(data))
            except Exception as e:
                print("bad", hex(spi), repr(e), flush=True)
                continue
            clear = IP(bytes(clear))
            print("open", hex(spi), clear.summary(), flush=True)
            if ICMP not in clear or clear[ICMP].type != 8:
                continue
            reply = IP(src=clear.dst, dst=clear.src) / ICMP(type=0, id=clear[ICMP].id, seq=clear[ICMP].seq) / \
                clear[ICMP].payload
            packet = bytes(out.encrypt(IP(bytes(reply)))[ESP])
            if encap == "udp":
                udp.sendto(packet, peer)
            else:
                raw.sendto(packet, (there, 0))


main()
