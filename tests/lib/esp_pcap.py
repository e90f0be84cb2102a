#!/usr/bin/python3
"""ESP packets of an independent implementation, for tests of what reads or exports keys.

    esp_pcap.py [--count N] [--first SEQ] [--text TEXT] STATE OUT.pcap

Two ways for each child-sa of STATE: ours to the peer (spi-out, enc-out) and back, each with
an inner UDP datagram between the first addresses of the selectors that carries TEXT.
Needs python3-scapy and python3-cbor2. AH and what scapy has no word for: exit 77.
"""
import argparse, ipaddress, logging, sys
logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
import cbor2
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import ESP, SecurityAssociation
from scapy.packet import Raw
from scapy.utils import wrpcap

ENC = {"aes-cbc": "AES-CBC", "aes-ctr": "AES-CTR", "3des-cbc": "3DES", "des-cbc": "DES", "null": "NULL",
       "aes-gcm-8": "AES-GCM", "aes-gcm-12": "AES-GCM", "aes-gcm-16": "AES-GCM", "chacha20-poly1305": "CHACHA20-POLY1305"}
AUTH = {"hmac-md5-96": "HMAC-MD5-96", "hmac-sha1-96": "HMAC-SHA1-96", "hmac-sha2-256-128": "SHA2-256-128",
        "hmac-sha2-384-192": "SHA2-384-192", "hmac-sha2-512-256": "SHA2-512-256"}


def ip(src, dst):
    return (IPv6 if ":" in src else IP)(src=src, dst=dst)


def inside(net):
    """An address of a selector, not the network's own."""
    if "-" in net:
        return net.split("-")[0]
    n = ipaddress.ip_network(net)
    return str(n[1] if n.num_addresses > 1 else n[0])


def association(r, way):
    p, k = r["proposal"], r["keys"]
    if r["protocol"] != "esp" or p["encryption"] not in ENC or p.get("integrity", "hmac-sha1-96") not in AUTH:
        sys.exit(77)
    src, dst = (r["local"], r["remote"]) if way == "out" else (r["remote"], r["local"])
    args = {}
    if "integrity" in p:
        args.update(auth_algo=AUTH[p["integrity"]], auth_key=k[f"auth-{way}"])
    if r["encap"] == "udp":
        args.update(nat_t_header=UDP(sport=src["port"], dport=dst["port"]))
    if r["mode"] == "tunnel":
        args.update(tunnel_header=ip(src["address"], dst["address"]))
    return SecurityAssociation(ESP, spi=r[f"spi-{way}"], crypt_algo=ENC[p["encryption"]],
                               crypt_key=k.get(f"enc-{way}", b""), **args)


def mend(packet):
    """Lengths and checksums anew: scapy has filled them in before the last change."""
    if UDP in packet:
        del packet[UDP].len
    if IPv6 in packet:
        del packet[IPv6].plen
    else:
        del packet[IP].len, packet[IP].chksum


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--count", type=int, default=1)
    a.add_argument("--first", type=int, default=1)
    a.add_argument("--text", default="sapipe-probe")
    a.add_argument("state")
    a.add_argument("out")
    o = a.parse_args()
    packets = []
    with open(o.state, "rb") as f:
        while f.peek(1):
            r = cbor2.load(f)
            if r["type"] != "child-sa":
                continue
            for way in ("out", "in"):
                ts = (r["local-ts"], r["remote-ts"]) if way == "out" else (r["remote-ts"], r["local-ts"])
                sa = association(r, way)
                for n in range(o.count):
                    inner = ip(inside(ts[0][0]["net"]), inside(ts[1][0]["net"])) / UDP(sport=40000, dport=9) / Raw(o.text.encode())
                    packet = sa.encrypt(inner, seq_num=o.first + n)
                    if r["proposal"]["encryption"].startswith("aes-gcm"):
                        # scapy makes 16 bytes; a shorter ICV is the front of it (RFC 4106, 6).
                        packet[ESP].data = packet[ESP].data[:int(r["proposal"]["encryption"][8:]) - 16 or None]
                    mend(packet)
                    packets.append(packet)
    wrpcap(o.out, packets, linktype=101)


if __name__ == "__main__":
    main()
