#!/usr/bin/python3
"""sniff.py IFACE OUT.pcap [SECONDS]: captures an interface's IP packets to a file until it is ended.

For namespaces where tcpdump cannot drop privileges. Prints a line when it listens; needs CAP_NET_RAW.
"""
import signal, socket, struct, sys, time


def main():
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
    s.bind((sys.argv[1], 3))
    end = time.monotonic() + float(sys.argv[3] if len(sys.argv) > 3 else 60)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with open(sys.argv[2], "wb", buffering=0) as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
        print("listening", flush=True)
        while time.monotonic() < end:
            s.settimeout(max(end - time.monotonic(), 0.01))
            try:
                p, where = s.recvfrom(65535)
            except socket.timeout:
                break
            # The loopback shows each packet twice: leave out those on their way out.
            if where[2] != socket.PACKET_OUTGOING and where[1] in (0x0800, 0x86dd):
                now = time.time()
                f.write(struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(p), len(p)) + p)


if __name__ == "__main__":
    main()
