#!/usr/bin/python3
"""ESP packets of an independent implementation, for tests of what reads or exports keys.

    esp_pcap.py [--count N] [--first SEQ] [--text TEXT] STATE OUT.pcap

Two ways for each child-sa of STATE: ours to the peer (spi-out, enc-out) and back, each with
an inner UDP datagram between the first addresses of the selectors that carries TEXT.
Needs python3-scapy and python3-cbor2. AH and what scapy has no word for: exit 77.
"""
import argparse, ipaddress, sys
import cbor2
from esp_scapy import NoWord, association, ip, seal
from packets import Raw, UDP, wrpcap


def inside(net):
    """An address of a selector, not the network's own."""
    if "-" in net:
        return net.split("-")[0]
    n = ipaddress.ip_network(net)
    return str(n[1] if n.num_addresses > 1 else n[0])


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
                try:
                    sa = association(r, way)
                except NoWord:
                    sys.exit(77)
                for n in range(o.count):
                    inner = ip(inside(ts[0][0]["net"]), inside(ts[1][0]["net"])) / UDP(sport=40000, dport=9) / Raw(o.text.encode())
                    packets.append(seal(sa, r, inner, seq_num=o.first + n))
    wrpcap(o.out, packets, linktype=101)


if __name__ == "__main__":
    main()
