#!/usr/bin/python3
"""offloads.py SEED DEVICE...: turns offloads of the devices off and on, one each 50 to 400 ms, until it gets SIGTERM.

Segmentation of TCP, GSO, GRO and checksums by the device, and the longest super-packet. Prints what it did, a line each.
"""
import array, fcntl, random, signal, socket, struct, subprocess, sys, time

SIOCETHTOOL = 0x8946
SET = {"tx-checksum": 0x17, "tso": 0x1f, "gso": 0x24, "gro": 0x2c}	# ETHTOOL_STXCSUM and so on

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
random.seed(int(sys.argv[1]))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    dev, what, on = random.choice(sys.argv[2:]), random.choice([*SET, "segs"]), random.randrange(2)
    if what == "segs":
        n = 65535 if on else random.choice((1, 2, 7))
        rc = subprocess.run(["ip", "link", "set", dev, "gso_max_segs", str(n)], check=False).returncode
        print(dev, what, n, rc, flush=True)
    else:
        v = array.array("B", struct.pack("II", SET[what], on))
        try:
            fcntl.ioctl(s, SIOCETHTOOL, struct.pack("16sP", dev.encode(), v.buffer_info()[0]))
            print(dev, what, on, 0, flush=True)
        except OSError as e:
            print(dev, what, on, e, flush=True)
    time.sleep(random.uniform(.05, .4))
