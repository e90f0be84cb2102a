#!/usr/bin/python3
"""The other end of tunnels, done by scapy's IPsec layer: an implementation that shares nothing with ours.

    esp_scapy_peer.py STATE

STATE holds child-sa records as the peer sees them. Answers ICMP echo requests that come through any of them,
raw or in UDP, over IPv4; says "ready", then a line for each packet that it could open.
"""
import select, socket, sys, warnings

warnings.filterwarnings("ignore")
import cbor2
from scapy.config import conf
conf.verb = 0
from scapy.layers.inet import IP, ICMP, UDP
from scapy.layers.ipsec import ESP, SecurityAssociation

CRYPT = {"aes-cbc": "AES-CBC", "3des-cbc": "3DES", "des-cbc": "DES", "null": "NULL", "aes-ctr": "AES-CTR",
         "aes-gcm-16": "AES-GCM", "chacha20-poly1305": "CHACHA20-POLY1305"}
AUTH = {"hmac-sha1-96": "HMAC-SHA1-96", "hmac-md5-96": "HMAC-MD5-96", "hmac-sha2-256-128": "SHA2-256-128",
        "hmac-sha2-384-192": "SHA2-384-192", "hmac-sha2-512-256": "SHA2-512-256"}


def association(r, way, spi, src, dst):
    p, k = r["proposal"], r["keys"]
    return SecurityAssociation(
        ESP, spi=spi, crypt_algo=CRYPT[p["encryption"]], crypt_key=k.get("enc-" + way) or None,
        auth_algo=AUTH[p["integrity"]] if "integrity" in p else None, auth_key=k.get("auth-" + way),
        tunnel_header=IP(src=src, dst=dst), esn_en=p.get("esn", False))


def main():
    ins = {}
    with open(sys.argv[1], "rb") as f:
        while f.peek(1):
            r = cbor2.load(f)
            here, there = r["local"]["address"], r["remote"]["address"]
            ins[r["spi-in"]] = (association(r, "in", r["spi-in"], there, here),
                                association(r, "out", r["spi-out"], here, there), r["encap"], there)
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
