#!/usr/bin/python3
"""The IKE SA of a strongSwan's log at level 4 as SA state: the keys that it logs, for tests of what opens messages.

    sa_from_log.py --local ADDR --remote ADDR [--role initiator|responder] [--auth WORD] LOG OUT

The first IKE SA of the log, made with aes128-sha1-modp2048. The log is that of the end with --local.
"""
import argparse, re, time
import sa_make


def dumps(path):
    """(name, bytes) of each hex dump, in order."""
    name, left, out = None, 0, b""
    for line in open(path, errors="replace"):
        m = re.search(r"\] ([\w ]+) => (\d+) bytes @", line)
        if m:
            name, left, out = m.group(1), int(m.group(2)), b""
            continue
        m = re.search(r"\] +\d+: ((?:[0-9A-F]{2} )+)", line)
        if m and name:
            out += bytes.fromhex(m.group(1))[:left - len(out)]
            if len(out) == left:
                yield name, out
                name = None


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--local", required=True)
    a.add_argument("--remote", required=True)
    a.add_argument("--role", default="initiator")
    a.add_argument("--auth", default="psk")
    a.add_argument("log")
    a.add_argument("out")
    o = a.parse_args()
    got, iv = {}, None
    for name, value in dumps(o.log):
        if name == "next IV for MID 0":
            iv = value        # of the last message of phase 1
        else:
            got.setdefault(name, value)
    # NAT-D is made of both cookies, an address and a port (RFC 3947, 3.2).
    cookies = got["natd_chunk"][:16]
    now = int(time.time())
    sa_make.write(o.out, [{
        "type": "ike-sa", "format": 1, "version": 1, "spi-i": cookies[:8], "spi-r": cookies[8:], "role": o.role,
        "auth": o.auth, "exchange": "main", "local": sa_make.address(o.local, 4500),
        "remote": sa_make.address(o.remote, 4500),
        "proposal": {"encryption": "aes-cbc", "key-bits": 128, "hash": "sha1", "group": "modp2048"},
        "natt": {"version": "rfc3947", "marker": "non-esp", "local-nat": True, "remote-nat": True, "forced": False},
        "keys": {"skeyid": got["SKEYID"], "skeyid-d": got["SKEYID_d"], "skeyid-a": got["SKEYID_a"],
                 "skeyid-e": got["SKEYID_e"], "cipher": got["encryption key Ka"], "iv": iv},
        "established": now, "lifetime": {"seconds": 3600, "expires": now + 3600},
    }])


main()
