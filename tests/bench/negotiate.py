#!/usr/bin/python3
"""How long a negotiation takes, from the start of the client to what it is for.

    negotiate.py sapipe N COMMAND...    until the child-sa record can be read
    negotiate.py swanctl N UP DOWN      until UP ends; DOWN undoes it
    negotiate.py load N PID COMMAND...  N negotiations; how much processor time they cost PID
    negotiate.py pairs N A B C          A and B, each a command line, as sapipe does, and C until it ends: all in turn

Prints milliseconds, one run a line; load prints negotiations a processor-second, pairs those of A, B and C in one line.
"""

import io
import os
import shlex
import signal
import subprocess
import sys
import time

import cbor2

LIMIT_S = 20


def negotiate(argv):
    """Seconds from the start of argv to its first child-sa record."""
    start = time.perf_counter()
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, close_fds=False)
    fd = p.stdout.fileno()
    data = b""
    took = None
    while took is None:
        more = os.read(fd, 65536)
        now = time.perf_counter()
        if not more or now - start > LIMIT_S:
            p.kill()
            sys.exit("no child-sa record: " + p.communicate()[1].decode(errors="replace"))
        data += more
        try:
            stream = io.BytesIO(data)
            while stream.tell() < len(data):
                if cbor2.load(stream).get("type") == "child-sa":
                    took = now - start
                    break
        except cbor2.CBORDecodeEOF:
            continue
    p.send_signal(signal.SIGTERM)
    p.communicate(timeout=LIMIT_S)
    return took


def cpu_s(pid):
    """Processor time of a process so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    what, n = sys.argv[1], int(sys.argv[2])
    if what == "sapipe":
        for _ in range(n):
            print(f"{negotiate(sys.argv[3:]) * 1000:.2f}")
    elif what == "swanctl":
        up, down = (shlex.split(a) for a in sys.argv[3:5])
        for _ in range(n):
            start = time.perf_counter()
            subprocess.run(up, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           stdin=subprocess.DEVNULL, check=True, close_fds=False)
            print(f"{(time.perf_counter() - start) * 1000:.2f}")
            subprocess.run(down, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           stdin=subprocess.DEVNULL, check=True)
    elif what == "pairs":
        a, b, c = (shlex.split(x) for x in sys.argv[3:6])
        for i in range(n):
            # neither is always the second
            took = [negotiate(x) for x in ((a, b) if i % 2 == 0 else (b, a))]
            took = took if i % 2 == 0 else took[::-1]
            start = time.perf_counter()
            subprocess.run(c, stdin=subprocess.DEVNULL, check=True, close_fds=False)
            took.append(time.perf_counter() - start)
            print(" ".join(f"{x * 1000:.2f}" for x in took))
    elif what == "load":
        pid = int(sys.argv[3])
        before = cpu_s(pid)
        for _ in range(n):
            negotiate(sys.argv[4:])
        print(f"{n / max(cpu_s(pid) - before, 0.01):.1f}")
    else:
        sys.exit(__doc__)


main()
